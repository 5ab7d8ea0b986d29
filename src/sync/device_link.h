#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/runtime.h"
#include "net/tls_stream.h"
#include "sync/machines.h"

namespace dl::sync {

enum class LinkState : uint8_t { kDown, kConnecting, kConnected, kPaused };

struct LinkReport {
  std::string peer;
  LinkState state = LinkState::kDown;
  bool in_step = false;
  std::optional<WallTime> last_contact;  // when the other side was last heard in a session
  std::string message;                   // why it is down
  uint64_t sent_bytes = 0, received_bytes = 0;
  std::map<BucketId, SpaceProgress> progress;
};

struct DeviceLinkConfig {
  net::Runtime* runtime = nullptr;
  const Clock* clock = nullptr;
  Spaces* spaces = nullptr;
  net::HostPort hub_address;
  std::shared_ptr<net::TlsContext> tls;
  DeviceId self;
  NodeId node;
  Peer hub;
  std::function<void(const BucketId&)> history_arrived;
  std::function<void(const BucketId&, const RecordHash&)> body_arrived;
  // The hub decided this node's journal of an unassigned space up to that place and holds its bodies.
  std::function<void(const BucketId&, uint64_t)> settled;
};

// The device's side of the link: dials the hub, runs both channels, dials again when they end (1 s, doubling to 8 s, to
// 60 s when the hub refused; at once after now()). Thread-safe. start() to stop().
class DeviceLink {
 public:
  explicit DeviceLink(DeviceLinkConfig config);
  ~DeviceLink();  // stop()
  void start();
  void stop();

  void changed(const BucketId& space);  // something of ours moved
  void changed_all();                   // assignments moved
  void now();                           // dial without waiting
  void pause();
  void resume();
  LinkReport report() const;
  bool connected() const;
  // This body first. `done` exactly once, from any thread: true when it is here, false after `wait` or without a link
  // at once (then `linked` is false).
  void want(const BucketId& space, const RecordHash& record, Millis wait,
            std::function<void(bool here, bool linked)> done);

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace dl::sync

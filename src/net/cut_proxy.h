#pragma once

#include <cstdint>
#include <memory>

#include "net/address.h"
#include "net/runtime.h"

namespace dl::net {

// A link that can be cut: forwards TCP connections on loopback to a target and counts what passes. Thread-safe, but for
// stop() (not on a loop).
class CutProxy {
 public:
  // runtime is started and outlives it. Listens on 127.0.0.1, port 0 picks one; kConflict when the port is taken.
  static Result<std::unique_ptr<CutProxy>> open(Runtime& runtime, HostPort target, uint16_t port = 0);
  ~CutProxy();  // stop()
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  HostPort address() const;
  // Where new connections go from now on.
  void set_target(HostPort target);
  // Resets every connection; until mend() each new one is reset too. Returns when no byte passes any more.
  void cut();
  void mend();
  bool is_cut() const;
  // Nothing passes, nothing is closed: what a radio shadow looks like. Ends with mend() or cut().
  void freeze();
  // Bytes a second in each direction over all connections; 0: not limited.
  void set_rate(uint64_t bytes_per_second);

  struct Counters {
    uint64_t to_target = 0, from_target = 0, connections = 0, open = 0;
  };
  Counters counters() const;
  void stop();

 private:
  struct Core;
  explicit CutProxy(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace dl::net

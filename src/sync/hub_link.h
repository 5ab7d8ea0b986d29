#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sync/device_link.h"

namespace dl::sync {

struct HubLinkConfig {
  net::Runtime* runtime = nullptr;
  const Clock* clock = nullptr;
  Spaces* spaces = nullptr;
  DeviceId self;
  NodeId node;
  size_t max_connections = 4096;  // further ones are closed
  // By the certificate of the other end. Errors: kForeign, kDenied: told to it.
  std::function<Result<Peer>(BytesView certificate_der)> find_peer;
  // An EnrollRequest from one that shows this certificate; returns the EnrollAnswer. Blocks.
  std::function<Result<Bytes>(BytesView request, BytesView certificate_der)> enroll;
  // Records of a device arrived in this space: other sessions have news.
  std::function<void(const BucketId&)> records_arrived;
  // A device was heard; blocks.
  std::function<void(const Peer&)> contact;
};

// The hub's side of the link: accepts devices, runs their channels, enrols new ones. A new metadata channel of a device
// ends the one before. Thread-safe. listen() to stop().
class HubLink {
 public:
  explicit HubLink(HubLinkConfig config);
  ~HubLink();  // stop()
  Result<net::HostPort> listen(net::HostPort address, std::shared_ptr<net::TlsSlot> tls);
  void stop();

  void changed(const BucketId& space);
  void changed_all();
  // Ends the sessions of a device (suspended, lost, retired).
  void drop(const std::string& device);
  std::vector<LinkReport> report() const;
  size_t open_connections() const;  // also of those that have not said who they are

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace dl::sync

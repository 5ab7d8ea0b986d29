#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/settings.h"
#include "net/address.h"
#include "storage/file_system.h"

namespace dl::node {

// Where a node's parts come from: the machine's own, or a test's.
struct World {
  storage::FileSystem* fs = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
};
World this_machine();

struct NodeConfig {
  std::string data_dir;
  Settings settings;
  std::string
      admin_key_file;  // hub's first start: an AWS credentials file, mode 0600; empty: the key is told by first_key()
  std::string version;
};

struct Addresses {
  net::HostPort data, admin;
  std::optional<net::HostPort> link, insecure_http;
};

// HOST:PORT at which this machine itself reaches what listens there: "localhost" where that is all addresses.
std::string reach_locally(const net::HostPort& bound);

// One running node over one data directory: built by hand, started and stopped in order. Owned by app.
class Node {
 public:
  // Opens or makes everything and listens; returns when it serves. An empty directory becomes a hub. Errors: of the
  // directory, the store, the addresses: nothing that is there is changed by a refusal.
  static Result<std::unique_ptr<Node>> start(World world, NodeConfig config);
  ~Node();  // stop()
  // Drains requests, ends sessions, makes what is queued durable. Containers run on. Idempotent.
  void stop();

  Addresses addresses() const;
  // The administrator's key, when this start made it and no file was named.
  struct FirstKey {
    std::string id, secret;
  };
  std::optional<FirstKey> first_key() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace dl::node

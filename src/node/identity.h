#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/certificate.h"
#include "format/enroll.h"
#include "net/tls.h"
#include "node/node_keys.h"
#include "storage/local/store.h"

namespace dl::node {

// Who this node is: row 7E "node/identity" of partition `control`, made at the first start (hub) or by enrolment
// (device).
Result<std::optional<format::NodeIdentity>> load_identity(storage::Partition& partition);
Result<void> store_identity(storage::Partition& partition, const format::NodeIdentity& identity);
// Device: when the hub was last heard; row 7E "node/contact", milliseconds. Kept now and then, so that it outlives a
// start.
Result<std::optional<WallTime>> load_contact(storage::Partition& partition);
Result<void> store_contact(storage::Partition& partition, WallTime heard);
format::NodeIdentity new_hub_identity(const std::string& name, const std::string& region, Random& random);

// The partitions of every node, with their keys from the ring.
Result<std::unique_ptr<storage::LocalStore>> open_store(storage::FileSystem& fs, const std::string& dir, NodeKeys& keys,
                                                        const Clock& clock, Random& random,
                                                        const storage::LocalLimits& limits = {});

// The node's own CA: for its S3 and administration ports. Made when absent; never changed.
Result<crypto::Authority> ensure_own_authority(NodeKeys& keys, const std::string& name, const Clock& clock,
                                               Random& random);
// The hub's CA for link certificates.
Result<crypto::Authority> ensure_link_authority(NodeKeys& keys, const std::string& name, Random& random);
Result<crypto::PrivateKey> ensure_device_key(NodeKeys& keys, Random& random);

// A fresh server certificate of this CA with a fresh key, for 90 days. The chain carries the CA.
Result<net::TlsIdentity> issue_server_identity(const crypto::Authority& authority,
                                               const std::vector<std::string>& names, const Clock& clock,
                                               Random& random);
// localhost, the host's name, 127.0.0.1, ::1 and the given extra ones.
std::vector<std::string> server_names(const std::vector<std::string>& extra);

}  // namespace dl::node

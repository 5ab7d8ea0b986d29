#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "journal/space.h"
#include "storage/partition.h"
#include "sync/spaces.h"

namespace dl::sync {

// A space as this node holds it.
struct HeldSpace {
  journal::Space space;
  storage::Partition* partition = nullptr;
  storage::BlobStore* blobs = nullptr;  // same as space.blobs, to write
  bool deleted = false;                 // home: the bucket is gone; what still arrives is held
};

// Who exchanges what with whom: fleet and control know, node wires. Thread-safe.
class Membership {
 public:
  virtual ~Membership() = default;
  // As Spaces::shared_with and may_receive.
  virtual Result<std::vector<BucketId>> shared_with(const Peer& peer) const = 0;
  virtual Result<bool> may_receive(const Peer& peer, const BucketId& space) const = 0;
  // Home: every space that may_receive allows that peer; a device answers with none.
  virtual Result<std::vector<BucketId>> receivable_from(const Peer& peer) const = 0;
  // nullopt: this node does not hold it.
  virtual std::optional<HeldSpace> find_space(const BucketId& space) const = 0;
};

}  // namespace dl::sync

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/author.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "journal/space.h"
#include "storage/blob_store.h"
#include "storage/partition.h"

// What `objects` asks of the rooms that know buckets and spaces; `node` wires control state, journal and sync behind
// it.
namespace dl::objects {

struct BucketInfo {
  BucketId id;
  std::string name;
  WallTime created;
  journal::Versioning versioning = journal::Versioning::kUnversioned;
  std::string home_region;  // of the bucket's home: GetBucketLocation
  std::string owner;        // for people
  Bytes id_key;             // 32 bytes
  bool deleted = false;     // its row is kept, its name is free
  bool home = false;        // this node commits
  bool ready = true;        // false: assigned, but its first complete history is not here yet (503)
};

// Buckets by name. find_, list_ and revision() are in memory, from any thread. The changes block until durable and are
// called on the pool; `by` is who asks, with the audit record for the step. At a device they answer kUnsupported "done
// at the hub in this version".
class BucketSource {
 public:
  virtual ~BucketSource() = default;
  // Of the control state that find_bucket answers from; a permit that carries another one is decided again.
  virtual uint64_t revision() const = 0;
  // Only buckets that are active; nullopt otherwise.
  virtual std::optional<BucketInfo> find_bucket(std::string_view name) const = 0;
  virtual std::vector<BucketInfo> list_buckets() const = 0;  // active ones, by name
  // Errors: kExists, kUnsupported.
  virtual Result<BucketInfo> create_bucket(const audit::Author& by, const std::string& name) = 0;
  // Marks the bucket deleted, publishes that (so that later permits carry the new revision), then asks `empty`, which
  // runs a step in the bucket's partition; when it says false the row becomes active again and kConflict is returned.
  // Errors: kNotFound, kConflict, kUnsupported.
  virtual Result<void> delete_bucket(const audit::Author& by, const std::string& name,
                                     std::function<Result<bool>()> empty) = 0;
  // Errors: kNotFound, kUnsupported.
  virtual Result<void> set_versioning(const audit::Author& by, const std::string& name,
                                      journal::Versioning versioning) = 0;
};

// A bucket's space as this node holds it. The pointers live as long as the node serves; never null.
struct SpaceHandle {
  const journal::Space* space = nullptr;
  storage::Partition* partition = nullptr;
  storage::BlobStore* blobs = nullptr;
};

class SpaceSource {
 public:
  virtual ~SpaceSource() = default;
  // Thread-safe, in memory. Errors: kUnavailable when this node does not hold the space.
  virtual Result<SpaceHandle> find_space(const BucketInfo& bucket) = 0;
};

enum class BodyState : uint8_t {
  kHere,    // it can be read now
  kWaited,  // still on its way
  kNoLink,  // nobody can be asked now
};

// A body that is not here: moved to the front of what is fetched. `done` is called exactly once, from any thread, at
// the latest after `wait`.
class BodyWaiter {
 public:
  virtual ~BodyWaiter() = default;
  virtual void want(const BucketId& bucket, const RecordHash& version, Millis wait,
                    std::function<void(BodyState)> done) = 0;
};

}  // namespace dl::objects

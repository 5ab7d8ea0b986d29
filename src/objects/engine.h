#pragma once

// Inside the room only, included in sources: what every operation is made of.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/task_fwd.h"
#include "gate/permit.h"
#include "objects/limits.h"
#include "objects/objects.h"
#include "storage/partition.h"

namespace dl::objects {

// Where a request works: the bucket's facts and this node's part of it.
struct Place {
  BucketInfo bucket;
  SpaceHandle at;
  bool versioned() const { return bucket.versioning != journal::Versioning::kUnversioned; }
};

// The permit is for this action (one of `actions`); a key when `key` is given. kInternal otherwise: our own bug.
Result<void> check_permit(const gate::Permit& permit, std::initializer_list<std::string_view> actions);
// Errors: kNotFound (kNoSuchBucket), kUnavailable (kBucketNotReady).
Result<Place> find_place(const Deps& deps, const gate::Permit& permit);
Result<void> check_key(BytesView key);

// One step, durable on return. After kTimeout the write is open: it may be there afterwards.
Task<void> commit(storage::Partition* partition, storage::Step step, storage::Purpose purpose);

Result<void> check_revision(const Deps& deps, const std::vector<gate::Permit>& permits);
// Of the permits whose change is in the step; the others, dropped, leave a record of outcome "failed".
Result<void> append_audit(storage::Batch& batch, const std::vector<gate::Permit>& permits,
                          const std::function<bool(size_t permit)>& is_done);
Result<std::vector<gate::Permit>> renew(const Deps& deps, const std::vector<gate::Permit>& permits);

// Versions.
// nullopt: no such key or version. A current marker is returned as such.
struct Shown {
  std::optional<journal::Version> version;
  uint32_t conflicts = 0, arriving = 0;
};
Result<Shown> find_shown(const storage::View& view, const journal::Space& space, BytesView key,
                         const std::optional<VersionRef>& ref);
// The same, as S3 sees it: kNotFound with kNoSuchKey or kNoSuchVersion.
Result<ObjectInfo> describe(const Place& place, BytesView key, const std::optional<VersionRef>& ref, Shown shown);

// What a reader is told instead of damage (any other error is returned as it is): that this version cannot be read.
// Where and why goes to the node alone.
Error tell_damage(const Deps& deps, Damaged found, Error why);
std::string version_name(const std::optional<VersionRef>& version);  // as Damaged has it

// Moves a body that is not here to the front and waits. Errors: kUnavailable (kBodyOnItsWay, kBodyRemote).
Task<void> wait_for_body(const Deps* deps, BucketId bucket, RecordHash version, Millis wait);

journal::Moment moment(const Deps& deps);

}  // namespace dl::objects

#pragma once

// Inside the room: what the writes of versions share. Functions with a Batch run inside a step.
#include "base/task_fwd.h"
#include "objects/engine.h"

namespace dl::objects {

void set_meta(journal::Draft& draft, const ObjectMeta& meta);

// The bucket that the body was stored for is still the one of that name. Errors: kNotFound (kNoSuchBucket).
Result<void> check_same_bucket(const Place& place, const BucketId& meant);
// Conditions on the key's current version, before and inside the step; the latter marks the draft as guarded.
Task<void> check_early(const Deps* deps, Place place, Bytes key, Conditions conditions);
Result<void> check_in_step(const storage::View& view, const Place& place, BytesView key, const Conditions& conditions,
                           journal::Draft& draft);
// x-demilune-parents. Errors: kNotFound (kNoSuchVersion).
Result<void> set_parents(const storage::View& view, const Place& place, BytesView key,
                         const std::vector<VersionRef>& parents, journal::Draft& draft);
// Fills in who, where and how versioned, and appends to the journal. The answer rests on the step being durable.
Result<PutResult> append_object(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                                journal::Draft draft);
Result<journal::Written> append_draft(const Deps& deps, storage::Batch& batch, const Place& place,
                                      const gate::Permit& by, journal::Draft draft);

}  // namespace dl::objects

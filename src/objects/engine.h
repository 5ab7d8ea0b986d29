#pragma once

// Inside the room only, included in sources: what every operation is made of.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"
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

// Runs `work` on the pool.
template <class T>
Task<T> on_pool(const Deps* deps, std::function<Result<T>()> work) {
  auto out = std::make_shared<std::optional<Result<T>>>();
  auto job = std::make_shared<std::function<Result<T>()>>(std::move(work));
  DL_CO_OK(co_await net::run_blocking(*deps->runtime, [out, job]() -> Result<void> {
    out->emplace((*job)());
    return {};
  }));
  co_return std::move(**out);
}

// One step, durable on return. After kTimeout the write is open: it may be there afterwards.
Task<void> commit(storage::Partition* partition, storage::Step step, storage::Purpose purpose);

// A write under permits of one bucket: one step that compares the control revision, does `work`, and appends the audit
// records. When control state moved, everything is decided again. `work` runs on the committer thread and may run
// twice.
template <class T>
struct Write {
  std::vector<gate::Permit> permits;
  storage::Purpose purpose = storage::Purpose::kWrite;
  std::function<Result<T>(storage::Batch&, const Place&, const gate::Permit&)> work;
};

Result<void> check_revision(const Deps& deps, const std::vector<gate::Permit>& permits);
Result<void> append_audit(storage::Batch& batch, const std::vector<gate::Permit>& permits);
Result<std::vector<gate::Permit>> renew(const Deps& deps, const std::vector<gate::Permit>& permits);

template <class T>
Task<T> run_write(const Deps* deps, Write<T> write) {
  struct State {
    Write<T> write;
    Place place;
    std::optional<T> out;
  };
  for (int round = 0;; ++round) {
    // Shared with the step, which may still run after our deadline.
    auto state = std::make_shared<State>();
    state->write = std::move(write);
    DL_CO_TRY(state->place, find_place(*deps, state->write.permits.front()));
    storage::Step step = [deps, state](storage::Batch& batch) -> Result<void> {
      DL_OK(check_revision(*deps, state->write.permits));
      DL_TRY(state->out, state->write.work(batch, state->place, state->write.permits.front()));
      return append_audit(batch, state->write.permits);
    };
    Result<void> done = co_await commit(state->place.at.partition, std::move(step), state->write.purpose);
    if (done.ok()) co_return std::move(*state->out);
    if (reason_of(done.error()) != Reason::kStale || round == limits::kMaxRenewals) co_return std::move(done).error();
    DL_CO_TRY(auto permits, renew(*deps, state->write.permits));
    write = std::move(state->write);
    write.permits = std::move(permits);
  }
}

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

// Moves a body that is not here to the front and waits. Errors: kUnavailable (kBodyOnItsWay, kBodyRemote).
Task<void> wait_for_body(const Deps* deps, BucketId bucket, RecordHash version, Millis wait);

journal::Moment moment(const Deps& deps);

}  // namespace dl::objects

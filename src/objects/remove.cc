#include <algorithm>

#include "base/task.h"
#include "objects/conditions.h"
#include "objects/engine.h"
#include "objects/run.h"
#include "objects/write.h"

namespace dl::objects {
namespace {

Result<void> check_remove(const gate::Permit& permit, const RemoveRequest& request) {
  if (request.version) {
    DL_OK(check_permit(permit, {"s3:DeleteObjectVersion"}));
  } else {
    DL_OK(check_permit(permit, {"s3:DeleteObject"}));
  }
  if (permit.key() != request.key) return error(Code::kInternal, "a permit for another key");
  return check_key(request.key);
}

// DELETE with a version-id: a purge that names its target. Of a version that is not here: done already.
Result<RemoveResult> purge(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                           const RemoveRequest& request) {
  DL_TRY(Shown shown, find_shown(batch, *place.at.space, request.key, request.version));
  RemoveResult out;
  out.version = request.version->id;
  out.null = request.version->null;
  if (!shown.version) return out;
  out.version = shown.version->version;
  out.marker = shown.version->record.kind == format::RecordKind::kMarker;
  DL_OK(check_write(request.conditions, shown.version));
  journal::Draft draft;
  draft.kind = format::RecordKind::kPurge;
  draft.key = request.key;
  draft.target = shown.version->hash;
  draft.guard = !request.conditions.empty();
  DL_TRY(journal::Written written, append_draft(deps, batch, place, by, std::move(draft)));
  (void)written;
  return out;
}

// Plain DELETE: a marker on top.
Result<RemoveResult> mark(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                          const RemoveRequest& request) {
  journal::Draft draft;
  draft.kind = format::RecordKind::kMarker;
  draft.key = request.key;
  DL_OK(check_in_step(batch, place, request.key, request.conditions, draft));
  DL_TRY(journal::Written written, append_draft(deps, batch, place, by, std::move(draft)));
  RemoveResult out;
  if (!written.wrote || !place.versioned()) return out;
  out.version = written.version;
  out.null = written.null;
  out.marker = true;
  return out;
}

Result<RemoveResult> remove_one(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                                const RemoveRequest& request) {
  return request.version ? purge(deps, batch, place, by, request) : mark(deps, batch, place, by, request);
}

// A key that is refused (a lock, too many heads) leaves the others alone; damage ends the step.
Result<std::vector<Result<RemoveResult>>> remove_each(const Deps& deps, storage::Batch& batch, const Place& place,
                                                      const gate::Permit& by,
                                                      const std::vector<RemoveRequest>& requests) {
  std::vector<Result<RemoveResult>> out;
  for (const RemoveRequest& request : requests) {
    auto result = remove_one(deps, batch, place, by, request);
    if (!result.ok()) {
      const Code code = result.error().code;
      if (code == Code::kCorrupt || code == Code::kIo || code == Code::kInternal) return std::move(result).error();
    }
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace

Task<RemoveResult> Objects::remove(gate::Permit permit, RemoveRequest request) {
  DL_CO_OK(check_remove(permit, request));
  Write<RemoveResult> write;
  write.permits.push_back(std::move(permit));
  write.purpose = storage::Purpose::kFree;
  write.work = [this, request = std::move(request)](storage::Batch& batch, const Place& place, const gate::Permit& by) {
    return remove_one(deps_, batch, place, by, request);
  };
  co_return co_await run_write(&deps_, std::move(write));
}

Task<std::vector<Result<RemoveResult>>> Objects::remove_many(std::vector<RemoveItem> items) {
  using Results = std::vector<Result<RemoveResult>>;
  DL_ASSERT(items.size() <= limits::kMaxDeletes, "more deletes than a request may carry");
  Results all;
  // Steps of a bounded size, so that other writers of the partition get their turn.
  constexpr size_t kKeysAStep = 100;
  for (size_t from = 0; from < items.size(); from += kKeysAStep) {
    const size_t to = std::min(items.size(), from + kKeysAStep);
    Write<Results> write;
    write.purpose = storage::Purpose::kFree;
    auto requests = std::make_shared<std::vector<RemoveRequest>>();
    for (size_t i = from; i < to; ++i) {
      DL_CO_OK(check_remove(items[i].permit, items[i].request));
      requests->push_back(std::move(items[i].request));
      write.permits.push_back(std::move(items[i].permit));
    }
    write.work = [this, requests](storage::Batch& batch, const Place& place, const gate::Permit& first) {
      return remove_each(deps_, batch, place, first, *requests);
    };
    write.is_done = [](const Results& results, size_t i) { return results[i].ok(); };
    DL_CO_TRY(Results some, co_await run_write(&deps_, std::move(write)));
    for (auto& result : some) all.push_back(std::move(result));
  }
  co_return std::move(all);
}

}  // namespace dl::objects

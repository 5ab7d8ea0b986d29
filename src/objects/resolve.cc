#include "base/task.h"
#include "objects/copy.h"
#include "objects/engine.h"
#include "objects/run.h"
#include "objects/write.h"

namespace dl::objects {

Task<PutResult> Objects::resolve(gate::Permit permit, VersionRef keep) {
  DL_CO_OK(check_permit(permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(permit.key()));
  Write<PutResult> write;
  write.permits.push_back(std::move(permit));
  write.work = [this, keep](storage::Batch& batch, const Place& place, const gate::Permit& by) -> Result<PutResult> {
    DL_TRY(auto found, journal::find_key(batch, *place.at.space, by.key()));
    if (found.conflicts.empty() || !found.current)
      return error(Code::kConflict, by.key() + " has no conflict", "it may have been resolved already");
    DL_TRY(Shown shown, find_shown(batch, *place.at.space, by.key(), keep));
    if (!shown.version) return refuse(Code::kNotFound, Reason::kNoSuchVersion, by.key() + " has no such version");
    const journal::Version& kept = *shown.version;
    if (!kept.body_here)
      return refuse(Code::kUnavailable, Reason::kBodyRemote, "the body of that version is not on this node",
                    "read it once, or resolve at the hub");
    journal::Draft draft;
    draft.kind = kept.record.kind;
    if (kept.record.object) draft.object = *kept.record.object;
    draft.body = kept.body;
    DL_TRY(draft.manifest, manifest_of(batch, kept));
    draft.parents = found.conflicts;
    draft.parents->insert(draft.parents->begin(), found.current->hash);
    draft.settles = true;
    return append_object(deps_, batch, place, by, std::move(draft));
  };
  co_return co_await run_write(&deps_, std::move(write));
}

}  // namespace dl::objects

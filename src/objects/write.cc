#include "objects/write.h"

#include "base/task.h"
#include "objects/conditions.h"

namespace dl::objects {

void set_meta(journal::Draft& draft, const ObjectMeta& meta) {
  draft.object.headers = meta.headers;
  draft.object.user_metadata = meta.user_metadata;
}

Result<void> check_same_bucket(const Place& place, const BucketId& meant) {
  if (place.bucket.id == meant) return {};
  return refuse(Code::kNotFound, Reason::kNoSuchBucket,
                "the bucket " + place.bucket.name + " was deleted and made again while the body arrived");
}

Task<void> check_early(const Deps* deps, Place place, Bytes key, Conditions conditions) {
  const SpaceHandle at = place.at;
  co_return co_await net::run_blocking(
      *deps->runtime, [at, key = std::move(key), conditions = std::move(conditions)]() -> Result<void> {
        DL_TRY(auto view, at.partition->snapshot());
        DL_TRY(auto found, journal::find_key(*view, *at.space, key));
        return check_write(conditions, found.current);
      });
}

Result<void> check_in_step(const storage::View& view, const Place& place, BytesView key, const Conditions& conditions,
                           journal::Draft& draft) {
  if (conditions.empty()) return {};
  DL_TRY(auto found, journal::find_key(view, *place.at.space, key));
  DL_OK(check_write(conditions, found.current));
  draft.guard = true;
  return {};
}

Result<void> set_parents(const storage::View& view, const Place& place, BytesView key,
                         const std::vector<VersionRef>& parents, journal::Draft& draft) {
  if (parents.empty()) return {};
  draft.parents.emplace();
  for (const VersionRef& parent : parents) {
    DL_TRY(Shown shown, find_shown(view, *place.at.space, key, parent));
    if (!shown.version)
      return refuse(Code::kNotFound, Reason::kNoSuchVersion, "x-demilune-parents names a version that is not here");
    draft.parents->push_back(shown.version->hash);
  }
  return {};
}

Result<journal::Written> append_draft(const Deps& deps, storage::Batch& batch, const Place& place,
                                      const gate::Permit& by, journal::Draft draft) {
  if (draft.key.empty()) draft.key = by.key();
  draft.versioning = place.bucket.versioning;
  draft.principal = by.principal();
  draft.policy_revision = by.policy_revision();
  return journal::append(batch, *place.at.space, std::move(draft), moment(deps));
}

Result<PutResult> append_object(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                                journal::Draft draft) {
  PutResult out;
  out.etag = draft.object.etag;
  out.size = draft.object.size;
  if (!draft.object.checksums.empty()) out.checksum = draft.object.checksums.front();
  DL_TRY(journal::Written written, append_draft(deps, batch, place, by, std::move(draft)));
  out.version = written.version;
  out.null = written.null;
  out.versioned = place.versioned();
  out.at_hub = place.at.space->home;
  out.last_modified = written.hlc;
  return out;
}

}  // namespace dl::objects

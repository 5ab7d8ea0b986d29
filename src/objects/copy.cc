#include "objects/copy.h"

#include <algorithm>

#include "base/hex.h"
#include "base/task.h"
#include "objects/conditions.h"
#include "objects/intake.h"
#include "objects/run.h"
#include "objects/wait_hub.h"
#include "objects/write.h"

namespace dl::objects {
namespace {

Result<CopySource> look_up(const Place& place, const CopyRequest& request) {
  DL_TRY(auto view, place.at.partition->snapshot());
  DL_TRY(Shown shown, find_shown(*view, *place.at.space, request.source_key, request.source_version));
  CopySource source;
  source.place = place;
  if (shown.version && shown.version->record.kind == format::RecordKind::kObject) {
    source.pieces = shown.version->body;
    DL_TRY(source.manifest, manifest_of(*view, *shown.version));
  }
  DL_TRY(source.info, describe(place, request.source_key, request.source_version, std::move(shown)));
  if (source.info.found == Found::kMarker)
    return refuse(Code::kNotFound, request.source_version ? Reason::kMethodNotAllowed : Reason::kNoSuchKey,
                  "the copy source is a delete marker");
  DL_OK(check_source(request.source_conditions, source.info.fields.etag, source.info.last_modified));
  source.info.length = source.info.fields.size;
  if (request.source_range) {
    DL_TRY(Extent extent, resolve_range(*request.source_range, source.info.fields.size));
    source.info.offset = extent.offset;
    source.info.length = extent.length;
  }
  return source;
}

bool has_checksum(const format::ObjectFields& fields, format::ChecksumKind kind) {
  return std::any_of(fields.checksums.begin(), fields.checksums.end(),
                     [kind](const format::Checksum& c) { return c.kind == kind; });
}

// The draft of a copy whose bytes are shared: hashes, parts and checksums are the source's.
journal::Draft draft_of(const CopySource& source, const CopyRequest& request) {
  journal::Draft draft;
  draft.object = source.info.fields;
  if (request.replace_metadata) set_meta(draft, request.meta);
  draft.body = source.pieces;
  draft.manifest = source.manifest;
  return draft;
}

// The checksum asked for is not the source's: take it from the bytes.
Task<void> add_checksum(const Deps* deps, std::shared_ptr<CopySource> source, format::ChecksumKind kind,
                        journal::Draft* draft) {
  DL_CO_TRY(Received hashed, co_await on_pool<Received>(deps, [source, kind] {
              return hash_stored(*source->place.at.blobs, source->pieces, 0, source->info.fields.size, kind);
            }));
  if (hashed.checksum) draft->object.checksums = {*hashed.checksum};
  co_return Result<void>();
}

// Into another partition: the bytes move, and become a single body.
Task<void> move_bytes(const Deps* deps, std::shared_ptr<CopySource> source, std::optional<format::ChecksumKind> kind,
                      storage::BlobStore* to, journal::Draft* draft) {
  DL_CO_TRY(Received moved, co_await on_pool<Received>(deps, [source, kind, to] {
              return receive_stored(*source->place.at.blobs, source->pieces, 0, source->info.fields.size, kind, to);
            }));
  draft->body.clear();
  draft->manifest.reset();
  draft->object.part_runs.clear();
  draft->object.etag = to_hex(moved.md5);
  draft->object.body_hash = moved.sha256;
  draft->object.checksums.clear();
  if (moved.checksum) draft->object.checksums.push_back(*moved.checksum);
  draft->fresh = std::move(moved.body);
  co_return Result<void>();
}

}  // namespace

Result<std::optional<format::BodyManifest>> manifest_of(const storage::View& view, const journal::Version& version) {
  if (!version.record.object || version.record.object->part_runs.empty()) return std::optional<format::BodyManifest>();
  return journal::find_manifest(view, version.hash);
}

Task<CopySource> find_source(const Deps* deps, gate::Permit permit, CopyRequest request) {
  if (request.source_version) {
    DL_CO_OK(check_permit(permit, {"s3:GetObjectVersion"}));
  } else {
    DL_CO_OK(check_permit(permit, {"s3:GetObject"}));
  }
  if (permit.key() != request.source_key) co_return error(Code::kInternal, "a permit for another key");
  DL_CO_OK(check_key(request.source_key));
  for (int round = 0;; ++round) {
    DL_CO_TRY(Place place, find_place(*deps, permit));
    auto found = co_await on_pool<CopySource>(deps, [place, request] { return look_up(place, request); });
    if (!found.ok())
      co_return tell_damage(*deps, {permit.bucket(), request.source_key, version_name(request.source_version), {}},
                            std::move(found).error());
    CopySource source = std::move(*found);
    if (source.info.here) co_return std::move(source);
    if (round == 2)
      co_return refuse(Code::kUnavailable, Reason::kBodyOnItsWay, "the source's body does not stay on this node");
    DL_CO_OK(co_await wait_for_body(deps, place.bucket.id, source.info.hash, limits::kBodyWait));
  }
}

Error unread_source(const Deps& deps, const CopySource& source, const CopyRequest& request, Error why) {
  if (why.code == Code::kNotFound) why.code = Code::kCorrupt;
  const Damaged name{
      source.place.bucket.name, request.source_key, version_text(source.info.null, source.info.version), {}};
  return tell_damage(deps, name, std::move(why));
}

Result<void> check_source_in_step(const storage::View& view, const CopySource& source, BytesView key) {
  DL_TRY(auto still, journal::find_version(view, *source.place.at.space, key, source.info.hash));
  if (!still) return refuse(Code::kNotFound, Reason::kNoSuchKey, "the copy source was removed while it was copied");
  return {};
}

Task<CopyResult> Objects::copy(gate::Permit read, gate::Permit write_permit, CopyRequest request) {
  DL_CO_OK(check_permit(write_permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(write_permit.key()));
  DL_CO_TRY(Place target, find_place(deps_, write_permit));
  DL_CO_TRY(CopySource found, co_await find_source(&deps_, std::move(read), request));
  auto source = std::make_shared<CopySource>(std::move(found));
  if (!request.conditions.empty())
    DL_CO_OK(co_await check_early(&deps_, target, write_permit.key(), request.conditions));

  journal::Draft draft = draft_of(*source, request);
  const bool shared = source->place.at.partition == target.at.partition;
  Result<void> read_bytes;
  if (!shared) {
    read_bytes = co_await move_bytes(&deps_, source, request.checksum, target.at.blobs, &draft);
  } else if (request.checksum && !has_checksum(draft.object, *request.checksum)) {
    read_bytes = co_await add_checksum(&deps_, source, *request.checksum, &draft);
  }
  if (!read_bytes.ok()) co_return unread_source(deps_, *source, request, std::move(read_bytes).error());

  const std::string bucket = write_permit.bucket();
  const Bytes key = write_permit.key();
  Write<PutResult> write;
  write.permits.push_back(std::move(write_permit));
  write.work = [this, shared, source, meant = target.bucket.id, draft = std::move(draft), request](
                   storage::Batch& batch, const Place& at, const gate::Permit& by) -> Result<PutResult> {
    DL_OK(check_same_bucket(at, meant));
    journal::Draft mine = draft;
    if (shared) DL_OK(check_source_in_step(batch, *source, request.source_key));
    DL_OK(check_in_step(batch, at, by.key(), request.conditions, mine));
    return append_object(deps_, batch, at, by, std::move(mine));
  };
  CopyResult out;
  out.source_version = source->info.version;
  out.source_null = source->info.null;
  out.source_versioned = source->info.versioned;
  DL_CO_TRY(out.put, co_await run_write(&deps_, std::move(write)));
  if (request.wait_hub && !out.put.at_hub) DL_CO_OK(co_await wait_for_hub(&deps_, bucket, key, &out.put));
  co_return std::move(out);
}

}  // namespace dl::objects

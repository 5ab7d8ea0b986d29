#include <map>

#include "base/hex.h"
#include "base/task.h"
#include "crypto/hash.h"
#include "objects/checksum.h"
#include "objects/conditions.h"
#include "objects/engine.h"
#include "objects/run.h"
#include "objects/upload_rows.h"
#include "objects/wait_hub.h"
#include "objects/write.h"

namespace dl::objects {
namespace {

using Parts = std::map<uint32_t, format::UploadPart>;

Error invalid_part(uint32_t number, const std::string& why) {
  return refuse(Code::kInvalid, Reason::kInvalidPart, "part " + std::to_string(number) + " " + why);
}

Result<void> check_order(const std::vector<CompletePart>& parts) {
  if (parts.empty()) return refuse(Code::kInvalid, Reason::kInvalidPart, "the list of parts is empty");
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].part <= parts[i - 1].part)
      return refuse(Code::kInvalid, Reason::kInvalidPartOrder, "the parts are not listed in ascending order");
  return {};
}

Result<Parts> load_parts(const storage::View& view, const Place& place, const UploadId& upload) {
  Parts parts;
  DL_OK(scan_parts(view, place, upload, 0, [&parts](uint32_t number, format::UploadPart row) {
    parts.emplace(number, std::move(row));
    return storage::Scan::kContinue;
  }));
  return parts;
}

Result<void> check_part(const CompletePart& named, const Parts& parts, bool last, bool with_checksum) {
  auto it = parts.find(named.part);
  if (it == parts.end()) return invalid_part(named.part, "was not uploaded");
  const format::UploadPart& row = it->second;
  if (named.etag != to_hex(row.md5)) return invalid_part(named.part, "has another ETag");
  if (named.checksum && (!row.checksum || *row.checksum != *named.checksum))
    return invalid_part(named.part, "has another checksum");
  if (with_checksum && !row.checksum) return invalid_part(named.part, "has no checksum");
  if (!last && row.size < limits::kMinPartBytes)
    return refuse(Code::kInvalid, Reason::kEntityTooSmall,
                  "part " + std::to_string(named.part) + " has " + std::to_string(row.size) +
                      " bytes; all but the last need at least 5 MiB");
  return {};
}

void add_run(std::vector<format::PartRun>& runs, uint64_t size) {
  if (!runs.empty() && runs.back().size == size) {
    ++runs.back().count;
  } else {
    runs.push_back({size, 1});
  }
}

// Sizes, hashes and places of the whole from its parts.
journal::Draft assemble(const format::Upload& upload, const std::vector<CompletePart>& named, const Parts& parts) {
  journal::Draft draft;
  draft.object.headers = upload.headers;
  draft.object.user_metadata = upload.user_metadata;
  draft.manifest.emplace();
  crypto::Hasher etag(crypto::Digest::kMd5);
  crypto::Sha256Hasher body_hash;
  std::vector<PartChecksum> checksums;
  for (const CompletePart& name : named) {
    const format::UploadPart& row = parts.at(name.part);
    draft.object.size += row.size;
    add_run(draft.object.part_runs, row.size);
    for (const auto& piece : row.pieces) draft.body.push_back({piece.blob, piece.offset, piece.length});
    draft.manifest->parts.push_back({row.size, row.sha256});
    etag.update(row.md5);
    Bytes size;
    put_be64(size, row.size);
    body_hash.update(size);
    body_hash.update(row.sha256.view());
    if (row.checksum) checksums.push_back({*row.checksum, row.size});
  }
  draft.object.etag = to_hex(etag.finish()) + "-" + std::to_string(named.size());
  draft.object.body_hash = body_hash.finish();
  if (upload.checksum)
    draft.object.checksums.push_back(upload.composite ? compose(*upload.checksum, checksums)
                                                      : combine(*upload.checksum, checksums));
  return draft;
}

Result<void> check_whole(const CompleteRequest& request, const journal::Draft& draft) {
  if (draft.object.size > limits::kMaxObjectBytes)
    return refuse(Code::kTooLarge, Reason::kEntityTooLarge, "an object has at most 5 TiB");
  if (request.size && *request.size != draft.object.size)
    return error(Code::kInvalid, "x-amz-mp-object-size is not the size of the parts");
  if (!request.checksum) return {};
  if (draft.object.checksums.empty() || draft.object.checksums.front().kind != request.checksum->kind)
    return error(Code::kInvalid, "the upload was created without that checksum");
  if (draft.object.checksums.front().value != request.checksum->value)
    return refuse(Code::kInvalid, Reason::kChecksumMismatch, "the object's checksum is not what the request says");
  return {};
}

// An upload that was begun without a checksum has none of its parts: only FULL_OBJECT, AWS's default, goes with it.
Result<void> check_type(const CompleteRequest& request, const format::Upload& upload) {
  const bool composite = upload.checksum && upload.composite;
  if (!request.composite || *request.composite == composite) return {};
  return error(Code::kInvalid, std::string("the upload was created with the checksum type ") +
                                   (composite ? "COMPOSITE" : "FULL_OBJECT") + "; to complete it takes the same one");
}

// The ETag that an object of these parts has; empty when one of them is no ETag of a part.
std::string etag_of(const std::vector<CompletePart>& parts) {
  crypto::Hasher etag(crypto::Digest::kMd5);
  for (const CompletePart& part : parts) {
    auto md5 = from_hex(part.etag);
    if (!md5.ok() || md5->size() != 16) return {};
    etag.update(*md5);
  }
  return to_hex(etag.finish()) + "-" + std::to_string(parts.size());
}

// A client that lost the answer asks again. The upload's rows are gone with its completion, and a version does not name
// its upload; but what it was made of can be told: the current version of the key, written by the same principal after
// the upload began, within the last day, of exactly the parts that are listed.
Result<std::optional<PutResult>> find_completed(const Deps& deps, const storage::View& view, const Place& place,
                                                const gate::Permit& by, const CompleteRequest& request) {
  std::optional<PutResult> none;
  DL_TRY(auto found, journal::find_key(view, *place.at.space, by.key()));
  if (!found.current || !found.current->record.object) return none;
  const journal::Version& version = *found.current;
  const auto& object = *version.record.object;
  const WallTime written = version.record.hlc.wall();
  const bool in_time =
      written >= format::begun_at(request.upload) && deps.clock->wall() - written <= limits::kRepeatWindow;
  if (!in_time || version.record.principal != by.principal() || object.etag != etag_of(request.parts)) return none;
  if (request.size && *request.size != object.size) return none;
  PutResult out;
  out.etag = object.etag;
  out.size = object.size;
  if (!object.checksums.empty()) out.checksum = object.checksums.front();
  if (request.checksum && out.checksum != request.checksum) return none;
  if (request.composite && *request.composite != (out.checksum && out.checksum->composite)) return none;
  out.version = version.version;
  out.null = version.record.null;
  out.versioned = place.versioned();
  out.at_hub = version.state == journal::State::kCommitted;
  out.last_modified = version.record.hlc;
  return std::optional(std::move(out));
}

Result<PutResult> complete(const Deps& deps, storage::Batch& batch, const Place& place, const gate::Permit& by,
                           const CompleteRequest& request) {
  DL_OK(check_order(request.parts));
  auto loaded = load_upload(batch, place, by.key(), request.upload);
  if (!loaded.ok()) {
    if (reason_of(loaded.error()) != Reason::kNoSuchUpload) return std::move(loaded).error();
    DL_TRY(auto before, find_completed(deps, batch, place, by, request));
    if (before) return std::move(*before);
    return std::move(loaded).error();
  }
  const format::Upload& upload = *loaded;
  DL_OK(check_type(request, upload));
  DL_TRY(Parts parts, load_parts(batch, place, request.upload));
  for (const CompletePart& named : request.parts)
    DL_OK(check_part(named, parts, &named == &request.parts.back(), upload.checksum.has_value()));
  journal::Draft draft = assemble(upload, request.parts, parts);
  DL_OK(check_whole(request, draft));
  DL_OK(check_in_step(batch, place, by.key(), request.conditions, draft));
  DL_TRY(PutResult out, append_object(deps, batch, place, by, std::move(draft)));
  // The record shares the blobs now; the parts, listed or not, let go of theirs.
  DL_OK(drop_upload(deps, batch, place, by.key(), request.upload));
  return out;
}

}  // namespace

Task<PutResult> Objects::complete_upload(gate::Permit permit, CompleteRequest request) {
  DL_CO_OK(check_permit(permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(permit.key()));
  const bool wait = request.wait_hub;
  const std::string bucket = permit.bucket();
  const Bytes key = permit.key();
  Write<PutResult> write;
  write.permits.push_back(std::move(permit));
  write.work = [this, request = std::move(request)](storage::Batch& batch, const Place& place, const gate::Permit& by) {
    return complete(deps_, batch, place, by, request);
  };
  DL_CO_TRY(PutResult out, co_await run_write(&deps_, std::move(write)));
  if (wait && !out.at_hub) DL_CO_OK(co_await wait_for_hub(&deps_, bucket, key, &out));
  co_return std::move(out);
}

}  // namespace dl::objects

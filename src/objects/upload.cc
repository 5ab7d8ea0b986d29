#include <cstring>
#include <set>

#include "base/hex.h"
#include "base/task.h"
#include "objects/copy.h"
#include "objects/engine.h"
#include "objects/intake.h"
#include "objects/run.h"
#include "objects/upload_rows.h"
#include "objects/write.h"

namespace dl::objects {
namespace {

// Ids sort by their time: the first six bytes are milliseconds, the rest is random.
UploadId make_upload_id(const Deps& deps) {
  UploadId id = deps.random->id<UploadId>();
  Bytes millis;
  put_be64(millis, static_cast<uint64_t>(deps.clock->wall().time_since_epoch().count()));
  std::memcpy(id.b.data(), millis.data() + 2, 6);
  return id;
}

Result<void> check_part_number(uint32_t part) {
  if (part >= 1 && part <= limits::kMaxParts) return {};
  return refuse(Code::kInvalid, Reason::kInvalidPartNumber, "a part number is 1 to 10000");
}

Task<format::Upload> load_upload_on_pool(const Deps* deps, Place place, Bytes key, UploadId upload) {
  co_return co_await on_pool<format::Upload>(deps, [place, key, upload]() -> Result<format::Upload> {
    DL_TRY(auto view, place.at.partition->snapshot());
    return load_upload(*view, place, key, upload);
  });
}

// The checksum to take of a part: the upload's; a part may not name another.
Result<std::optional<format::ChecksumKind>> part_checksum(const format::Upload& upload,
                                                          const std::optional<format::ChecksumKind>& asked) {
  if (upload.checksum && asked && *asked != *upload.checksum)
    return error(Code::kInvalid, "the part's checksum is of another kind than the upload's");
  return upload.checksum ? upload.checksum : asked;
}

// The row of a part; its bytes are either fresh or shared ones.
struct NewPart {
  format::UploadPart row;
  std::optional<storage::WrittenBody> fresh;
};

NewPart new_part(const Deps& deps, Received received) {
  NewPart part;
  part.row.size = received.size;
  part.row.md5 = received.md5;
  part.row.sha256 = received.sha256;
  part.row.checksum = received.checksum;
  part.row.modified_millis = static_cast<uint64_t>(deps.clock->wall().time_since_epoch().count());
  if (received.body)
    for (const auto& piece : received.body->pieces())
      part.row.pieces.push_back({piece.blob, piece.offset, piece.length});
  part.fresh = std::move(received.body);
  return part;
}

// Replaces the part of that number.
Result<void> store_part(const Deps& deps, storage::Batch& batch, const Place& place, const UploadId& upload,
                        uint32_t number, const NewPart& part) {
  const Bytes owner = format::upload_part_key(place.bucket.id, upload, number);
  DL_TRY(auto old, find_part(batch, place, upload, number));
  if (old) DL_OK(release_part(deps, batch, place, upload, number, *old));
  if (part.fresh) {
    place.at.blobs->attach(batch, *part.fresh, owner);
  } else {
    std::set<BlobId> blobs;
    for (const auto& piece : part.row.pieces) blobs.insert(piece.blob);
    for (const BlobId& blob : blobs) DL_OK(place.at.blobs->share(batch, blob, owner));
  }
  batch.put(owner, format::encode_upload_part(part.row));
  return {};
}

PartResult result_of(const format::UploadPart& row) {
  PartResult out;
  out.etag = to_hex(row.md5);
  out.checksum = row.checksum;
  out.size = row.size;
  out.last_modified = WallTime(Millis(row.modified_millis));
  return out;
}

}  // namespace

Task<UploadId> Objects::create_upload(gate::Permit permit, CreateUploadRequest request) {
  DL_CO_OK(check_permit(permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(permit.key()));
  const UploadId id = make_upload_id(deps_);
  format::Upload upload;
  upload.principal = permit.principal();
  upload.created_millis = static_cast<uint64_t>(deps_.clock->wall().time_since_epoch().count());
  upload.headers = std::move(request.meta.headers);
  upload.user_metadata = std::move(request.meta.user_metadata);
  upload.checksum = request.checksum;
  upload.composite = request.composite;
  Write<UploadId> write;
  write.permits.push_back(std::move(permit));
  write.work = [id, row = format::encode_upload(upload)](storage::Batch& batch, const Place& place,
                                                         const gate::Permit& by) -> Result<UploadId> {
    batch.put(format::upload_key(place.bucket.id, by.key(), id), row);
    return id;
  };
  co_return co_await run_write(&deps_, std::move(write));
}

Task<PartResult> Objects::upload_part(gate::Permit permit, UploadPartRequest request, BodySource* body) {
  DL_CO_OK(check_permit(permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(permit.key()));
  DL_CO_OK(check_part_number(request.part));
  if (request.size > limits::kMaxPartBytes)
    co_return refuse(Code::kTooLarge, Reason::kEntityTooLarge, "a part has at most 5 GiB");
  DL_CO_TRY(Place place, find_place(deps_, permit));
  DL_CO_TRY(auto upload, co_await load_upload_on_pool(&deps_, place, permit.key(), request.upload));
  DL_CO_TRY(auto kind, part_checksum(upload, request.checksum));
  DL_CO_TRY(Received received, co_await receive(&deps_, place.at.blobs, request.size, kind, body));

  auto part = std::make_shared<NewPart>(new_part(deps_, std::move(received)));
  Write<PartResult> write;
  write.permits.push_back(std::move(permit));
  write.work = [this, part, request](storage::Batch& batch, const Place& at,
                                     const gate::Permit& by) -> Result<PartResult> {
    DL_TRY(auto still, load_upload(batch, at, by.key(), request.upload));
    (void)still;
    DL_OK(store_part(deps_, batch, at, request.upload, request.part, *part));
    return result_of(part->row);
  };
  co_return co_await run_write(&deps_, std::move(write));
}

Task<PartResult> Objects::upload_part_copy(gate::Permit read, gate::Permit write_permit, UploadPartRequest request,
                                           CopyRequest from) {
  DL_CO_OK(check_permit(write_permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(write_permit.key()));
  DL_CO_OK(check_part_number(request.part));
  DL_CO_TRY(Place place, find_place(deps_, write_permit));
  DL_CO_TRY(auto upload, co_await load_upload_on_pool(&deps_, place, write_permit.key(), request.upload));
  DL_CO_TRY(CopySource found, co_await find_source(&deps_, std::move(read), from));
  auto source = std::make_shared<CopySource>(std::move(found));
  if (source->info.length > limits::kMaxPartBytes)
    co_return refuse(Code::kTooLarge, Reason::kEntityTooLarge, "a part has at most 5 GiB");

  // The bytes are read for the part's hashes; they are moved only into another partition.
  const bool shared = source->place.at.partition == place.at.partition;
  storage::BlobStore* to = shared ? nullptr : place.at.blobs;
  auto received = co_await on_pool<Received>(&deps_, [source, to, kind = upload.checksum] {
    return receive_stored(*source->place.at.blobs, source->pieces, source->info.offset, source->info.length, kind, to);
  });
  if (!received.ok()) co_return unread_source(deps_, *source, from, std::move(received).error());
  auto part = std::make_shared<NewPart>(new_part(deps_, std::move(*received)));
  if (shared)
    for (const auto& piece : storage::slice_pieces(source->pieces, source->info.offset, source->info.length))
      part->row.pieces.push_back({piece.blob, piece.offset, piece.length});

  Write<PartResult> write;
  write.permits.push_back(std::move(write_permit));
  write.work = [this, part, request, shared, source, key = from.source_key](
                   storage::Batch& batch, const Place& at, const gate::Permit& by) -> Result<PartResult> {
    DL_TRY(auto still, load_upload(batch, at, by.key(), request.upload));
    (void)still;
    if (shared) DL_OK(check_source_in_step(batch, *source, key));
    DL_OK(store_part(deps_, batch, at, request.upload, request.part, *part));
    return result_of(part->row);
  };
  DL_CO_TRY(PartResult out, co_await run_write(&deps_, std::move(write)));
  out.source_version = source->info.version;
  out.source_null = source->info.null;
  out.source_versioned = source->info.versioned;
  co_return std::move(out);
}

Task<void> Objects::abort_upload(gate::Permit permit, UploadId upload) {
  DL_CO_OK(check_permit(permit, {"s3:AbortMultipartUpload"}));
  DL_CO_OK(check_key(permit.key()));
  Write<bool> write;
  write.permits.push_back(std::move(permit));
  write.purpose = storage::Purpose::kFree;
  write.work = [this, upload](storage::Batch& batch, const Place& place, const gate::Permit& by) -> Result<bool> {
    DL_TRY(auto row, load_upload(batch, place, by.key(), upload));
    (void)row;
    DL_OK(drop_upload(deps_, batch, place, by.key(), upload));
    return true;
  };
  DL_CO_TRY(bool done, co_await run_write(&deps_, std::move(write)));
  (void)done;
  co_return Result<void>();
}

}  // namespace dl::objects

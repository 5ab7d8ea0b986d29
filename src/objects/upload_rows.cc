#include "objects/upload_rows.h"

#include <set>

namespace dl::objects {

Result<format::Upload> load_upload(const storage::View& view, const Place& place, BytesView key,
                                   const UploadId& upload) {
  DL_TRY(auto row, view.get(format::upload_key(place.bucket.id, key, upload)));
  if (!row)
    return refuse(Code::kNotFound, Reason::kNoSuchUpload,
                  "there is no such upload; it may have been completed or aborted");
  return format::decode_upload(*row);
}

Result<std::optional<format::UploadPart>> find_part(const storage::View& view, const Place& place,
                                                    const UploadId& upload, uint32_t part) {
  DL_TRY(auto row, view.get(format::upload_part_key(place.bucket.id, upload, part)));
  if (!row) return std::optional<format::UploadPart>();
  DL_TRY(auto decoded, format::decode_upload_part(*row));
  return std::optional(std::move(decoded));
}

Result<void> scan_parts(const storage::View& view, const Place& place, const UploadId& upload, uint32_t after,
                        const PartFn& fn) {
  const Bytes from = format::upload_part_key(place.bucket.id, upload, after + 1);
  const Bytes to = format::upload_part_key(place.bucket.id, upload, limits::kMaxParts + 1);
  return view.scan(from, to, [&fn](BytesView key, BytesView value) -> Result<storage::Scan> {
    DL_TRY(auto part, format::decode_upload_part(value));
    return fn(format::part_number_of(key), std::move(part));
  });
}

Result<void> release_part(const Deps& deps, storage::Batch& batch, const Place& place, const UploadId& upload,
                          uint32_t part, const format::UploadPart& row) {
  const Bytes owner = format::upload_part_key(place.bucket.id, upload, part);
  std::set<BlobId> blobs;
  for (const auto& piece : row.pieces) blobs.insert(piece.blob);
  for (const BlobId& blob : blobs) DL_OK(place.at.blobs->release(batch, blob, owner, deps.clock->wall()));
  return {};
}

Result<void> drop_upload(const Deps& deps, storage::Batch& batch, const Place& place, BytesView key,
                         const UploadId& upload) {
  std::vector<std::pair<uint32_t, format::UploadPart>> parts;
  DL_OK(scan_parts(batch, place, upload, 0, [&parts](uint32_t part, format::UploadPart row) {
    parts.emplace_back(part, std::move(row));
    return storage::Scan::kContinue;
  }));
  for (const auto& [part, row] : parts) {
    DL_OK(release_part(deps, batch, place, upload, part, row));
    batch.erase(format::upload_part_key(place.bucket.id, upload, part));
  }
  batch.erase(format::upload_key(place.bucket.id, key, upload));
  return {};
}

Result<bool> has_uploads(const storage::View& view, const BucketId& bucket) {
  bool any = false;
  DL_OK(view.scan(format::uploads_begin(bucket, {}), format::uploads_end(bucket),
                  [&any](BytesView, BytesView) -> Result<storage::Scan> {
                    any = true;
                    return storage::Scan::kStop;
                  }));
  return any;
}

std::vector<storage::BlobPiece> pieces_of(const format::UploadPart& part) {
  std::vector<storage::BlobPiece> out;
  for (const auto& piece : part.pieces) out.push_back({piece.blob, piece.offset, piece.length});
  return out;
}

}  // namespace dl::objects

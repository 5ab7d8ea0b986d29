#pragma once

// Inside the room: rows 09 and 0A.
#include <map>

#include "format/upload.h"
#include "objects/engine.h"

namespace dl::objects {

// Errors: kNotFound (kNoSuchUpload).
Result<format::Upload> load_upload(const storage::View& view, const Place& place, BytesView key,
                                   const UploadId& upload);
Result<std::optional<format::UploadPart>> find_part(const storage::View& view, const Place& place,
                                                    const UploadId& upload, uint32_t part);
using PartFn = std::function<Result<storage::Scan>(uint32_t part, format::UploadPart row)>;
Result<void> scan_parts(const storage::View& view, const Place& place, const UploadId& upload, uint32_t after,
                        const PartFn& fn);
// Lets go of a part's bytes. The row stays for the caller to erase or replace.
Result<void> release_part(const Deps& deps, storage::Batch& batch, const Place& place, const UploadId& upload,
                          uint32_t part, const format::UploadPart& row);
// Erases an upload with all its parts and lets go of their bytes.
Result<void> drop_upload(const Deps& deps, storage::Batch& batch, const Place& place, BytesView key,
                         const UploadId& upload);
// Rows 09 of a bucket exist.
Result<bool> has_uploads(const storage::View& view, const BucketId& bucket);

std::vector<storage::BlobPiece> pieces_of(const format::UploadPart& part);

}  // namespace dl::objects

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "format/record.h"

// Multipart uploads in progress: the values of rows 09 and 0A (proto/upload.proto). Node-local, never synced.
namespace dl::format {

struct Upload {
  std::string principal;
  uint64_t created_millis = 0;
  std::vector<Header> headers;
  std::vector<Header> user_metadata;
  std::optional<ChecksumKind> checksum;
  bool composite = false;
  bool operator==(const Upload&) const = default;
};

struct UploadPart {
  struct Piece {
    BlobId blob;
    uint64_t offset = 0;
    uint64_t length = 0;
    bool operator==(const Piece&) const = default;
  };
  uint64_t size = 0;
  Bytes md5;
  Sha256 sha256;
  std::optional<Checksum> checksum;
  uint64_t modified_millis = 0;
  std::vector<Piece> pieces;
  bool operator==(const UploadPart&) const = default;
};

Bytes encode_upload(const Upload& upload);
// Errors: kCorrupt, kUnsupported for a newer format.
Result<Upload> decode_upload(BytesView bytes);
Bytes encode_upload_part(const UploadPart& part);
Result<UploadPart> decode_upload_part(BytesView bytes);

// Row keys (data model, key order in a partition).
// 09 bucket key 0001 upload: uploads by key, then by time (an upload id starts with its millisecond).
Bytes upload_key(const BucketId& bucket, BytesView key, const UploadId& upload);
// [begin, end) of all uploads of a bucket; of a key: keys >= `from`.
Bytes uploads_begin(const BucketId& bucket, BytesView from_key);
Bytes uploads_end(const BucketId& bucket);
struct UploadName {
  Bytes key;
  UploadId upload;
};
// Errors: kCorrupt.
Result<UploadName> parse_upload_key(BytesView row);
// 0A bucket upload part (big-endian 32 bits).
Bytes upload_part_key(const BucketId& bucket, const UploadId& upload, uint32_t part);
// When an upload was begun: its id starts with the milliseconds.
WallTime begun_at(const UploadId& upload);
// Part number of such a row. Precondition: the row is one.
uint32_t part_number_of(BytesView row);

}  // namespace dl::format

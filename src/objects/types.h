#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/task_fwd.h"
#include "format/record.h"
#include "journal/space.h"
#include "storage/blob_store.h"

// What callers hand to `objects` and get back. Sizes are bytes.
namespace dl::objects {

// Which version of a key: "null", or one id. Absent: the current one.
struct VersionRef {
  bool null = false;
  VersionId id;
};

// "null" or 32 hex digits, as S3 shows it.
std::string version_text(bool null, const VersionId& id);
// nullopt when it is neither: no such version.
std::optional<VersionRef> parse_version(std::string_view text);

struct EtagMatch {
  bool any = false;               // "*"
  std::vector<std::string> tags;  // without quotes
};
// RFC 9110 section 13; on writes S3 has If-Match and If-None-Match only.
struct Conditions {
  std::optional<EtagMatch> if_match, if_none_match;
  std::optional<WallTime> if_modified_since, if_unmodified_since;
  bool empty() const { return !if_match && !if_none_match && !if_modified_since && !if_unmodified_since; }
};

struct ObjectMeta {
  std::vector<format::Header> headers;        // content headers, lower-case names
  std::vector<format::Header> user_metadata;  // without x-amz-meta-
};

// What the writer of a body says about it; compared when the whole body is here, before anything is committed.
struct Expected {
  std::optional<Bytes> md5;
  std::optional<Bytes> sha256;
  std::optional<format::Checksum> checksum;
};

// A body on its way in. Pulled, so that a slow disk slows its sender.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Up to size bytes into out (kept alive by the caller); 0 at the end.
  virtual Task<size_t> read(char* out, size_t size) = 0;
  // Valid after read() returned 0: trailers are in.
  virtual Result<Expected> expected() const = 0;
};

struct PutRequest {
  uint64_t size = 0;
  ObjectMeta meta;
  std::optional<format::ChecksumKind> checksum;  // to take and store
  Conditions conditions;
  std::vector<VersionRef> parents;  // x-demilune-parents: instead of the current version; these must exist
  bool wait_hub = false;            // x-demilune-wait
};
struct PutResult {
  VersionId version;
  bool null = false;
  bool versioned = false;  // the bucket has or had versioning: tell the version
  bool at_hub = false;     // committed, not only durable here
  std::string etag;
  std::optional<format::Checksum> checksum;
  uint64_t size = 0;
  Hlc last_modified;
};

struct ByteRange {
  std::optional<uint64_t> first;  // absent: the last `last` bytes
  std::optional<uint64_t> last;   // absent: to the end
};
struct GetRequest {
  Bytes key;
  std::optional<VersionRef> version;
  Conditions conditions;
  std::optional<ByteRange> range;
  std::optional<uint32_t> part;  // partNumber
};
enum class Found : uint8_t { kObject, kMarker, kNotModified };
struct ObjectInfo {
  Found found = Found::kObject;
  RecordHash hash;
  VersionId version;
  bool null = false;
  bool versioned = false;
  bool current = false;
  bool here = true;     // false: the body lies elsewhere
  bool at_hub = false;  // committed
  Hlc last_modified;
  format::ObjectFields fields;
  format::AttributeFields attributes;
  uint32_t conflicts = 0, arriving = 0;
  // What is asked for of the body.
  uint64_t offset = 0, length = 0;
  bool partial = false;           // 206
  std::optional<uint32_t> parts;  // with partNumber: how many there are
};

struct RemoveRequest {
  Bytes key;
  std::optional<VersionRef> version;
  Conditions conditions;
};
struct RemoveResult {
  std::optional<VersionId> version;  // the marker made, or the version removed; absent: not told
  bool null = false;
  bool marker = false;  // a marker was made, or was what was removed
};

struct CopyRequest {
  Bytes source_key;
  std::optional<VersionRef> source_version;
  Conditions source_conditions;
  std::optional<ByteRange> source_range;  // UploadPartCopy only
  bool replace_metadata = false;
  ObjectMeta meta;
  std::optional<format::ChecksumKind> checksum;
  Conditions conditions;  // of the destination
  bool wait_hub = false;  // CopyObject: x-demilune-wait
};
struct CopyResult {
  PutResult put;
  VersionId source_version;
  bool source_null = false;
  bool source_versioned = false;
};

struct CreateUploadRequest {
  ObjectMeta meta;
  std::optional<format::ChecksumKind> checksum;
  bool composite = false;
};
struct UploadPartRequest {
  UploadId upload;
  uint32_t part = 0;
  uint64_t size = 0;
  std::optional<format::ChecksumKind> checksum;  // absent: the upload's, if it has one
};
struct PartResult {
  std::string etag;
  std::optional<format::Checksum> checksum;
  uint64_t size = 0;
  WallTime last_modified;
  VersionId source_version;  // UploadPartCopy
  bool source_null = false;
  bool source_versioned = false;
};
struct CompletePart {
  uint32_t part = 0;
  std::string etag;
  std::optional<format::Checksum> checksum;
};
struct CompleteRequest {
  UploadId upload;
  std::vector<CompletePart> parts;
  std::optional<format::Checksum> checksum;  // of the whole, compared
  std::optional<bool> composite;             // x-amz-checksum-type: that of the upload
  std::optional<uint64_t> size;              // x-amz-mp-object-size
  bool wait_hub = false;                     // x-demilune-wait
  Conditions conditions;
};
struct PartsPage {
  struct Part {
    uint32_t part = 0;
    uint64_t size = 0;
    std::string etag;
    std::optional<format::Checksum> checksum;
    WallTime last_modified;
  };
  std::vector<Part> parts;
  bool truncated = false;
  std::string principal;
  std::optional<format::ChecksumKind> checksum;
  bool composite = false;
};
struct ListUploadsRequest {
  Bytes prefix, delimiter;
  Bytes key_marker;
  std::optional<UploadId> upload_marker;  // with key_marker: after this one
  size_t limit = dl::limits::kMaxListing;
};
struct UploadsPage {
  struct Upload {
    Bytes key;
    UploadId upload;
    std::string principal;
    WallTime created;
    std::optional<format::ChecksumKind> checksum;
    bool composite = false;
  };
  std::vector<Upload> uploads;
  std::vector<Bytes> prefixes;
  bool truncated = false;
  Bytes next_key;
  std::optional<UploadId> next_upload;
};

struct ListRequest {
  Bytes prefix, delimiter;
  Bytes after;  // keys and common prefixes above this
  size_t limit = dl::limits::kMaxListing;
};
struct ListPage {
  std::vector<journal::Listed> objects;
  std::vector<Bytes> prefixes;
  bool truncated = false;
  Bytes last;  // the last key or prefix of the page: `after` of the next one
};
struct ListVersionsRequest {
  Bytes prefix, delimiter;
  Bytes key_marker;
  std::optional<VersionId> version_marker;
  size_t limit = dl::limits::kMaxListing;
};
struct VersionsPage {
  struct Row {
    Bytes key;
    VersionId version;
    bool null = false, marker = false, current = false;
    uint64_t size = 0;
    std::string etag;
    Hlc last_modified;
    std::vector<format::ChecksumKind> checksum_kinds;
    bool checksum_composite = false;
  };
  std::vector<Row> rows;
  std::vector<Bytes> prefixes;
  bool truncated = false;
  Bytes next_key;
  std::optional<VersionId> next_version;
};

}  // namespace dl::objects

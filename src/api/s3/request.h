#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/encoding.h"
#include "base/bytes.h"
#include "base/result.h"
#include "format/record.h"
#include "net/http.h"
#include "objects/types.h"

// An S3 request, parsed; no I/O. What the signature covered is what is parsed here, by the same functions.
namespace dl::api::s3 {

struct Request {
  const net::HttpRequest* http = nullptr;
  std::string bucket;
  Bytes key;
  std::vector<access::QueryParam> query;

  std::optional<std::string> param(std::string_view name) const;
  bool has(std::string_view name) const;
  std::optional<std::string_view> header(std::string_view name) const { return http->headers.find(name); }
  bool is_head() const { return http->method == "HEAD"; }
};

// Path style. Errors: kInvalidUri, kInvalidBucketName (an empty one).
Result<Request> parse_request(const net::HttpRequest& http);

// AWS's rules: 3 to 63 of [a-z0-9.-], a letter or digit at both ends, no "..", no IPv4 address, none of the reserved
// prefixes and suffixes. Errors: kInvalidBucketName.
Result<void> check_bucket_name(std::string_view name);
// Headers that ask for what is not offered: never a success that ignores them. Errors: kNotImplemented,
// kInvalidStorageClass.
Result<void> check_unsupported_headers(const Request& request);

// Content headers and user metadata of a write. Errors: kMetadataTooLarge, kInvalidArgument.
Result<objects::ObjectMeta> parse_meta(const Request& request);
// If-Match and the rest, with a prefix in front of their names for copy sources ("x-amz-copy-source-").
Result<objects::Conditions> parse_conditions(const Request& request, std::string_view prefix = {});
// A Range header that S3 understands; nullopt also when it is to be ignored.
std::optional<objects::ByteRange> parse_range(std::string_view text);
// The version named by versionId. Errors: kInvalidArgument when it cannot be one.
Result<std::optional<objects::VersionRef>> parse_version_id(const Request& request);
// uploadId. Errors: kNoSuchUpload.
Result<UploadId> parse_upload_id(const Request& request);
// A number from the query: `fallback` when absent, at most `most`. Errors: kInvalidArgument.
Result<uint64_t> parse_count(const Request& request, std::string_view name, uint64_t fallback, uint64_t most);

struct CopyAddress {
  std::string bucket;
  Bytes key;
  std::optional<objects::VersionRef> version;
};
// x-amz-copy-source. Errors: kInvalidArgument.
Result<CopyAddress> parse_copy_source(const Request& request);

// x-demilune-wait: hub. Whether it was asked for. Errors: kInvalidArgument for another value.
Result<bool> asks_to_wait(const Request& request);
// x-demilune-parents: version-ids, separated by commas.
Result<std::vector<objects::VersionRef>> parse_parents(const Request& request);

// The checksum that a write's headers ask for.
struct AskedChecksum {
  std::optional<format::ChecksumKind> kind;     // to take
  std::optional<format::Checksum> value;        // told in a header
  std::optional<format::ChecksumKind> trailer;  // told in a trailer
};
Result<AskedChecksum> parse_checksum_headers(const Request& request);
// x-amz-checksum-algorithm and x-amz-checksum-type of CreateMultipartUpload.
struct UploadChecksum {
  std::optional<format::ChecksumKind> kind;
  bool composite = false;
};
Result<UploadChecksum> parse_upload_checksum(const Request& request);
// Content-MD5, raw. Errors: kInvalidDigest.
Result<std::optional<Bytes>> parse_content_md5(const Request& request);

}  // namespace dl::api::s3

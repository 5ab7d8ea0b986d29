#include "api/s3/request.h"

#include <algorithm>

#include "api/s3/checksums.h"
#include "api/s3/errors.h"
#include "api/s3/limits.h"
#include "api/s3/text.h"
#include "base/hex.h"

namespace dl::api::s3 {
namespace {

constexpr std::string_view kContentHeaders[] = {"cache-control",    "content-disposition", "content-encoding",
                                                "content-language", "content-type",        "expires"};
constexpr std::string_view kMetaPrefix = "x-amz-meta-";

bool looks_like_ipv4(std::string_view name) {
  return std::count(name.begin(), name.end(), '.') == 3 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

// "aws-chunked" is a framing of the transfer, not a property of the object.
std::string without_aws_chunked(std::string_view encodings) {
  std::string out;
  while (!encodings.empty()) {
    const size_t comma = encodings.find(',');
    const std::string_view one = trim(encodings.substr(0, comma));
    if (lower(one) != "aws-chunked" && !one.empty()) {
      if (!out.empty()) out += ',';
      out += one;
    }
    if (comma == std::string_view::npos) break;
    encodings.remove_prefix(comma + 1);
  }
  return out;
}

Error invalid(const std::string& why) { return refuse(S3Code::kInvalidArgument, why); }

void add_user_metadata(std::vector<format::Header>& list, std::string name, std::string_view value) {
  for (auto& header : list)
    if (header.name == name) {
      header.value += ',';
      header.value += value;
      return;
    }
  list.push_back({std::move(name), std::string(value)});
}

objects::EtagMatch parse_etags(std::string_view text) {
  objects::EtagMatch out;
  while (true) {
    const size_t comma = text.find(',');
    const std::string one = unquote(text.substr(0, comma));
    if (one == "*") {
      out.any = true;
    } else {
      out.tags.push_back(one);
    }
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

Result<objects::VersionRef> version_of(std::string_view text) {
  auto version = objects::parse_version(text);
  if (!version) return refuse(S3Code::kNoSuchVersion, "there is no version " + std::string(text));
  return *version;
}

}  // namespace

std::optional<std::string> Request::param(std::string_view name) const {
  for (const auto& p : query)
    if (p.name == name) return p.value;
  return std::nullopt;
}

bool Request::has(std::string_view name) const {
  return std::any_of(query.begin(), query.end(), [name](const auto& p) { return p.name == name; });
}

Result<Request> parse_request(const net::HttpRequest& http) {
  Request out;
  out.http = &http;
  auto path = access::split_path(http.raw_path());
  if (!path.ok()) return refuse(S3Code::kInvalidUri, path.error().message);
  out.bucket = std::move(path->bucket);
  out.key = std::move(path->key);
  // "//a" asks for no list of buckets: only "/" does.
  if (out.bucket.empty() && http.raw_path() != "/")
    return refuse(S3Code::kInvalidBucketName, "The specified bucket is not valid: its name is empty.");
  if (!is_utf8(out.key)) return refuse(S3Code::kInvalidUri, "the key is not UTF-8");
  auto query = access::parse_query(http.raw_query());
  if (!query.ok()) return refuse(S3Code::kInvalidUri, query.error().message);
  out.query = std::move(*query);
  return out;
}

Result<void> check_bucket_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool good = name.size() >= limits::kMinBucketName && name.size() <= limits::kMaxBucketName &&
                    std::all_of(name.begin(), name.end(), [&](char c) { return fits(c) || c == '.' || c == '-'; }) &&
                    fits(name.front()) && fits(name.back()) && name.find("..") == std::string_view::npos &&
                    !looks_like_ipv4(name) && !name.starts_with("xn--") && !name.starts_with("sthree-") &&
                    !name.ends_with("-s3alias") && !name.ends_with("--ol-s3");
  if (good) return {};
  return refuse(S3Code::kInvalidBucketName, "The specified bucket is not valid.");
}

Result<void> check_unsupported_headers(const Request& request) {
  static constexpr std::string_view kPrefixes[] = {"x-amz-server-side-encryption",
                                                   "x-amz-copy-source-server-side-encryption",
                                                   "x-amz-grant-",
                                                   "x-amz-object-lock-",
                                                   "x-amz-website-redirect-location",
                                                   "x-amz-mfa",
                                                   "x-amz-bypass-governance",
                                                   "x-amz-write-offset-bytes",
                                                   "x-amz-rename-source",
                                                   "x-amz-expected-bucket-owner",
                                                   "x-amz-source-expected-bucket-owner",
                                                   "x-amz-bucket-object-lock",
                                                   "x-amz-if-match-",
                                                   "x-amz-bucket-namespace"};
  for (const auto& header : request.http->headers.list()) {
    const std::string name = lower(header.name);
    if (!name.starts_with("x-amz-")) continue;
    for (std::string_view prefix : kPrefixes)
      if (name.starts_with(prefix))
        return refuse(S3Code::kNotImplemented, "the header " + name + " asks for something that is not offered");
    if (name == "x-amz-acl" && header.value != "private")
      return refuse(S3Code::kNotImplemented, "ACLs are not offered; x-amz-acl may only be private");
    if (name == "x-amz-tagging" && !header.value.empty())
      return refuse(S3Code::kNotImplemented, "tags are not offered");
    if (name == "x-amz-tagging-directive" && header.value != "COPY")
      return refuse(S3Code::kNotImplemented, "tags are not offered");
    if (name == "x-amz-storage-class" && header.value != "STANDARD")
      return refuse(S3Code::kInvalidStorageClass, "The storage class you specified is not valid: only STANDARD is.");
    if (name == "x-amz-object-ownership" && header.value != "BucketOwnerEnforced")
      return refuse(S3Code::kNotImplemented, "object ownership is always BucketOwnerEnforced");
  }
  return {};
}

Result<objects::ObjectMeta> parse_meta(const Request& request) {
  objects::ObjectMeta meta;
  size_t bytes = 0;
  for (const auto& header : request.http->headers.list()) {
    const std::string name = lower(header.name);
    if (name.starts_with(kMetaPrefix)) {
      if (name.size() == kMetaPrefix.size()) return invalid("a user metadata header has no name");
      if (!is_utf8(header.value)) return invalid("the header " + name + " is not UTF-8");
      bytes += name.size() - kMetaPrefix.size() + header.value.size();
      add_user_metadata(meta.user_metadata, name.substr(kMetaPrefix.size()), header.value);
    } else if (std::find(std::begin(kContentHeaders), std::end(kContentHeaders), name) != std::end(kContentHeaders)) {
      if (!is_utf8(header.value)) return invalid("the header " + name + " is not UTF-8");
      std::string value = name == "content-encoding" ? without_aws_chunked(header.value) : header.value;
      if (!value.empty()) meta.headers.push_back({name, std::move(value)});
    }
  }
  if (bytes > limits::kMaxUserMetadataBytes)
    return refuse(S3Code::kMetadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size.");
  return meta;
}

Result<objects::Conditions> parse_conditions(const Request& request, std::string_view prefix) {
  const auto header = [&](std::string_view name) { return request.header(std::string(prefix) + std::string(name)); };
  objects::Conditions out;
  if (auto text = header("if-match")) out.if_match = parse_etags(*text);
  if (auto text = header("if-none-match")) out.if_none_match = parse_etags(*text);
  // A date that does not parse is ignored (RFC 9110 section 13.1.3).
  if (auto text = header("if-modified-since")) out.if_modified_since = parse_http_date(*text);
  if (auto text = header("if-unmodified-since")) out.if_unmodified_since = parse_http_date(*text);
  return out;
}

std::optional<objects::ByteRange> parse_range(std::string_view text) {
  if (!lower(text).starts_with("bytes=")) return std::nullopt;
  text = trim(text.substr(6));
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return std::nullopt;
  const auto first = parse_number(trim(text.substr(0, dash)));
  const auto last = parse_number(trim(text.substr(dash + 1)));
  if (dash == 0) {
    if (!last) return std::nullopt;
    return objects::ByteRange{std::nullopt, last};
  }
  if (!first || (dash + 1 < text.size() && !last) || (last && *last < *first)) return std::nullopt;
  return objects::ByteRange{first, last};
}

Result<std::optional<objects::VersionRef>> parse_version_id(const Request& request) {
  auto text = request.param("versionId");
  if (!text) return std::optional<objects::VersionRef>();
  if (text->empty()) return invalid("Version id cannot be the empty string");
  auto version = objects::parse_version(*text);
  if (!version) return invalid("Invalid version id specified");
  return version;
}

Result<UploadId> parse_upload_id(const Request& request) {
  auto id = UploadId::from_hex(request.param("uploadId").value_or(""));
  if (!id.ok())
    return refuse(S3Code::kNoSuchUpload,
                  "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart "
                  "upload might have been aborted or completed.");
  return id;
}

Result<uint64_t> parse_count(const Request& request, std::string_view name, uint64_t fallback, uint64_t most) {
  auto text = request.param(name);
  if (!text || text->empty()) return fallback;
  auto n = parse_number(*text);
  if (!n || *n > 0x7fffffff)
    return invalid("Argument " + std::string(name) + " must be an integer between 0 and 2147483647");
  return std::min(*n, most);
}

Result<CopyAddress> parse_copy_source(const Request& request) {
  std::string_view text = request.header("x-amz-copy-source").value_or("");
  CopyAddress out;
  const size_t mark = text.find("?versionId=");
  if (mark != std::string_view::npos) {
    DL_TRY(auto id, access::uri_decode(text.substr(mark + 11)));
    DL_TRY(out.version, version_of(id));
    text = text.substr(0, mark);
  }
  auto path = access::uri_decode(text);
  if (!path.ok()) return invalid("Copy Source must be URL-encoded");
  std::string_view rest = *path;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size())
    return invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  if (rest.starts_with("arn:")) return refuse(S3Code::kNotImplemented, "access points are not offered");
  out.bucket = rest.substr(0, slash);
  out.key = rest.substr(slash + 1);
  if (!is_utf8(out.key)) return invalid("the copy source's key is not UTF-8");
  return out;
}

Result<bool> asks_to_wait(const Request& request) {
  auto wait = request.header("x-demilune-wait");
  if (!wait) return false;
  if (*wait == "hub") return true;
  return refuse(S3Code::kInvalidArgument, "x-demilune-wait may only be hub");
}

Result<std::vector<objects::VersionRef>> parse_parents(const Request& request) {
  std::vector<objects::VersionRef> out;
  auto header = request.header("x-demilune-parents");
  if (!header) return out;
  std::string_view text = *header;
  while (true) {
    const size_t comma = text.find(',');
    DL_TRY(auto version, version_of(trim(text.substr(0, comma))));
    out.push_back(version);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

Result<AskedChecksum> parse_checksum_headers(const Request& request) {
  AskedChecksum out;
  for (const auto& name : checksum_kinds()) {
    auto value = request.header(name.header);
    if (!value) continue;
    if (out.value) return refuse(S3Code::kInvalidRequest, "Expecting a single x-amz-checksum- header.");
    auto checksum = parse_checksum(name.kind, *value);
    if (!checksum.ok()) return refuse(S3Code::kInvalidRequest, checksum.error().message);
    out.value = std::move(*checksum);
    out.kind = name.kind;
  }
  if (auto trailer = request.header("x-amz-trailer")) {
    const ChecksumName* name = find_checksum_header(trim(*trailer));
    if (!name)
      return refuse(S3Code::kInvalidRequest, "The value specified in the x-amz-trailer header is not supported");
    if (out.value) return refuse(S3Code::kInvalidRequest, "Expecting a single x-amz-checksum- header.");
    out.trailer = out.kind = name->kind;
  }
  auto algorithm = request.header("x-amz-sdk-checksum-algorithm");
  if (!algorithm) return out;
  const ChecksumName* name = find_checksum_algorithm(*algorithm);
  if (!name) return refuse(S3Code::kInvalidRequest, "Value for x-amz-sdk-checksum-algorithm header is invalid.");
  if (out.kind && *out.kind != name->kind)
    return refuse(S3Code::kInvalidRequest, "Value for x-amz-sdk-checksum-algorithm header is invalid.");
  out.kind = name->kind;
  return out;
}

Result<UploadChecksum> parse_upload_checksum(const Request& request) {
  UploadChecksum out;
  const auto algorithm = request.header("x-amz-checksum-algorithm");
  const auto type = request.header("x-amz-checksum-type");
  if (!algorithm) {
    if (type) return refuse(S3Code::kInvalidRequest, "x-amz-checksum-type needs x-amz-checksum-algorithm");
    return out;
  }
  const ChecksumName* name = find_checksum_algorithm(*algorithm);
  if (!name)
    return refuse(S3Code::kInvalidRequest,
                  "Checksum algorithm provided is unsupported. Please try again with any of "
                  "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
  out.kind = name->kind;
  const bool crc64 = name->kind == format::ChecksumKind::kCrc64Nvme;
  const bool sha = name->kind == format::ChecksumKind::kSha1 || name->kind == format::ChecksumKind::kSha256;
  out.composite = type ? *type == "COMPOSITE" : !crc64;
  const bool known = !type || *type == "COMPOSITE" || *type == "FULL_OBJECT";
  if (!known || (out.composite && crc64) || (!out.composite && sha))
    return refuse(S3Code::kInvalidRequest,
                  "The checksum type does not go with the checksum algorithm " + std::string(name->algorithm));
  return out;
}

Result<std::optional<Bytes>> parse_content_md5(const Request& request) {
  auto text = request.header("content-md5");
  if (!text) return std::optional<Bytes>();
  auto raw = from_base64(*text);
  if (!raw.ok() || raw->size() != 16)
    return refuse(S3Code::kInvalidDigest, "The Content-MD5 you specified was invalid.");
  return std::optional(std::move(*raw));
}

}  // namespace dl::api::s3

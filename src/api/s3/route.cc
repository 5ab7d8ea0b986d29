#include "api/s3/call.h"

namespace dl::api::s3 {
namespace {

enum class Scope : uint8_t { kService, kBucket, kObject };

struct Route {
  Scope scope;
  std::string_view method;
  std::string_view resource;  // the query key that names the sub-resource; empty: the thing itself
  Operation operation;
  std::string_view parameters = {};  // the other query keys that it takes, between spaces
};

constexpr Route kRoutes[] = {
    {Scope::kService,
     "GET",
     "",
     {"ListBuckets", list_buckets},
     " prefix bucket-region max-buckets continuation-token "},
    {Scope::kBucket, "PUT", "", {"CreateBucket", create_bucket}},
    {Scope::kBucket, "DELETE", "", {"DeleteBucket", delete_bucket}},
    {Scope::kBucket, "HEAD", "", {"HeadBucket", head_bucket}},
    {Scope::kBucket, "GET", "", {"ListObjects", list_objects}, " prefix delimiter marker max-keys encoding-type "},
    {Scope::kBucket,
     "GET",
     "list-type",
     {"ListObjectsV2", list_objects_v2},
     " prefix delimiter start-after continuation-token max-keys encoding-type fetch-owner "},
    {Scope::kBucket, "GET", "location", {"GetBucketLocation", get_bucket_location}},
    {Scope::kBucket, "GET", "versioning", {"GetBucketVersioning", get_bucket_versioning}},
    {Scope::kBucket, "PUT", "versioning", {"PutBucketVersioning", put_bucket_versioning}},
    {Scope::kBucket,
     "GET",
     "versions",
     {"ListObjectVersions", list_object_versions},
     " prefix delimiter key-marker version-id-marker max-keys encoding-type "},
    {Scope::kBucket,
     "GET",
     "uploads",
     {"ListMultipartUploads", list_multipart_uploads},
     " prefix delimiter key-marker upload-id-marker max-uploads encoding-type "},
    {Scope::kBucket, "POST", "delete", {"DeleteObjects", delete_objects}},
    {Scope::kObject, "PUT", "", {"PutObject", put_object}},
    {Scope::kObject, "GET", "", {"GetObject", get_object}, " versionId partNumber "},
    {Scope::kObject, "HEAD", "", {"HeadObject", head_object}, " versionId partNumber "},
    {Scope::kObject, "DELETE", "", {"DeleteObject", delete_object}, " versionId "},
    {Scope::kObject, "GET", "tagging", {"GetObjectTagging", get_object_tagging}, " versionId "},
    {Scope::kObject, "POST", "uploads", {"CreateMultipartUpload", create_multipart_upload}},
    {Scope::kObject, "PUT", "uploadId", {"UploadPart", upload_part}, " partNumber "},
    {Scope::kObject, "POST", "uploadId", {"CompleteMultipartUpload", complete_multipart_upload}},
    {Scope::kObject, "DELETE", "uploadId", {"AbortMultipartUpload", abort_multipart_upload}},
    {Scope::kObject, "GET", "uploadId", {"ListParts", list_parts}, " max-parts part-number-marker encoding-type "},
};

// Told from their siblings by a header.
constexpr Operation kCopyObject{"CopyObject", copy_object}, kUploadPartCopy{"UploadPartCopy", upload_part_copy};

// Query keys that name a sub-resource of S3, so that one we do not serve is never taken for the thing itself.
constexpr std::string_view kResources[] = {
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "append",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
};

// What a signature, an SDK or a presigned URL adds to any operation.
bool is_common(std::string_view name) {
  return name == "x-id" || name.starts_with("X-Amz-") || name.starts_with("x-amz-") || name.starts_with("response-");
}

Error not_implemented(const Request& request, std::string_view resource) {
  std::string what = request.http->method;
  if (!resource.empty()) what += " ?" + std::string(resource);
  return refuse(S3Code::kNotImplemented, "the operation " + what + " is not offered");
}

// At most one sub-resource: a request that names two could be read in two ways.
Result<std::string_view> find_resource(const Request& request) {
  std::string_view found;
  for (std::string_view name : kResources) {
    if (!request.has(name)) continue;
    if (!found.empty())
      return refuse(S3Code::kInvalidArgument,
                    "the query names two operations: " + std::string(found) + " and " + std::string(name));
    found = name;
  }
  return found;
}

// A key that no list here has may name an operation of S3 that is newer than this program. A write that meets one is
// never done as if it were not there; a read is refused only where the key stands alone, as such names do.
Result<void> check_parameters(const Request& request, const Route& row) {
  const std::string& method = request.http->method;
  const bool reads = method == "GET" || method == "HEAD";
  for (const auto& [name, value] : request.query) {
    if (name == row.resource || is_common(name)) continue;
    if (!name.contains(' ') && row.parameters.contains(" " + name + " ")) continue;
    if (reads && !value.empty()) continue;
    return not_implemented(request, name);
  }
  return {};
}

bool is_s3_method(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "POST" || method == "DELETE";
}

}  // namespace

std::vector<std::string_view> operation_names() {
  std::vector<std::string_view> out{kCopyObject.name, kUploadPartCopy.name};
  for (const Route& row : kRoutes) out.push_back(row.operation.name);
  return out;
}

Result<Operation> route(const Request& request) {
  const Scope scope = request.bucket.empty() ? Scope::kService : request.key.empty() ? Scope::kBucket : Scope::kObject;
  const std::string& method = request.http->method;
  DL_TRY(std::string_view resource, find_resource(request));
  if (resource == "list-type" && request.param("list-type") != "2")
    return refuse(S3Code::kInvalidArgument, "list-type is 2, or is left out");
  for (const Route& row : kRoutes) {
    if (row.scope != scope || row.method != method || row.resource != resource) continue;
    DL_OK(check_parameters(request, row));
    const bool copy = method == "PUT" && request.header("x-amz-copy-source").has_value();
    if (copy && row.operation.run == put_object) return kCopyObject;
    if (copy && row.operation.run == upload_part) return kUploadPartCopy;
    return row.operation;
  }
  if (!is_s3_method(method))
    return refuse(S3Code::kMethodNotAllowed, "The specified method is not allowed against this resource.");
  return not_implemented(request, resource);
}

}  // namespace dl::api::s3

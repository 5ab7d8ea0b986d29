#include "api/s3/call.h"

namespace dl::api::s3 {
namespace {

enum class Scope : uint8_t { kService, kBucket, kObject };

struct Route {
  Scope scope;
  std::string_view method;
  std::string_view resource;  // the query key that names the sub-resource; empty: the thing itself
  Operation operation;
};

constexpr Route kRoutes[] = {
    {Scope::kService, "GET", "", {"ListBuckets", list_buckets}},
    {Scope::kBucket, "PUT", "", {"CreateBucket", create_bucket}},
    {Scope::kBucket, "DELETE", "", {"DeleteBucket", delete_bucket}},
    {Scope::kBucket, "HEAD", "", {"HeadBucket", head_bucket}},
    {Scope::kBucket, "GET", "", {"ListObjects", list_objects}},
    {Scope::kBucket, "GET", "list-type", {"ListObjectsV2", list_objects_v2}},
    {Scope::kBucket, "GET", "location", {"GetBucketLocation", get_bucket_location}},
    {Scope::kBucket, "GET", "versioning", {"GetBucketVersioning", get_bucket_versioning}},
    {Scope::kBucket, "PUT", "versioning", {"PutBucketVersioning", put_bucket_versioning}},
    {Scope::kBucket, "GET", "versions", {"ListObjectVersions", list_object_versions}},
    {Scope::kBucket, "GET", "uploads", {"ListMultipartUploads", list_multipart_uploads}},
    {Scope::kBucket, "POST", "delete", {"DeleteObjects", delete_objects}},
    {Scope::kObject, "PUT", "", {"PutObject", put_object}},
    {Scope::kObject, "GET", "", {"GetObject", get_object}},
    {Scope::kObject, "HEAD", "", {"HeadObject", head_object}},
    {Scope::kObject, "DELETE", "", {"DeleteObject", delete_object}},
    {Scope::kObject, "GET", "tagging", {"GetObjectTagging", get_object_tagging}},
    {Scope::kObject, "POST", "uploads", {"CreateMultipartUpload", create_multipart_upload}},
    {Scope::kObject, "PUT", "uploadId", {"UploadPart", upload_part}},
    {Scope::kObject, "POST", "uploadId", {"CompleteMultipartUpload", complete_multipart_upload}},
    {Scope::kObject, "DELETE", "uploadId", {"AbortMultipartUpload", abort_multipart_upload}},
    {Scope::kObject, "GET", "uploadId", {"ListParts", list_parts}},
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

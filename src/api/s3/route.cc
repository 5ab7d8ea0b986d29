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
    {Scope::kService, "GET", "", list_buckets},
    {Scope::kBucket, "PUT", "", create_bucket},
    {Scope::kBucket, "DELETE", "", delete_bucket},
    {Scope::kBucket, "HEAD", "", head_bucket},
    {Scope::kBucket, "GET", "", list_objects},
    {Scope::kBucket, "GET", "list-type", list_objects_v2},
    {Scope::kBucket, "GET", "location", get_bucket_location},
    {Scope::kBucket, "GET", "versioning", get_bucket_versioning},
    {Scope::kBucket, "PUT", "versioning", put_bucket_versioning},
    {Scope::kBucket, "GET", "versions", list_object_versions},
    {Scope::kBucket, "GET", "uploads", list_multipart_uploads},
    {Scope::kBucket, "POST", "delete", delete_objects},
    {Scope::kObject, "PUT", "", put_object},
    {Scope::kObject, "GET", "", get_object},
    {Scope::kObject, "HEAD", "", head_object},
    {Scope::kObject, "DELETE", "", delete_object},
    {Scope::kObject, "GET", "tagging", get_object_tagging},
    {Scope::kObject, "POST", "uploads", create_multipart_upload},
    {Scope::kObject, "PUT", "uploadId", upload_part},
    {Scope::kObject, "POST", "uploadId", complete_multipart_upload},
    {Scope::kObject, "DELETE", "uploadId", abort_multipart_upload},
    {Scope::kObject, "GET", "uploadId", list_parts},
};

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

Result<Operation> route(const Request& request) {
  const Scope scope = request.bucket.empty() ? Scope::kService : request.key.empty() ? Scope::kBucket : Scope::kObject;
  const std::string& method = request.http->method;
  DL_TRY(std::string_view resource, find_resource(request));
  if (resource == "list-type" && request.param("list-type") != "2")
    return refuse(S3Code::kInvalidArgument, "list-type is 2, or is left out");
  for (const Route& row : kRoutes) {
    if (row.scope != scope || row.method != method || row.resource != resource) continue;
    const bool copy = method == "PUT" && request.header("x-amz-copy-source").has_value();
    if (copy && row.operation == put_object) return copy_object;
    if (copy && row.operation == upload_part) return upload_part_copy;
    return row.operation;
  }
  if (!is_s3_method(method))
    return refuse(S3Code::kMethodNotAllowed, "The specified method is not allowed against this resource.");
  return not_implemented(request, resource);
}

}  // namespace dl::api::s3

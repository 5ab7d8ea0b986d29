#include "api/s3/call.h"
#include "api/s3/documents.h"
#include "api/s3/limits.h"
#include "api/s3/listing.h"
#include "api/s3/text.h"
#include "base/task.h"

// The operations on buckets: each is a few lines.
namespace dl::api::s3 {

Task<void> list_buckets(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:ListAllMyBuckets", "", {}));
  DL_CO_TRY(auto buckets, call->objects->list_buckets(permit));
  const std::string prefix = call->request.param("prefix").value_or("");
  const std::string after = call->request.param("continuation-token").value_or("");
  DL_CO_TRY(uint64_t limit, parse_count(call->request, "max-buckets", 10'000, 10'000));
  XmlWriter xml("ListAllMyBucketsResult");
  write_person(xml, "Owner", permit.principal());
  xml.open("Buckets");
  std::string last;
  uint64_t count = 0;
  bool truncated = false;
  for (const auto& bucket : buckets) {
    if (!bucket.name.starts_with(prefix) || bucket.name <= after) continue;
    if (count == limit) {
      truncated = true;
      break;
    }
    ++count;
    last = bucket.name;
    xml.open("Bucket");
    xml.element("Name", bucket.name);
    xml.element("CreationDate", iso_time(bucket.created));
    xml.element("BucketRegion", bucket.home_region);
    xml.close();
  }
  xml.close();
  if (truncated) xml.element("ContinuationToken", last);
  if (!prefix.empty()) xml.element("Prefix", prefix);
  co_return co_await send_xml(call, std::move(xml));
}

Task<void> create_bucket(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:CreateBucket", call->request.bucket, {}));
  DL_CO_OK(check_bucket_name(call->request.bucket));
  DL_CO_TRY(Bytes document, co_await read_document(call, limits::kMaxXmlBytes));
  DL_CO_TRY(std::string location, read_location(document));
  if (!location.empty() && location != call->config->region)
    co_return refuse(S3Code::kIllegalLocationConstraint, "The " + location +
                                                             " location constraint is incompatible for the region " +
                                                             call->config->region + " of this node.");
  DL_CO_TRY(auto bucket, co_await call->objects->create_bucket(std::move(permit)));
  net::HttpHeaders headers;
  headers.add("Location", "/" + bucket.name);
  co_return co_await send_empty(call, 200, std::move(headers));
}

Task<void> delete_bucket(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:DeleteBucket", call->request.bucket, {}));
  DL_CO_OK(co_await call->objects->delete_bucket(std::move(permit)));
  co_return co_await send_empty(call, 204);
}

Task<void> head_bucket(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:ListBucket", call->request.bucket, {}));
  DL_CO_TRY(auto bucket, call->objects->find_bucket(permit, "s3:ListBucket"));
  net::HttpHeaders headers;
  // The region that a client has to sign for here; the bucket's home may be another node.
  headers.add("x-amz-bucket-region", call->config->region);
  headers.add("x-amz-access-point-alias", "false");
  headers.add("x-demilune-home-region", bucket.home_region);
  co_return co_await send_empty(call, 200, std::move(headers));
}

Task<void> get_bucket_location(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:GetBucketLocation", call->request.bucket, {}));
  DL_CO_TRY(auto bucket, call->objects->find_bucket(permit, "s3:GetBucketLocation"));
  (void)bucket;
  // Clients sign their next requests for what this says: it is this node's region. us-east-1 has the empty constraint.
  XmlWriter xml("LocationConstraint");
  if (call->config->region != "us-east-1") xml.text(call->config->region);
  co_return co_await send_xml(call, std::move(xml));
}

Task<void> get_bucket_versioning(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:GetBucketVersioning", call->request.bucket, {}));
  DL_CO_TRY(auto bucket, call->objects->find_bucket(permit, "s3:GetBucketVersioning"));
  XmlWriter xml("VersioningConfiguration");
  if (bucket.versioning == journal::Versioning::kEnabled) xml.element("Status", "Enabled");
  if (bucket.versioning == journal::Versioning::kSuspended) xml.element("Status", "Suspended");
  co_return co_await send_xml(call, std::move(xml));
}

Task<void> put_bucket_versioning(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:PutBucketVersioning", call->request.bucket, {}));
  DL_CO_TRY(Bytes document, co_await read_document(call, limits::kMaxXmlBytes));
  DL_CO_TRY(auto versioning, read_versioning(document));
  DL_CO_OK(co_await call->objects->set_versioning(std::move(permit), versioning));
  co_return co_await send_empty(call, 200);
}

// Objects have no tags in this version: the empty set, of an object that exists.
Task<void> get_object_tagging(Call* call) {
  objects::GetRequest get;
  get.key = call->request.key;
  DL_CO_TRY(get.version, parse_version_id(call->request));
  DL_CO_TRY(auto permit, call->permit(get.version ? "s3:GetObjectVersionTagging" : "s3:GetObjectTagging"));
  DL_CO_TRY(auto info, co_await call->objects->find_tags(std::move(permit), std::move(get)));
  net::HttpHeaders headers;
  add_version(headers, "x-amz-version-id", info.versioned, info.null, info.version);
  XmlWriter xml("Tagging");
  xml.open("TagSet");
  if (info.attributes.tags)
    for (const auto& tag : info.attributes.tags->value) {
      xml.open("Tag");
      xml.element("Key", tag.name);
      xml.element("Value", tag.value);
      xml.close();
    }
  xml.close();
  co_return co_await send_xml(call, std::move(xml), std::move(headers));
}

}  // namespace dl::api::s3

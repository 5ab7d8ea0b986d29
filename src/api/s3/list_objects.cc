#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/limits.h"
#include "api/s3/listing.h"
#include "api/s3/text.h"
#include "base/task.h"

// ListObjects (version 1) and ListObjectsV2.
namespace dl::api::s3 {
namespace {

enum class Owner { kLeaveOut, kTell };

Result<objects::ListRequest> parse_list(const Request& request) {
  objects::ListRequest list;
  list.prefix = request.param("prefix").value_or("");
  list.delimiter = request.param("delimiter").value_or("");
  DL_TRY(list.limit, parse_count(request, "max-keys", limits::kMaxListing, limits::kMaxListing));
  return list;
}

void write_object(XmlWriter& xml, const Encoding& encoding, const journal::Listed& row, Owner owner,
                  std::string_view bucket_owner) {
  xml.open("Contents");
  xml.element("Key", encoding(row.key));
  xml.element("LastModified", iso_time(row.last_modified.wall()));
  xml.element("ETag", quote(row.etag));
  for (auto kind : row.checksum_kinds) {
    xml.element("ChecksumAlgorithm", name_of(kind).algorithm);
    xml.element("ChecksumType", checksum_type(row.checksum_composite));
  }
  xml.element("Size", row.size);
  if (owner == Owner::kTell) write_person(xml, "Owner", bucket_owner);
  xml.element("StorageClass", row.storage_class.empty() ? "STANDARD" : row.storage_class);
  xml.close();
}

// Bucket facts for <Owner>; the permit of the listing itself is used up by then.
std::string owner_of(const Call& call) {
  auto bucket = call.objects->deps().buckets->find_bucket(call.request.bucket);
  return bucket && !bucket->owner.empty() ? bucket->owner : "demilune";
}

}  // namespace

Task<void> list_objects(Call* call) {
  const Request& request = call->request;
  DL_CO_TRY(auto list, parse_list(request));
  list.after = request.param("marker").value_or("");
  DL_CO_TRY(Encoding encoding, parse_encoding(request));
  DL_CO_TRY(auto permit, call->permit("s3:ListBucket"));
  DL_CO_TRY(auto page, co_await call->objects->list(std::move(permit), list));
  const std::string owner = owner_of(*call);
  XmlWriter xml("ListBucketResult");
  xml.element("Name", request.bucket);
  xml.element("Prefix", encoding(list.prefix));
  xml.element("Marker", encoding(list.after));
  xml.element("MaxKeys", list.limit);
  if (!list.delimiter.empty()) xml.element("Delimiter", encoding(list.delimiter));
  write_encoding(xml, encoding);
  xml.flag("IsTruncated", page.truncated);
  // AWS tells it with a delimiter only; without one clients take the last key. Telling it always harms nobody.
  if (page.truncated) xml.element("NextMarker", encoding(page.last));
  for (const auto& row : page.objects) write_object(xml, encoding, row, Owner::kTell, owner);
  write_prefixes(xml, encoding, page.prefixes);
  co_return co_await send_xml(call, std::move(xml));
}

Task<void> list_objects_v2(Call* call) {
  const Request& request = call->request;
  DL_CO_TRY(auto list, parse_list(request));
  const auto token = request.param("continuation-token");
  const auto start_after = request.param("start-after");
  if (token) {
    DL_CO_TRY(list.after, parse_token(*token));
  } else if (start_after) {
    list.after = *start_after;
  }
  DL_CO_TRY(Encoding encoding, parse_encoding(request));
  const Owner owner = request.param("fetch-owner") == "true" ? Owner::kTell : Owner::kLeaveOut;
  DL_CO_TRY(auto permit, call->permit("s3:ListBucket"));
  DL_CO_TRY(auto page, co_await call->objects->list(std::move(permit), list));
  const std::string bucket_owner = owner_of(*call);
  XmlWriter xml("ListBucketResult");
  xml.element("Name", request.bucket);
  xml.element("Prefix", encoding(list.prefix));
  if (token) xml.element("ContinuationToken", *token);
  if (start_after) xml.element("StartAfter", encoding(*start_after));
  xml.element("KeyCount", page.objects.size() + page.prefixes.size());
  xml.element("MaxKeys", list.limit);
  if (!list.delimiter.empty()) xml.element("Delimiter", encoding(list.delimiter));
  write_encoding(xml, encoding);
  xml.flag("IsTruncated", page.truncated);
  if (page.truncated) xml.element("NextContinuationToken", make_token(page.last));
  for (const auto& row : page.objects) write_object(xml, encoding, row, owner, bucket_owner);
  write_prefixes(xml, encoding, page.prefixes);
  co_return co_await send_xml(call, std::move(xml));
}

}  // namespace dl::api::s3

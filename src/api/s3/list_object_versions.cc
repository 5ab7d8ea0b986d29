#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/limits.h"
#include "api/s3/listing.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

// Markers of places between versions are plain version-ids, also for null versions, so that a page can go on behind
// any.
Result<objects::ListVersionsRequest> parse_list_versions(const Request& request) {
  objects::ListVersionsRequest list;
  list.prefix = request.param("prefix").value_or("");
  list.delimiter = request.param("delimiter").value_or("");
  list.key_marker = request.param("key-marker").value_or("");
  DL_TRY(list.limit, parse_count(request, "max-keys", limits::kMaxListing, limits::kMaxListing));
  const std::string marker = request.param("version-id-marker").value_or("");
  if (marker.empty()) return list;
  if (list.key_marker.empty())
    return refuse(S3Code::kInvalidArgument, "A version-id marker cannot be specified without a key marker.");
  auto id = VersionId::from_hex(marker);
  if (!id.ok()) return refuse(S3Code::kInvalidArgument, "Invalid version id specified");
  list.version_marker = *id;
  return list;
}

void write_row(XmlWriter& xml, const Encoding& encoding, const objects::VersionsPage::Row& row,
               std::string_view owner) {
  xml.open(row.marker ? "DeleteMarker" : "Version");
  xml.element("Key", encoding(row.key));
  xml.element("VersionId", objects::version_text(row.null, row.version));
  xml.flag("IsLatest", row.current);
  xml.element("LastModified", iso_time(row.last_modified.wall()));
  if (!row.marker) {
    xml.element("ETag", quote(row.etag));
    for (auto kind : row.checksum_kinds) {
      xml.element("ChecksumAlgorithm", name_of(kind).algorithm);
      xml.element("ChecksumType", checksum_type(row.checksum_composite));
    }
    xml.element("Size", row.size);
    xml.element("StorageClass", "STANDARD");
  }
  write_person(xml, "Owner", owner);
  xml.close();
}

}  // namespace

Task<void> list_object_versions(Call* call) {
  const Request& request = call->request;
  DL_CO_TRY(auto list, parse_list_versions(request));
  DL_CO_TRY(Encoding encoding, parse_encoding(request));
  DL_CO_TRY(auto permit, call->permit("s3:ListBucketVersions"));
  DL_CO_TRY(auto page, co_await call->objects->list_versions(std::move(permit), list));
  auto bucket = call->objects->deps().buckets->find_bucket(request.bucket);
  const std::string owner = bucket && !bucket->owner.empty() ? bucket->owner : "demilune";
  XmlWriter xml("ListVersionsResult");
  xml.element("Name", request.bucket);
  xml.element("Prefix", encoding(list.prefix));
  xml.element("KeyMarker", encoding(list.key_marker));
  xml.element("VersionIdMarker", request.param("version-id-marker").value_or(""));
  xml.element("MaxKeys", list.limit);
  if (!list.delimiter.empty()) xml.element("Delimiter", encoding(list.delimiter));
  write_encoding(xml, encoding);
  xml.flag("IsTruncated", page.truncated);
  if (page.truncated) {
    xml.element("NextKeyMarker", encoding(page.next_key));
    if (page.next_version) xml.element("NextVersionIdMarker", page.next_version->hex());
  }
  for (const auto& row : page.rows) write_row(xml, encoding, row, owner);
  write_prefixes(xml, encoding, page.prefixes);
  co_return co_await send_xml(call, std::move(xml));
}

}  // namespace dl::api::s3

#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/limits.h"
#include "api/s3/listing.h"
#include "api/s3/text.h"
#include "base/task.h"

// ListParts and ListMultipartUploads.
namespace dl::api::s3 {
namespace {

void write_kind(XmlWriter& xml, const std::optional<format::ChecksumKind>& kind, bool composite) {
  if (!kind) return;
  xml.element("ChecksumAlgorithm", name_of(*kind).algorithm);
  xml.element("ChecksumType", checksum_type(composite));
}

}  // namespace

Task<void> list_parts(Call* call) {
  const Request& request = call->request;
  DL_CO_TRY(UploadId upload, parse_upload_id(request));
  DL_CO_TRY(uint64_t limit, parse_count(request, "max-parts", limits::kMaxListing, limits::kMaxListing));
  DL_CO_TRY(uint64_t after, parse_count(request, "part-number-marker", 0, limits::kMaxParts));
  DL_CO_TRY(Encoding encoding, parse_encoding(request));
  DL_CO_TRY(auto permit, call->permit("s3:ListMultipartUploadParts"));
  DL_CO_TRY(auto page,
            co_await call->objects->list_parts(std::move(permit), upload, static_cast<uint32_t>(after), limit));
  XmlWriter xml("ListPartsResult");
  xml.element("Bucket", request.bucket);
  xml.element("Key", encoding(request.key));
  xml.element("UploadId", upload.hex());
  write_person(xml, "Initiator", page.principal);
  write_person(xml, "Owner", page.principal);
  xml.element("StorageClass", "STANDARD");
  xml.element("PartNumberMarker", after);
  if (page.truncated) xml.element("NextPartNumberMarker", page.parts.back().part);
  xml.element("MaxParts", limit);
  xml.flag("IsTruncated", page.truncated);
  write_kind(xml, page.checksum, page.composite);
  for (const auto& part : page.parts) {
    xml.open("Part");
    xml.element("PartNumber", part.part);
    xml.element("LastModified", iso_time(part.last_modified));
    xml.element("ETag", quote(part.etag));
    xml.element("Size", part.size);
    if (part.checksum) xml.element(name_of(part.checksum->kind).element, checksum_text(*part.checksum));
    xml.close();
  }
  co_return co_await send_xml(call, std::move(xml));
}

Task<void> list_multipart_uploads(Call* call) {
  const Request& request = call->request;
  objects::ListUploadsRequest list;
  list.prefix = request.param("prefix").value_or("");
  list.delimiter = request.param("delimiter").value_or("");
  list.key_marker = request.param("key-marker").value_or("");
  const std::string upload_marker = request.param("upload-id-marker").value_or("");
  if (!upload_marker.empty() && !list.key_marker.empty()) {
    auto id = UploadId::from_hex(upload_marker);
    if (!id.ok()) co_return refuse(S3Code::kInvalidArgument, "Invalid uploadId marker");
    list.upload_marker = *id;
  }
  DL_CO_TRY(list.limit, parse_count(request, "max-uploads", limits::kMaxListing, limits::kMaxListing));
  DL_CO_TRY(Encoding encoding, parse_encoding(request));
  DL_CO_TRY(auto permit, call->permit("s3:ListBucketMultipartUploads"));
  DL_CO_TRY(auto page, co_await call->objects->list_uploads(std::move(permit), list));
  XmlWriter xml("ListMultipartUploadsResult");
  xml.element("Bucket", request.bucket);
  xml.element("KeyMarker", encoding(list.key_marker));
  xml.element("UploadIdMarker", upload_marker);
  if (page.truncated) {
    xml.element("NextKeyMarker", encoding(page.next_key));
    if (page.next_upload) xml.element("NextUploadIdMarker", page.next_upload->hex());
  }
  xml.element("Prefix", encoding(list.prefix));
  if (!list.delimiter.empty()) xml.element("Delimiter", encoding(list.delimiter));
  xml.element("MaxUploads", list.limit);
  write_encoding(xml, encoding);
  xml.flag("IsTruncated", page.truncated);
  for (const auto& upload : page.uploads) {
    xml.open("Upload");
    xml.element("Key", encoding(upload.key));
    xml.element("UploadId", upload.upload.hex());
    write_person(xml, "Initiator", upload.principal);
    write_person(xml, "Owner", upload.principal);
    xml.element("StorageClass", "STANDARD");
    xml.element("Initiated", iso_time(upload.created));
    write_kind(xml, upload.checksum, upload.composite);
    xml.close();
  }
  write_prefixes(xml, encoding, page.prefixes);
  co_return co_await send_xml(call, std::move(xml));
}

}  // namespace dl::api::s3

#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/documents.h"
#include "api/s3/limits.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

Result<objects::CompleteRequest> parse_complete(const Request& request) {
  objects::CompleteRequest out;
  DL_TRY(out.upload, parse_upload_id(request));
  DL_TRY(out.conditions, parse_conditions(request));
  out.conditions.if_modified_since.reset();
  out.conditions.if_unmodified_since.reset();
  DL_TRY(out.wait_hub, asks_to_wait(request));
  DL_TRY(AskedChecksum checksum, parse_checksum_headers(request));
  out.checksum = std::move(checksum.value);
  if (auto type = request.header("x-amz-checksum-type")) {
    if (*type != checksum_type(true) && *type != checksum_type(false))
      return refuse(S3Code::kInvalidRequest, "Value for x-amz-checksum-type header is invalid.");
    out.composite = *type == checksum_type(true);
  }
  if (auto size = request.header("x-amz-mp-object-size")) {
    out.size = parse_number(*size);
    if (!out.size) return refuse(S3Code::kInvalidArgument, "x-amz-mp-object-size is no number");
  }
  return out;
}

std::string location(const Call& call) {
  std::string out = call.request.http->tls ? "https://" : "http://";
  out += call.request.header("host").value_or("localhost");
  out += "/" + call.request.bucket + "/" + access::uri_encode(call.request.key, access::Slash::kKeep);
  return out;
}

}  // namespace

Task<void> complete_multipart_upload(Call* call) {
  DL_CO_TRY(auto request, parse_complete(call->request));
  DL_CO_TRY(auto permit, call->permit("s3:PutObject"));
  DL_CO_TRY(Bytes bytes, co_await read_document(call, limits::kMaxXmlBytes, ChecksumOf::kObject));
  DL_CO_TRY(request.parts, read_complete(bytes));
  DL_CO_TRY(auto result, co_await call->objects->complete_upload(std::move(permit), std::move(request)));
  net::HttpHeaders headers;
  add_version(headers, "x-amz-version-id", result.versioned, result.null, result.version);
  add_durable(headers, result.at_hub);
  XmlWriter xml("CompleteMultipartUploadResult");
  xml.element("Location", location(*call));
  xml.element("Bucket", call->request.bucket);
  xml.element("Key", call->request.key);
  xml.element("ETag", quote(result.etag));
  write_checksum(xml, result.checksum);
  co_return co_await send_xml(call, std::move(xml), std::move(headers));
}

Task<void> abort_multipart_upload(Call* call) {
  DL_CO_TRY(UploadId upload, parse_upload_id(call->request));
  DL_CO_TRY(auto permit, call->permit("s3:AbortMultipartUpload"));
  DL_CO_OK(co_await call->objects->abort_upload(std::move(permit), upload));
  co_return co_await send_empty(call, 204);
}

}  // namespace dl::api::s3

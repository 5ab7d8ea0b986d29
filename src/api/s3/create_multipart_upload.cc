#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "base/task.h"

namespace dl::api::s3 {

Task<void> create_multipart_upload(Call* call) {
  objects::CreateUploadRequest request;
  DL_CO_TRY(request.meta, parse_meta(call->request));
  DL_CO_TRY(UploadChecksum checksum, parse_upload_checksum(call->request));
  request.checksum = checksum.kind;
  request.composite = checksum.composite;
  DL_CO_TRY(auto permit, call->permit("s3:PutObject"));
  DL_CO_TRY(UploadId upload, co_await call->objects->create_upload(std::move(permit), std::move(request)));
  net::HttpHeaders headers;
  if (checksum.kind) {
    headers.add("x-amz-checksum-algorithm", std::string(name_of(*checksum.kind).algorithm));
    headers.add("x-amz-checksum-type", std::string(checksum_type(checksum.composite)));
  }
  XmlWriter xml("InitiateMultipartUploadResult");
  xml.element("Bucket", call->request.bucket);
  xml.element("Key", call->request.key);
  xml.element("UploadId", upload.hex());
  co_return co_await send_xml(call, std::move(xml), std::move(headers));
}

}  // namespace dl::api::s3

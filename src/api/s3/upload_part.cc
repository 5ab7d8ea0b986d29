#include "api/s3/call.h"
#include "api/s3/copy.h"
#include "api/s3/text.h"
#include "base/task.h"

// UploadPart and UploadPartCopy.
namespace dl::api::s3 {
namespace {

Result<objects::UploadPartRequest> parse_part(const Request& request) {
  objects::UploadPartRequest out;
  DL_TRY(out.upload, parse_upload_id(request));
  auto part = parse_number(request.param("partNumber").value_or(""));
  if (!part || *part < 1 || *part > dl::limits::kMaxParts)
    return refuse(S3Code::kInvalidArgument, "Part number must be an integer between 1 and 10000, inclusive");
  out.part = static_cast<uint32_t>(*part);
  return out;
}

// The source range of a part must lie inside the source, unlike a reader's.
Result<std::optional<objects::ByteRange>> parse_source_range(const Request& request) {
  auto text = request.header("x-amz-copy-source-range");
  if (!text) return std::optional<objects::ByteRange>();
  auto range = parse_range(*text);
  if (!range || !range->first || !range->last)
    return refuse(S3Code::kInvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last");
  return range;
}

}  // namespace

Task<void> upload_part(Call* call) {
  DL_CO_TRY(auto request, parse_part(call->request));
  DL_CO_TRY(auto permit, call->permit("s3:PutObject"));
  DL_CO_TRY(BodyPlan body, plan_body(call));
  request.size = body.size;
  request.checksum = body.checksum.kind;
  DL_CO_TRY(auto result, co_await call->objects->upload_part(std::move(permit), request, body.source.get()));
  net::HttpHeaders headers;
  headers.add("ETag", quote(result.etag));
  if (result.checksum) add_checksum(headers, *result.checksum);
  co_return co_await send_empty(call, 200, std::move(headers));
}

Task<void> upload_part_copy(Call* call) {
  DL_CO_TRY(auto request, parse_part(call->request));
  DL_CO_TRY(CopyPlan plan, parse_copy(call->request));
  DL_CO_TRY(plan.request.source_range, parse_source_range(call->request));
  DL_CO_TRY(auto write, call->permit("s3:PutObject"));
  DL_CO_TRY(auto read,
            call->permit(read_action(plan.request.source_version), plan.source_bucket, plan.request.source_key));
  DL_CO_TRY(auto result, co_await call->objects->upload_part_copy(std::move(read), std::move(write), request,
                                                                  std::move(plan.request)));
  net::HttpHeaders headers;
  add_version(headers, "x-amz-copy-source-version-id", result.source_versioned, result.source_null,
              result.source_version);
  XmlWriter xml("CopyPartResult");
  xml.element("LastModified", iso_time(result.last_modified));
  xml.element("ETag", quote(result.etag));
  if (result.checksum) write_checksum(xml, result.checksum);
  co_return co_await send_xml(call, std::move(xml), std::move(headers));
}

}  // namespace dl::api::s3

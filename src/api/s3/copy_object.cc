#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/copy.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {

Result<CopyPlan> parse_copy(const Request& request) {
  CopyPlan plan;
  DL_TRY(CopyAddress address, parse_copy_source(request));
  plan.source_bucket = std::move(address.bucket);
  plan.request.source_key = std::move(address.key);
  plan.request.source_version = address.version;
  DL_TRY(plan.request.source_conditions, parse_conditions(request, "x-amz-copy-source-"));
  return plan;
}

namespace {

Result<CopyPlan> parse_copy_object(const Request& request) {
  DL_TRY(CopyPlan plan, parse_copy(request));
  const std::string_view directive = request.header("x-amz-metadata-directive").value_or("COPY");
  if (directive != "COPY" && directive != "REPLACE")
    return refuse(S3Code::kInvalidArgument, "Unknown metadata directive.");
  plan.request.replace_metadata = directive == "REPLACE";
  if (plan.request.replace_metadata) {
    DL_TRY(plan.request.meta, parse_meta(request));
  }
  if (auto algorithm = request.header("x-amz-checksum-algorithm")) {
    const ChecksumName* name = find_checksum_algorithm(*algorithm);
    if (!name) return refuse(S3Code::kInvalidRequest, "Checksum algorithm provided is unsupported.");
    plan.request.checksum = name->kind;
  }
  DL_TRY(plan.request.conditions, parse_conditions(request));
  DL_TRY(plan.request.wait_hub, asks_to_wait(request));
  plan.request.conditions.if_modified_since.reset();
  plan.request.conditions.if_unmodified_since.reset();
  const bool itself = plan.source_bucket == request.bucket && plan.request.source_key == request.key;
  if (itself && !plan.request.source_version && !plan.request.replace_metadata && !plan.request.checksum)
    return refuse(S3Code::kInvalidRequest,
                  "This copy request is illegal because it is trying to copy an object to itself without changing the "
                  "object's metadata, storage class, website redirect location or encryption attributes.");
  return plan;
}

}  // namespace

Task<void> copy_object(Call* call) {
  DL_CO_TRY(CopyPlan plan, parse_copy_object(call->request));
  DL_CO_TRY(auto write, call->permit("s3:PutObject"));
  DL_CO_TRY(auto read,
            call->permit(read_action(plan.request.source_version), plan.source_bucket, plan.request.source_key));
  DL_CO_TRY(auto result, co_await call->objects->copy(std::move(read), std::move(write), std::move(plan.request)));
  net::HttpHeaders headers;
  add_version(headers, "x-amz-version-id", result.put.versioned, result.put.null, result.put.version);
  add_version(headers, "x-amz-copy-source-version-id", result.source_versioned, result.source_null,
              result.source_version);
  add_durable(headers, result.put.at_hub);
  XmlWriter xml("CopyObjectResult");
  xml.element("LastModified", iso_time(result.put.last_modified.wall()));
  xml.element("ETag", quote(result.put.etag));
  write_checksum(xml, result.put.checksum);
  co_return co_await send_xml(call, std::move(xml), std::move(headers));
}

}  // namespace dl::api::s3

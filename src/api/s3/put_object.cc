#include "api/s3/call.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

// x-demilune-wait: hub asks for an answer only when the write is committed there; elsewhere that is not offered.
Result<void> check_wait(const Call& call) {
  auto wait = call.request.header("x-demilune-wait");
  if (!wait) return {};
  if (*wait != "hub") return refuse(S3Code::kInvalidArgument, "x-demilune-wait may only be hub");
  auto bucket = call.objects->deps().buckets->find_bucket(call.request.bucket);
  if (!bucket || bucket->home) return {};
  return refuse(S3Code::kNotImplemented, "waiting for the hub is not offered at a device in this version");
}

struct Put {
  objects::PutRequest request;
  std::unique_ptr<objects::BodySource> body;
};

Result<Put> parse_put(Call* call) {
  Put put;
  DL_TRY(BodyPlan plan, plan_body(call));
  put.request.size = plan.size;
  put.request.checksum = plan.checksum.kind;
  put.body = std::move(plan.source);
  DL_TRY(put.request.meta, parse_meta(call->request));
  DL_TRY(put.request.conditions, parse_conditions(call->request));
  put.request.conditions.if_modified_since.reset();
  put.request.conditions.if_unmodified_since.reset();
  DL_TRY(put.request.parents, parse_parents(call->request));
  return put;
}

net::HttpHeaders render_put(const objects::PutResult& result) {
  net::HttpHeaders headers;
  headers.add("ETag", quote(result.etag));
  add_version(headers, "x-amz-version-id", result.versioned, result.null, result.version);
  if (result.checksum) add_checksum(headers, *result.checksum);
  add_durable(headers, result.at_hub);
  return headers;
}

}  // namespace

Task<void> put_object(Call* call) {
  DL_CO_TRY(auto permit, call->permit("s3:PutObject"));
  DL_CO_OK(check_wait(*call));
  DL_CO_TRY(Put put, parse_put(call));
  DL_CO_TRY(auto result, co_await call->objects->put(std::move(permit), std::move(put.request), put.body.get()));
  co_return co_await send_empty(call, 200, render_put(result));
}

}  // namespace dl::api::s3

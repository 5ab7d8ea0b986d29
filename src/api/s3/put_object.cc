#include "api/s3/call.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

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
  DL_TRY(put.request.wait_hub, asks_to_wait(call->request));
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
  DL_CO_TRY(Put put, parse_put(call));
  DL_CO_TRY(auto result, co_await call->objects->put(std::move(permit), std::move(put.request), put.body.get()));
  co_return co_await send_empty(call, 200, render_put(result));
}

}  // namespace dl::api::s3

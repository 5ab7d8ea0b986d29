#include "api/s3/call.h"
#include "base/task.h"

namespace dl::api::s3 {

Task<void> delete_object(Call* call) {
  objects::RemoveRequest request;
  request.key = call->request.key;
  DL_CO_TRY(request.version, parse_version_id(call->request));
  DL_CO_TRY(request.conditions, parse_conditions(call->request));
  request.conditions.if_modified_since.reset();
  request.conditions.if_unmodified_since.reset();
  DL_CO_TRY(auto permit, call->permit(request.version ? "s3:DeleteObjectVersion" : "s3:DeleteObject"));
  DL_CO_TRY(auto result, co_await call->objects->remove(std::move(permit), std::move(request)));
  net::HttpHeaders headers;
  if (result.marker) headers.add("x-amz-delete-marker", "true");
  if (result.version) add_version(headers, "x-amz-version-id", true, result.null, *result.version);
  co_return co_await send_empty(call, 204, std::move(headers));
}

}  // namespace dl::api::s3

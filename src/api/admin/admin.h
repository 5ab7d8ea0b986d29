#pragma once

#include <string_view>
#include <vector>

#include "api/admin/context.h"
#include "base/task_fwd.h"
#include "net/http.h"

namespace dl::api::admin {

// The administration API: HTTP and JSON under /api/v1, one set of handlers for the local socket and the administration
// port; beside it /livez, /readyz and /metrics. Owned by the node, which stops its servers before it lets go of this.
// Coroutines of the runtime's loops; blocking work goes to the pool.
class AdminApi {
 public:
  explicit AdminApi(AdminContext context);
  AdminApi(const AdminApi&) = delete;
  AdminApi& operator=(const AdminApi&) = delete;

  // For net::HttpServer; must not outlive this.
  net::HttpHandler handler();
  // The answer to one request. Never an error: what went wrong is in the answer. `body` is kept by the caller.
  // `operation`: what it was, for the metrics; may be null.
  Task<net::HttpResponse> answer(net::HttpRequest request, net::BodyReader* body,
                                 std::string_view* operation = nullptr);

 private:
  AdminContext context_;
};

// {"code":"DL-1003","name":"not-found","message":…,"next":…} with the fitting status.
net::HttpResponse error_response(const Error& e, const std::string& request_id);
int http_status(Code code);
// Of the requests' metrics.
std::vector<std::string_view> operation_names();

}  // namespace dl::api::admin

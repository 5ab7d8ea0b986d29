#include "api/admin/admin.h"

#include "api/admin/call.h"
#include "base/assert.h"
#include "base/error_table.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"

namespace dl::api::admin {
namespace {

net::HttpResponse text_response(int status, std::string text, const char* type = "text/plain; charset=utf-8") {
  net::HttpResponse r;
  r.status = status;
  r.headers.add("Content-Type", type);
  r.headers.add("Cache-Control", "no-store");
  r.headers.add("X-Content-Type-Options", "nosniff");
  r.body = std::move(text);
  return r;
}

net::HttpResponse json_response(int status, const Json& json, const std::string& request_id) {
  auto r = text_response(status, format::write_json(json) + "\n", "application/json");
  r.headers.add("X-Request-Id", request_id);
  return r;
}

// What anybody may know of why a node does not serve; the whole reason, with names, is in `status` and in the log.
std::string_view public_reason(const Error& e) {
  if (e.code == Code::kNoSpace) return "the disk is below its reserve, so writes are refused";
  if (e.code == Code::kUnavailable) return "the store is closed until the disk has space, or does not commit";
  return "the store has failed";
}

// /livez and /readyz, for whoever asks.
std::optional<net::HttpResponse> probe(const AdminContext& context, const net::HttpRequest& request) {
  bool live = request.raw_path() == "/livez", ready = request.raw_path() == "/readyz";
  if (!live && !ready) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") return text_response(405, "use GET\n");
  if (live) return text_response(200, "live\n");
  auto state = context.ready();
  return state.ok() ? text_response(200, "ready\n")
                    : text_response(503, fmt::format("not ready: {}\n", public_reason(state.error())));
}

// Reads at most kMaxBodyBytes.
Task<Bytes> read_body(net::BodyReader* body, std::optional<uint64_t> announced) {
  if (announced.value_or(0) > limits::kMaxBodyBytes)
    co_return error(Code::kTooLarge, "the request has more than " + std::to_string(limits::kMaxBodyBytes) + " bytes");
  Bytes out;
  Bytes piece(16 * 1024, '\0');
  for (;;) {
    DL_CO_TRY(size_t n, co_await body->read(piece.data(), piece.size()));
    if (n == 0) co_return out;
    if (out.size() + n > limits::kMaxBodyBytes)
      co_return error(Code::kTooLarge, "the request has more than " + std::to_string(limits::kMaxBodyBytes) + " bytes");
    out.append(piece, 0, n);
  }
}

Task<Json> run_handler(const Route* route, Call* call) {
  if (route->waiting) co_return co_await route->waiting(call);
  // The pool's job may still run when this coroutine was cancelled, so both own what it works on.
  struct Job {
    Call call;
    std::optional<Json> out;
  };
  auto job = std::make_shared<Job>();
  job->call = std::move(*call);
  BlockingHandler work = route->blocking;
  DL_CO_OK(co_await net::run_blocking(*job->call.context->runtime, [job, work]() -> Result<void> {
    DL_TRY(job->out, work(job->call));
    return {};
  }));
  co_return std::move(*job->out);
}

Task<net::HttpResponse> metrics_response(const AdminContext* context) {
  auto text = std::make_shared<std::string>();
  DL_CO_OK(co_await net::run_blocking(*context->runtime, [context, text]() -> Result<void> {
    *text = context->metrics();
    return {};
  }));
  co_return text_response(200, std::move(*text), "text/plain; version=0.0.4");
}

struct Question {
  const AdminContext* context;
  net::HttpRequest request;
  net::BodyReader* body;
  std::string request_id;
  std::string_view* operation;
};

// Who, what, may they, do it: in this order, so that nobody unproven learns what fields a request has.
Task<net::HttpResponse> answer_question(Question q) {
  DL_CO_TRY(auto match, find_route(q.request.method, q.request.raw_path()));
  const Route& route = *match.route;
  if (q.operation) *q.operation = operation_of(route);
  Call call;
  call.context = q.context;
  std::optional<Bytes> raw;
  if (!route.streams) {
    DL_CO_TRY(raw, co_await read_body(q.body, q.request.content_length));
  }
  std::optional<BytesView> signed_body;
  if (raw) signed_body = *raw;
  DL_CO_TRY(call.caller, q.context->door->authenticate(q.request, signed_body, q.request_id));
  call.path = std::move(match.path);
  DL_CO_TRY(call.query, parse_query(q.request.raw_query(), route));
  if (raw) {
    DL_CO_TRY(call.body, parse_body(*raw, route));
  }
  call.stream = q.body;
  if (!route.action.empty()) {
    DL_CO_TRY(call.admission, q.context->door->admit(call.caller, need_of(route, call)));
  }
  if (route.pattern == "/metrics") co_return co_await metrics_response(q.context);
  DL_CO_TRY(auto json, co_await run_handler(&route, &call));
  co_return json_response(route.status, json, q.request_id);
}

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kExists:
    case Code::kConflict:
    case Code::kForeign:
    case Code::kLimit:
      return 409;
    case Code::kPrecondition:
      return 412;
    case Code::kTooLarge:
      return 413;
    case Code::kUnsupported:
      return 501;
    case Code::kClosed:
      return 502;
    case Code::kBusy:
    case Code::kCancelled:
    case Code::kUnavailable:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kNoSpace:
      return 507;
    case Code::kCorrupt:
    case Code::kIo:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

net::HttpResponse error_response(const Error& e, const std::string& request_id) {
  const auto& info = error_info(e.code);
  Json json = Json::object();
  json.set("code", fmt::format("DL-{}", info.number));
  json.set("name", info.name);
  json.set("message", e.message);
  json.set("next", e.next.empty() ? std::string(info.next) : e.next);
  json.set("request_id", request_id);
  auto r = json_response(http_status(e.code), json, request_id);
  if (r.status == 503) r.headers.add("Retry-After", "2");
  return r;
}

AdminApi::AdminApi(AdminContext context) : context_(std::move(context)) {
  const auto& c = context_;
  DL_REQUIRE(c.runtime && c.clock && c.random && c.control && c.door && c.objects && c.sync && c.images && c.workloads,
             "wired by node");
  DL_REQUIRE(c.node && c.ready && c.partitions && c.doctor && c.metrics && c.inbox && c.audit, "wired by node");
  DL_REQUIRE((c.fleet != nullptr) == (c.control->role() == control::Role::kHub), "a hub has a fleet");
}

Task<net::HttpResponse> AdminApi::answer(net::HttpRequest request, net::BodyReader* body, std::string_view* operation) {
  if (auto probed = probe(context_, request)) co_return std::move(*probed);
  std::string request_id = to_hex(context_.random->bytes(8));
  auto answered = co_await answer_question({&context_, std::move(request), body, request_id, operation});
  if (answered.ok()) co_return std::move(answered).value();
  const Error& e = answered.error();
  if (http_status(e.code) == 500) log_error("api", "request {}: {}", request_id, e.message);
  co_return error_response(e, request_id);
}

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server owns the exchange
Task<void> serve(AdminApi* api, const RequestMetrics* metrics, net::HttpExchange& outer) {
  Observed observed(outer, metrics);
  auto& exchange = observed.exchange();
  std::string_view operation = RequestMetrics::kNoOperation;
  auto response = co_await api->answer(std::move(exchange.request), &exchange.body, &operation);
  observed.operation(operation);
  if (!response.ok()) co_return std::move(response).error();
  co_return co_await exchange.response.send(std::move(*response));
}

}  // namespace

net::HttpHandler AdminApi::handler() {
  return [this](net::HttpExchange& exchange) { return serve(this, context_.requests, exchange); };
}

}  // namespace dl::api::admin

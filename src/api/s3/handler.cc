#include "api/s3/handler.h"

#include <fmt/format.h>

#include "api/s3/call.h"
#include "base/log.h"
#include "base/task.h"
#include "gate/admission.h"
#include "net/runtime.h"

namespace dl::api::s3 {
namespace {

// x-demilune-wait is kept or refused, never passed over: at a device some writes cannot wait for the hub.
Result<void> check_wait(const Call& call, const Operation& operation) {
  DL_TRY(bool waits, asks_to_wait(call.request));
  const std::string& method = call.request.http->method;
  if (!waits || call.config->home || method == "GET" || method == "HEAD") return {};
  for (std::string_view name : {"PutObject", "CopyObject", "CompleteMultipartUpload"})
    if (operation.name == name) return {};
  return refuse(S3Code::kNotImplemented, std::string(operation.name) + " does not wait for the hub at a device");
}

// Parse, let in, find the operation. What is malformed is told after the gate let the request in, so that a stranger
// learns nothing of buckets, keys or what is offered.
Result<Operation> admit(Call& call) {
  const net::HttpRequest& http = *call.request.http;
  std::vector<access::HeaderView> headers;
  for (const auto& header : http.headers.list()) headers.push_back({header.name, header.value});
  const gate::Request asked{
      {http.method, http.raw_path(), http.raw_query(), headers}, http.peer, http.peer_uid, call.request_id};
  DL_TRY(call.identity, call.gate->authenticate(asked, {"s3"}));
  DL_TRY(Request parsed, parse_request(*call.request.http));
  call.request = std::move(parsed);
  DL_TRY(Operation operation, route(call.request));
  DL_OK(check_unsupported_headers(call.request));
  DL_OK(check_wait(call, operation));
  return operation;
}

bool reads(const net::HttpRequest& http) { return http.method == "GET" || http.method == "HEAD"; }

// Until it is this request's turn. Errors: kBusy, kCancelled.
Task<void> wait_for_turn(gate::Pass* pass, Millis look) {
  for (;;) {
    auto woken = co_await net::await_callback(
        [pass](std::function<void(Result<void>)> granted) { pass->when_granted(std::move(granted)); }, look);
    if (!woken.ok() && woken.error().code != Code::kTimeout) co_return woken;
    DL_CO_TRY(gate::Turn turn, pass->look());
    if (turn == gate::Turn::kRuns) co_return Result<void>();
  }
}

Task<void> answer(Call* call, Operation operation) { co_return co_await operation.run(call); }

}  // namespace

Task<void> S3Handler::handle(net::HttpExchange* outer) {
  Observed observed(*outer, config_.metrics);
  net::HttpExchange* exchange = &observed.exchange();
  Call call;
  call.config = &config_;
  call.objects = &objects_;
  call.gate = &gate_;
  call.exchange = exchange;
  call.request.http = &exchange->request;
  call.request_id = fmt::format("{:016X}", random_.u64());

  Result<Operation> operation = admit(call);
  gate::Pass pass(config_.admission);
  Result<void> done;
  if (operation.ok()) {
    observed.operation(operation->name);
    observed.carry(&pass);
    const auto& http = exchange->request;
    auto turn =
        pass.ask(call.identity->who().principal, reads(http) ? gate::Pass::Kind::kRead : gate::Pass::Kind::kWrite,
                 http.content_length.value_or(http.chunked ? gate::Admission::kBodyBytes : 0));
    if (!turn.ok())
      done = std::move(turn).error();
    else if (*turn == gate::Turn::kWaits)
      done = co_await wait_for_turn(
          &pass, std::min(config_.admission->limits().lease, config_.admission->limits().longest_wait));
    if (done.ok()) done = co_await answer(&call, *operation);
  } else {
    done = std::move(operation).error();
  }
  if (done.ok()) co_return Result<void>();
  const Error& e = done.error();
  // The client is gone, or has half an answer already: nothing can be told any more.
  if (e.code == Code::kClosed || e.code == Code::kCancelled || exchange->response.started()) co_return std::move(done);
  co_return co_await exchange->response.send(error_response(call, e));
}

}  // namespace dl::api::s3

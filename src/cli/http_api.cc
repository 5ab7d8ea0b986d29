#include "cli/http_api.h"

#include "access/sign.h"
#include "base/clock.h"
#include "cli/endpoint.h"
#include "crypto/hash.h"
#include "net/http_client.h"
#include "net/runtime.h"

namespace dl::cli {
namespace {

using format::Json;

class HttpApi : public Api {
 public:
  HttpApi(net::HttpEndpoint endpoint, std::string host, std::optional<access::Credentials> credentials,
          std::string nobody)
      : host_(std::move(host)), credentials_(std::move(credentials)), nobody_(std::move(nobody)), runtime_(1, 1) {
    runtime_.start();
    // A request may wait for what a person waits for: a bucket that is emptied, a link that is slow.
    net::HttpClientOptions options;
    options.answer_deadline = std::chrono::minutes(10);
    client_ = std::make_unique<net::HttpClient>(runtime_, std::move(endpoint), options);
  }
  ~HttpApi() override {
    client_.reset();
    runtime_.stop();
  }

  Result<Json> call(std::string_view method, const std::string& path, const Json& body) override {
    net::HttpClientRequest request;
    if (!body.is_null()) {
      request.body = format::write_json(body);
      request.headers.add("Content-Type", "application/json");
    }
    std::string hash = to_hex(crypto::sha256(request.body).view());  // before the request is moved on
    return run(method, path, std::move(request), std::move(hash));
  }

  Result<Json> upload(const std::string& path, Pull pull, std::optional<uint64_t> size) override {
    net::HttpClientRequest request;
    request.headers.add("Content-Type", "application/x-tar");
    request.source = net::blocking_source(std::move(pull));
    request.source_length = size;
    request.expect_continue = true;
    return run("POST", path, std::move(request), "UNSIGNED-PAYLOAD");
  }

 private:
  Result<Json> run(std::string_view method, const std::string& path, net::HttpClientRequest request,
                   std::string payload) {
    request.method = method;
    request.target = path;
    if (credentials_) sign_request(request, std::move(payload));
    auto answer = client_->request(std::move(request));
    if (!answer.ok()) {
      Error e = std::move(answer).error();
      if (e.code == Code::kUnavailable) e.next = nobody_;
      return std::move(e).within("asking the node");
    }
    return read_answer(answer->head.status, answer->body);
  }

  void sign_request(net::HttpClientRequest& request, std::string payload) {
    auto target = split_target(request.target);
    access::OutgoingRequest out;
    out.method = request.method;
    out.path = target.path;
    out.query = std::move(target.query);
    out.headers.emplace_back("host", host_);
    out.payload = std::move(payload);
    auto done = access::sign(out, *credentials_, system_clock().wall());
    request.target = done.target;
    for (auto& [name, value] : done.headers) request.headers.set(name, value);
  }

  std::string host_;
  std::optional<access::Credentials> credentials_;
  std::string nobody_;
  net::Runtime runtime_;
  std::unique_ptr<net::HttpClient> client_;
};

Result<std::unique_ptr<Api>> connect_local(const GlobalOptions& global, const Hooks& hooks) {
  std::string socket = global.data_dir + "/demilune.sock";
  std::string next = "Start it with `demilune up --data-dir " + global.data_dir +
                     "`, or name another node with --data-dir or --endpoint.";
  if (!hooks.files->exists(socket))
    return error(Code::kUnavailable, "no node serves " + global.data_dir + " (there is no " + socket + ")", next);
  return std::unique_ptr<Api>(
      std::make_unique<HttpApi>(net::HttpEndpoint::local(socket), "localhost", std::nullopt, std::move(next)));
}

Result<std::unique_ptr<Api>> connect_remote(const GlobalOptions& global, const Hooks& hooks,
                                            const Environment& environment) {
  DL_TRY(auto place, make_endpoint(global.endpoint, global.ca, *hooks.files, environment));
  DL_TRY(auto keys, find_keys(hooks, environment));
  access::Credentials credentials{keys.id, keys.secret, find_region(global, environment), "demilune"};
  return std::unique_ptr<Api>(std::make_unique<HttpApi>(std::move(place.endpoint), place.host, std::move(credentials),
                                                        "Check the address of --endpoint and the link."));
}

}  // namespace

Result<std::unique_ptr<Api>> connect_node(const GlobalOptions& global, const Hooks& hooks,
                                          const Environment& environment) {
  return global.endpoint.empty() ? connect_local(global, hooks) : connect_remote(global, hooks, environment);
}

}  // namespace dl::cli

#include <doctest/doctest.h>

#include "base/hex.h"
#include "base/task.h"
#include "cli/http_api.h"
#include "cli/testing/fake.h"
#include "crypto/hash.h"
#include "net/http_server.h"
#include "net/runtime.h"

using namespace dl;
using namespace dl::cli;
using namespace dl::cli::testing;

namespace {

// A server that keeps what it was sent. Touched by one request at a time.
struct Recorder {
  net::HttpRequest request;
  Bytes body;
  int status = 200;
  std::string answer = "{}";
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): the server owns the exchange
Task<void> record(Recorder* recorder, net::HttpExchange& exchange) {
  recorder->request = exchange.request;
  recorder->body.clear();
  char piece[4096];
  for (;;) {
    DL_CO_TRY(size_t n, co_await exchange.body.read(piece, sizeof piece));
    if (n == 0) break;
    recorder->body.append(piece, n);
  }
  net::HttpResponse response;
  response.status = recorder->status;
  response.body = recorder->answer;
  co_return co_await exchange.response.send(std::move(response));
}

struct Bed {
  World world;
  Recorder recorder;
  net::Runtime runtime{1, 1};
  std::unique_ptr<net::HttpServer> server;
  GlobalOptions global;
  std::unique_ptr<Api> api;

  Bed() {
    runtime.start();
    server = std::make_unique<net::HttpServer>(
        runtime, system_clock(), [this](net::HttpExchange& exchange) { return record(&recorder, exchange); });
    auto at = server->listen_plain({"127.0.0.1", 0}).value();
    global.endpoint = "http://" + net::format_host_port(at);
    global.region = "field-01";
    api = connect_node(global, world.hooks, [](const char* name) -> std::optional<std::string> {
            if (std::string_view(name) == "AWS_ACCESS_KEY_ID") return "DLK1";
            if (std::string_view(name) == "AWS_SECRET_ACCESS_KEY") return "hush";
            return std::nullopt;
          }).value();
  }
  ~Bed() {
    api.reset();
    server->stop();
    runtime.stop();
  }
  std::string header(const char* name) { return std::string(recorder.request.headers.find(name).value_or("")); }
};

}  // namespace

TEST_CASE("a request to a node elsewhere is signed with the hash of the very body that is sent") {
  Bed bed;
  auto answer = bed.api->call("POST", "/api/v1/users?x=a%20b", format::Json::object().set("name", "alice"));
  CHECK(answer.ok());
  CHECK(bed.recorder.body == R"({"name":"alice"})");
  CHECK(bed.recorder.request.target == "/api/v1/users?x=a%20b");
  CHECK(bed.header("x-amz-content-sha256") == to_hex(crypto::sha256(bed.recorder.body).view()));
  CHECK(bed.header("authorization").find("/field-01/demilune/aws4_request") != std::string::npos);
  CHECK(bed.api->call("GET", "/api/v1/users", {}).ok());
  CHECK(bed.recorder.body.empty());
  CHECK(bed.header("x-amz-content-sha256") == to_hex(crypto::sha256("").view()));
}

TEST_CASE("an upload is streamed whole and its error comes back as the node told it") {
  Bed bed;
  std::string archive(300'000, 'a');
  size_t at = 0;
  Pull pull = [&](char* out, size_t size) -> Result<size_t> {
    size_t n = std::min(size, archive.size() - at);
    archive.copy(out, n, at);
    at += n;
    return n;
  };
  bed.recorder.status = 409;
  bed.recorder.answer = R"({"code":"DL-1004","name":"exists","message":"it is there","next":"take another"})";
  auto answer = bed.api->upload("/api/v1/images", pull, archive.size());
  REQUIRE(!answer.ok());
  CHECK(answer.error().code == Code::kExists);
  CHECK(bed.recorder.body == archive);
  CHECK(bed.header("x-amz-content-sha256") == "UNSIGNED-PAYLOAD");
}

TEST_CASE("plain http is refused off this machine, and an endpoint that is none is told") {
  World w;
  auto environment = [](const char*) { return std::optional<std::string>("x"); };
  GlobalOptions global;
  for (const char* bad : {"http://192.0.2.1:7444", "ftp://localhost:1", "localhost:7444", "https://"}) {
    global.endpoint = bad;
    CAPTURE(bad);
    auto api = connect_node(global, w.hooks, environment);
    REQUIRE(!api.ok());
    CHECK((api.error().code == Code::kInvalid || api.error().code == Code::kNotFound));
  }
}

TEST_CASE("a node that does not answer: what to do is said of a node, not of any connection") {
  Bed bed;
  bed.server->stop();
  auto answer = bed.api->call("GET", "/api/v1/status", {});
  REQUIRE(!answer.ok());
  CHECK(answer.error().code == Code::kUnavailable);
  CHECK(answer.error().next == "Check the address of --endpoint and the link.");
}

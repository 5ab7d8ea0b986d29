#include <algorithm>
#include <cstring>

#include "net/http_client.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include "base/task.h"
#include "net/testing/certificates.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_client.h"

using namespace dl;
using namespace dl::net;
using namespace dl::net::testing;

namespace {

HttpClientRequest ask(std::string method, std::string target, Bytes body = {}) {
  HttpClientRequest r;
  r.method = std::move(method);
  r.target = std::move(target);
  r.body = std::move(body);
  return r;
}

// `total` bytes of a pattern.
HttpBodySource pattern(size_t total) {
  return blocking_source([total, at = size_t{0}](char* out, size_t size) mutable -> Result<size_t> {
    size_t n = std::min(size, total - at);
    std::memset(out, 'p', n);
    at += n;
    return n;
  });
}

std::shared_ptr<TlsContext> server_context(const TlsIdentity& id) {
  TlsOptions o;
  o.identity = id;
  o.alpn = "http/1.1";
  return TlsContext::server(o).value();
}

std::shared_ptr<TlsContext> client_context(const std::string& ca, const std::string& name) {
  TlsOptions o;
  o.ca_pem = ca;
  o.name = name;
  o.alpn = "http/1.1";
  return TlsContext::client(o).value();
}

}  // namespace

TEST_CASE("the client keeps its connection over many requests") {
  EchoServer server;
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()));
  for (int i = 0; i < 20; i++) {
    auto answer = client.request(ask("PUT", "/echo", "body" + std::to_string(i))).value();
    CHECK(answer.head.status == 200);
    CHECK(answer.body == "body" + std::to_string(i));
  }
  CHECK(client.request(ask("HEAD", "/stream?77")).value().head.content_length == 77);
  CHECK(client.request(ask("GET", "/chunked?123456")).value().body.size() == 123456);
  CHECK(client.request(ask("GET", "/stream?123456")).value().body.size() == 123456);
  CHECK(client.request(ask("GET", "/x"), 3).error().code == Code::kTooLarge);
  CHECK(server.server().counters().accepted == 1);
}

TEST_CASE("a connection that the server closed meanwhile is opened again") {
  HttpServerOptions options;
  options.idle_deadline = Millis(50);
  EchoServer server(options);
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()));
  for (uint64_t i = 1; i <= 3; i++) {
    CHECK(client.request(ask("GET", "/a")).value().body == "GET /a");
    while (server.server().counters().open > 0) ::sched_yield();
    CHECK(server.server().counters().accepted == i);
  }
}

TEST_CASE("bodies are streamed up and down, with and without length, asked before or not") {
  EchoServer server;
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()));
  for (bool told : {true, false})
    for (bool expect : {true, false})
      for (size_t size : {size_t{0}, size_t{1}, size_t{65'536}, size_t{1'000'003}}) {
        auto request = ask("PUT", "/echo");
        request.source = pattern(size);
        if (told) request.source_length = size;
        request.expect_continue = expect;
        auto answer = client.request(std::move(request));
        REQUIRE(answer.ok());
        CHECK(answer->body == Bytes(size, 'p'));
      }
}

TEST_CASE("an upload that is refused early gives the refusal, not a broken pipe") {
  EchoServer server;
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()));
  auto request = ask("PUT", "/ignore");
  request.source = pattern(50'000'000);
  request.source_length = 50'000'000;
  request.expect_continue = true;
  CHECK(client.request(std::move(request)).value().head.status == 403);
  CHECK(client.request(ask("GET", "/a")).value().body == "GET /a");
}

TEST_CASE("a cut answer is an error; a source that ends early too") {
  EchoServer server;
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()));
  CHECK(client.request(ask("GET", "/short")).error().code == Code::kClosed);
  auto request = ask("PUT", "/echo");
  request.source = pattern(5);
  request.source_length = 10;
  CHECK(client.request(std::move(request)).error().code == Code::kInvalid);
  CHECK(client.request(ask("GET", "/a b")).error().code == Code::kInvalid);
  auto evil = ask("GET", "/a");
  evil.headers.add("X", "a\r\nb: c");
  CHECK(client.request(std::move(evil)).error().code == Code::kInvalid);
}

TEST_CASE("nobody there: unavailable, by address, name and socket file") {
  EchoServer server;
  HostPort gone = server.address();
  server.server().stop();
  for (const auto& endpoint : {HttpEndpoint::plain(gone), HttpEndpoint::plain({"no-such-host.invalid", 1}),
                               HttpEndpoint::local("/tmp/no-such-demilune.sock")}) {
    HttpClient client(server.runtime(), endpoint);
    CHECK(client.request(ask("GET", "/")).error().code == Code::kUnavailable);
  }
}

TEST_CASE("a silent server ends the request by the deadline") {
  EchoServer server;
  HttpClientOptions options;
  options.answer_deadline = Millis(100);
  HttpClient client(server.runtime(), HttpEndpoint::plain(server.address()), options);
  CHECK(client.request(ask("GET", "/hold")).error().code == Code::kTimeout);
}

TEST_CASE("the local socket is spoken to like any server") {
  EchoServer server;
  std::string path = "/tmp/dl_net_client_" + std::to_string(::getpid()) + ".sock";
  REQUIRE(server.server().listen_unix(path).ok());
  HttpClient client(server.runtime(), HttpEndpoint::local(path));
  CHECK(client.request(ask("GET", "/who")).value().body == "unix " + std::to_string(::getuid()) + " plain");
  ::unlink(path.c_str());
}

TEST_CASE("TLS: the right name and CA pass, everything else is refused by name") {
  EchoServer server;
  TestCa ca("ours"), other("theirs");
  auto slot = std::make_shared<TlsSlot>(server_context(ca.issue({"s", "DNS:localhost,IP:127.0.0.1"})));
  HostPort address = server.server().listen_tls({"127.0.0.1", 0}, slot).value();
  auto get = [&](std::shared_ptr<TlsContext> tls) {
    HttpClient client(server.runtime(), HttpEndpoint::secure(address, std::move(tls)));
    return client.request(ask("GET", "/who"));
  };
  CHECK(get(client_context(ca.pem(), "localhost")).value().body == "127.0.0.1: none tls");
  CHECK(get(client_context(ca.pem(), "127.0.0.1")).ok());
  CHECK(get(client_context(ca.pem(), "")).ok());
  CHECK(get(client_context(ca.pem(), "example.org")).error().code == Code::kForeign);
  CHECK(get(client_context(ca.pem(), "127.0.0.2")).error().code == Code::kForeign);
  CHECK(get(client_context(other.pem(), "localhost")).error().code == Code::kForeign);
  CHECK(get(client_context("", "localhost")).error().code == Code::kForeign);
  slot->replace(server_context(ca.issue({"s", "DNS:localhost", true})));
  CHECK(get(client_context(ca.pem(), "localhost")).error().message.find("expired") != std::string::npos);
  // A plain port does not speak TLS.
  HttpClient plain(server.runtime(), HttpEndpoint::secure(server.address(), client_context(ca.pem(), "")));
  CHECK(plain.request(ask("GET", "/")).error().code == Code::kForeign);
}

TEST_CASE("TLS: large bodies come back whole") {
  EchoServer server;
  TestCa ca("ours");
  auto slot = std::make_shared<TlsSlot>(server_context(ca.issue({"s", "IP:127.0.0.1"})));
  HostPort address = server.server().listen_tls({"127.0.0.1", 0}, slot).value();
  HttpClient client(server.runtime(), HttpEndpoint::secure(address, client_context(ca.pem(), "127.0.0.1")));
  Bytes body(3'000'000, 0);
  for (size_t i = 0; i < body.size(); i++) body[i] = static_cast<char>(i * 31 >> 5);
  for (size_t size : {0, 1, 16'000, 16'384, 16'385, 3'000'000})
    CHECK(client.request(ask("PUT", "/echo", body.substr(0, size))).value().body == body.substr(0, size));
  CHECK(client.request(ask("GET", "/stream?100000")).value().body == Bytes(100'000, 'x'));
  CHECK(client.request(ask("GET", "/chunked?100000")).value().body == Bytes(100'000, 'x'));
  CHECK(server.server().counters().accepted == 1);
}

TEST_CASE("TLS: a new certificate holds for new connections, living ones go on") {
  EchoServer server;
  TestCa old_ca("old"), new_ca("new");
  auto slot = std::make_shared<TlsSlot>(server_context(old_ca.issue({"s", "IP:127.0.0.1"})));
  HostPort address = server.server().listen_tls({"127.0.0.1", 0}, slot).value();
  HttpClient before(server.runtime(), HttpEndpoint::secure(address, client_context(old_ca.pem(), "127.0.0.1")));
  CHECK(before.request(ask("GET", "/a")).ok());
  slot->replace(server_context(new_ca.issue({"s", "IP:127.0.0.1"})));
  CHECK(before.request(ask("GET", "/a")).ok());
  HttpClient after(server.runtime(), HttpEndpoint::secure(address, client_context(new_ca.pem(), "127.0.0.1")));
  CHECK(after.request(ask("GET", "/a")).ok());
  HttpClient stale(server.runtime(), HttpEndpoint::secure(address, client_context(old_ca.pem(), "127.0.0.1")));
  CHECK(stale.request(ask("GET", "/a")).error().code == Code::kForeign);
}

TEST_CASE("TLS settings that cannot work are refused when they are made") {
  TestCa ca("ours");
  TlsOptions o;
  CHECK(TlsContext::server(o).error().code == Code::kInvalid);
  o.identity = ca.issue({"s", ""});
  o.identity->key_pem = ca.issue({"t", ""}).key_pem;
  CHECK(TlsContext::server(o).error().code == Code::kInvalid);
  o.identity = TlsIdentity{"nonsense", "nonsense"};
  CHECK(TlsContext::server(o).error().code == Code::kInvalid);
  o.identity = ca.issue({"s", ""});
  o.peer = PeerCertificate::kRequired;
  CHECK(TlsContext::server(o).error().code == Code::kInvalid);
}

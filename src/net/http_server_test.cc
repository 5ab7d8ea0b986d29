#include <doctest/doctest.h>

#include <unistd.h>
#include <cstdio>

#include "base/thread.h"
#include "net/http_server.h"
#include "net/limits.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_client.h"
#include "net/text.h"

using namespace dl;
using namespace dl::net;
using dl::net::testing::EchoServer;
using dl::net::testing::RawClient;

namespace {

std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n";
}

std::string post(const std::string& target, const std::string& body, const std::string& more = "") {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more +
         "\r\n" + body;
}

// One whole exchange on a fresh connection, which the request asks to close.
std::string ask(const EchoServer& server, const std::string& bytes) {
  RawClient client(server.address());
  client.send(bytes);
  return client.read_all();
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("one connection serves request after request, with length and date") {
  EchoServer server;
  RawClient client(server.address());
  for (int i = 0; i < 3; i++) {
    REQUIRE(client.send(post("/echo", "hello")));
    std::string answer = client.read_until("hello");
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(has(answer, "Content-Length: 5\r\n"));
    CHECK(has(answer, "\r\nDate: "));
    CHECK(!has(answer, "Connection"));
  }
  client.send(get("/bye", "Connection: close\r\n"));
  CHECK(has(client.read_all(), "Connection: close\r\n"));
  CHECK(client.ended_clean());
  CHECK(server.server().counters().requests == 4);
}

TEST_CASE("pipelined requests are answered in order") {
  EchoServer server;
  std::string bytes;
  for (int i = 0; i < 200; i++) bytes += post("/echo", "body" + std::to_string(i));
  std::string all = ask(server, bytes + get("/end", "Connection: close\r\n"));
  size_t at = 0;
  for (int i = 0; i < 200; i++) {
    at = all.find("\r\n\r\nbody" + std::to_string(i) + "HTTP/1.1", at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(all.ends_with("GET /end"));
}

TEST_CASE("100 Continue comes when the handler reads, not before, and not when the body is there already") {
  EchoServer server;
  RawClient client(server.address());
  std::string head = "PUT /slurp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  client.send(head);
  server.await_held(1);
  server.release();
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  CHECK(has(client.read_until("\r\n\r\n3"), "200 OK"));
  client.send(head + "abc");
  server.await_held(1);
  server.release();
  CHECK(client.read_until("\r\n\r\n3").starts_with("HTTP/1.1 200"));
}

TEST_CASE("an empty upload that asks for 100 Continue gets it, and the connection goes on") {
  EchoServer server;
  RawClient client(server.address());
  std::string head = "PUT /slurp HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    client.send(head);
    server.await_held(1);
    server.release();
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    std::string answer = client.read_until("\r\n\r\n0");
    CHECK(answer.starts_with("HTTP/1.1 200"));
    CHECK(!has(answer, "Connection: close"));
  }
}

TEST_CASE("a refused upload gets its answer instead of 100 Continue, then the connection ends") {
  EchoServer server;
  RawClient client(server.address());
  client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n");
  std::string answer = client.read_all();
  CHECK(answer.starts_with("HTTP/1.1 403"));
  CHECK(has(answer, "Connection: close"));
}

TEST_CASE("chunked bodies come through, whatever their framing carries") {
  EchoServer server;
  RawClient client(server.address());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("5;ext=1\r\nhel");
  client.send("lo\r\n1\r\n!\r\n0\r\nTrailer: x\r\n");
  client.send("\r\n" + get("/next", "Connection: close\r\n"));
  std::string answer = client.read_all();
  CHECK(has(answer, "\r\n\r\nhello!HTTP/1.1 200"));
  CHECK(answer.ends_with("GET /next"));
}

TEST_CASE("large bodies come back whole, by length and in chunks") {
  EchoServer server;
  std::string body(3'000'000, 0);
  for (size_t i = 0; i < body.size(); i++) body[i] = static_cast<char>(i * 31 >> 5);
  std::string answer = ask(server, post("/echo", body, "Connection: close\r\n"));
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == body);
  std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < body.size(); at += 70'000) {
    std::string piece = body.substr(at, 70'000);
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    chunked += size + piece + "\r\n";
  }
  answer = ask(server, chunked + "0\r\n\r\n");
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == body);
}

TEST_CASE("streamed answers: by length, chunked, and to HTTP/1.0") {
  EchoServer server;
  std::string answer = ask(server, get("/stream?2500", "Connection: close\r\n"));
  CHECK(has(answer, "Content-Length: 2500\r\n"));
  CHECK(answer.ends_with("\r\n\r\n" + std::string(2500, 'x')));
  answer = ask(server, get("/chunked?2500", "Connection: close\r\n"));
  CHECK(has(answer, "Transfer-Encoding: chunked\r\n"));
  CHECK(answer.ends_with("3e8\r\n" + std::string(1000, 'x') + "\r\n1f4\r\n" + std::string(500, 'x') + "\r\n0\r\n\r\n"));
  answer = ask(server, "GET /chunked?2500 HTTP/1.0\r\n\r\n");
  CHECK(!has(answer, "Transfer-Encoding"));
  CHECK(answer.ends_with("\r\n\r\n" + std::string(2500, 'x')));
  answer = ask(server, get("/stream?0") + get("/chunked?0") + get("/end", "Connection: close\r\n"));
  CHECK(has(answer, "0\r\n\r\nHTTP/1.1"));
  CHECK(answer.ends_with("GET /end"));
}

TEST_CASE("HTTP/1.0 clients keep the connection only when they ask") {
  EchoServer server;
  CHECK(has(ask(server, "GET /a HTTP/1.0\r\n\r\n"), "Connection: close"));
  std::string keep = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  std::string answer = ask(server, keep + "GET /b HTTP/1.0\r\n\r\n");
  CHECK(has(answer, "Connection: keep-alive"));
  CHECK(answer.ends_with("GET /b"));
}

TEST_CASE("HEAD tells the length and sends no body") {
  EchoServer server;
  std::string head = "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", stream = "HEAD /stream?700 HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string answer = ask(server, head + stream + get("/end", "Connection: close\r\n"));
  CHECK(has(answer, "Content-Length: 7\r\n\r\nHTTP/1.1 200"));
  CHECK(has(answer, "Content-Length: 700\r\n\r\nHTTP/1.1 200"));
}

TEST_CASE("an answer that stops short is cut, so that nobody takes it for whole") {
  EchoServer server;
  RawClient client(server.address());
  client.send(get("/short") + get("/marker"));
  CHECK(!client.read_all().ends_with("GET /marker"));
  CHECK(!client.ended_clean());
  CHECK(server.markers() == 0);
}

TEST_CASE("a failing handler gives 500, a line break in an answer's header never gets out") {
  EchoServer server;
  for (const char* target : {"/fail", "/evil"}) {
    std::string answer = ask(server, get(target));
    CHECK(answer.starts_with("HTTP/1.1 500"));
    CHECK(!has(answer, "Set-Cookie"));
  }
}

TEST_CASE("a body left unread is read off when it is small, else the connection ends") {
  EchoServer server;
  std::string answer = ask(server, post("/ignore", std::string(900'000, 'b')) + get("/next", "Connection: close\r\n"));
  CHECK(has(answer, "403 Forbidden"));
  CHECK(answer.ends_with("GET /next"));
  RawClient client(server.address());
  client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  CHECK(has(client.read_until("no"), "Connection: close"));
}

TEST_CASE("a peer that sends faster than the handler reads is held back") {
  EchoServer server;
  RawClient client(server.address());
  client.set_send_buffer(64 * 1024);
  client.send("PUT /slurp HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  server.await_held(1);
  // The kernel's own buffers hold some megabytes at most; the server none.
  CHECK(client.send_until_full(std::string(64 * 1024, 'x'), 100'000'000) < 50'000'000);
}

TEST_CASE("a head that drips is ended with 408, a silent connection without a word") {
  HttpServerOptions options;
  options.header_deadline = Millis(150);
  options.idle_deadline = Millis(150);
  EchoServer server(options);
  RawClient slow(server.address());
  slow.send("GET / HTTP/1.1\r\nHost:");
  CHECK(slow.read_all().starts_with("HTTP/1.1 408"));
  RawClient silent(server.address());
  CHECK(silent.read_all() == "");
  RawClient kept(server.address());
  kept.send(get("/a"));
  CHECK(kept.read_all().ends_with("GET /a"));
}

TEST_CASE("a body that stops coming ends the request") {
  HttpServerOptions options;
  options.body_deadline = Millis(150);
  EchoServer server(options);
  CHECK(ask(server, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").starts_with("HTTP/1.1 408"));
  CHECK(ask(server, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            .starts_with("HTTP/1.1 400"));
}

TEST_CASE("connections over the limit are told to come again") {
  HttpServerOptions options;
  options.max_connections = 1;
  EchoServer server(options);
  RawClient first(server.address());
  first.send(get("/a"));
  CHECK(first.read_until("GET /a").starts_with("HTTP/1.1 200"));
  CHECK(ask(server, get("/b")).starts_with("HTTP/1.1 503"));
  CHECK(server.server().counters().over_limit == 1);
  first.send(get("/c"));
  CHECK(has(first.read_until("GET /c"), "200 OK"));
}

TEST_CASE("stop lets a running request end and closes the idle ones") {
  EchoServer server;
  RawClient idle(server.address()), busy(server.address());
  idle.send(get("/a"));
  idle.read_until("GET /a");
  busy.send(get("/hold"));
  server.await_held(1);
  HostPort address = server.address();
  std::string idle_end, busy_end;
  {
    Thread stopper("stopper", [&] { server.server().stop(); });
    idle_end = idle.read_all();
    server.release();
    busy_end = busy.read_all();
  }
  CHECK(idle_end == "");
  CHECK(idle.ended_clean());
  CHECK(busy_end.ends_with("GET /hold"));
  CHECK(has(busy_end, "Connection: close"));
  CHECK(server.server().counters().open == 0);
  // Nobody listens any more, so the port can be had.
  HttpServer second(server.runtime(), system_clock(), nullptr);
  CHECK(second.listen_plain(address).ok());
}

TEST_CASE("stop cuts a request that never ends, and waits for its handler") {
  HttpServerOptions options;
  options.drain_deadline = Millis(50);
  EchoServer server(options);
  RawClient client(server.address());
  client.send(get("/hold"));
  server.await_held(1);
  server.server().stop();
  CHECK(client.read_all() == "");
  CHECK(server.server().counters().open == 0);
}

TEST_CASE("a taken port is refused with a name for it") {
  EchoServer server;
  HttpServer second(server.runtime(), system_clock(), nullptr);
  CHECK(second.listen_plain(server.address()).error().code == Code::kConflict);
  CHECK(second.listen_plain({"203.0.113.7", 0}).error().code == Code::kInvalid);
}

TEST_CASE("the local socket tells who asks, and replaces what a crash left") {
  EchoServer server;
  std::string path = "/tmp/dl_net_test_" + std::to_string(::getpid()) + ".sock";
  REQUIRE(server.server().listen_unix(path).ok());
  RawClient client(path);
  client.send(get("/who", "Connection: close\r\n"));
  CHECK(client.read_all().ends_with("unix " + std::to_string(::getuid()) + " plain"));
  EchoServer other;
  CHECK(other.server().listen_unix(path).ok());
  ::unlink(path.c_str());
  CHECK(!other.server().listen_unix("/tmp/" + std::string(200, 'x')).ok());
}

TEST_CASE("dates have the form of the standard") {
  CHECK(http_date(WallTime(Millis(784'111'777'999))) == "Sun, 06 Nov 1994 08:49:37 GMT");
}

#include <doctest/doctest.h>

#include <cstdlib>

#include "base/random.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_client.h"

using namespace dl;
using namespace dl::net;
using namespace dl::net::testing;

namespace {

const std::string kMarker = "GET /marker HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

// What the server says to these bytes, with a second request hidden behind them.
std::string smuggle(const EchoServer& server, const std::string& bytes) {
  RawClient client(server.address());
  client.send(bytes + kMarker);
  client.shutdown_send();
  return client.read_all();
}

bool is_refusal(const std::string& answer) {
  return answer.empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 501");
}

std::string post(const std::string& headers, const std::string& body, const std::string& target = "/echo") {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
}

}  // namespace

TEST_CASE("no known way of smuggling gets a second request through") {
  EchoServer server;
  const std::string chunked = "Transfer-Encoding: chunked\r\n", none = "0\r\n\r\n";
  const std::vector<std::string> attacks = {
      post("Content-Length: 5\r\n" + chunked, none),
      post(chunked + "Content-Length: 5\r\n", none),
      post("Content-Length: 5\r\nContent-Length: 0\r\n", none),
      post("Content-Length: 5\r\nContent-Length: 5\r\n", none),
      post("Content-Length: 5, 5\r\n", none),
      post("Content-Length: +5\r\n", none),
      post("Content-Length: -5\r\n", none),
      post("Content-Length: 0x5\r\n", none),
      post("Content-Length: 18446744073709551621\r\n", none),
      post("Content-Length : 5\r\n", none),
      post("Transfer-Encoding: xchunked\r\n", none),
      post("Transfer-Encoding: chunked, identity\r\n", none),
      post("Transfer-Encoding: identity, chunked\r\n", none),
      post("Transfer-Encoding: gzip, chunked\r\n", none),
      post("Transfer-Encoding: gzip\r\n", none),
      post("Transfer-Encoding:\r\n chunked\r\n", none),
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", none),
      post("Transfer-Encoding : chunked\r\n", none),
      post(std::string("Transfer-Encoding: chunked\0\r\n", 29), none),
      post("Transfer-Encoding: chunked\n", none),
      post("X: a\n" + chunked, none),
      post("X: a\r" + chunked, none),
      post("X: a\r\n\t" + chunked, none),
      "POST /echo HTTP/1.0\r\n" + chunked + "\r\n" + none,
      "POST http://a/echo HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /echo HTTP/1.1\nHost: a\n\n",
      "POST /echo HTTP/1.1\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "POST /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
      post("X: " + std::string(40'000, 'x') + "\r\n", ""),
      post(chunked, "0x5\r\nhello\r\n0\r\n\r\n"),
      post(chunked, "-1\r\nhello\r\n0\r\n\r\n"),
      post(chunked, "10000000000000005\r\nhello\r\n0\r\n\r\n"),
      post(chunked, "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
      post(chunked, "5 \r\nhello\r\n0\r\n\r\n"),
      post(chunked, "5\r\nhelloworld\r\n0\r\n\r\n"),
      post(chunked, "5\nhello\n0\n\n"),
      post(chunked, "5;a\nhello\r\n0\r\n\r\n"),
      post(chunked, "0\r\n\n"),
      post(chunked, "0\r\nContent-Length 5\r\n\r\n"),
  };
  for (const auto& attack : attacks) {
    std::string answer = smuggle(server, attack);
    CHECK_MESSAGE(is_refusal(answer), attack.substr(0, 200));
    CHECK_MESSAGE(server.markers() == 0, attack.substr(0, 200));
  }
  // The check would see it: behind a sound request the marker is served.
  smuggle(server, post("Content-Length: 5\r\n", none));
  CHECK(server.markers() == 1);
}

TEST_CASE("a body with bad framing that no handler read ends the connection too") {
  EchoServer server;
  for (const char* body : {"0x5\r\nhello\r\n0\r\n\r\n", "zz\r\n", "5\r\nhelloX\r\n0\r\n\r\n"}) {
    CHECK(smuggle(server, post("Transfer-Encoding: chunked\r\n", body, "/ignore")).starts_with("HTTP/1.1 403"));
    CHECK(server.markers() == 0);
  }
}

namespace {

// A sound request in parts, which the malformations below spoil. Each of them alone makes the request unacceptable.
struct GarbageRequest {
  std::string method, target, version = "HTTP/1.1";
  std::vector<std::string> lines;
  std::string body;
  std::string bytes() const {
    std::string s = method + " " + target + " " + version + "\r\n";
    for (const auto& l : lines) s += l + "\r\n";
    return s + "\r\n" + body;
  }
  void drop(std::string_view name) {
    std::erase_if(lines, [&](const std::string& l) { return l.starts_with(name); });
  }
};

template <class T, size_t N>
const T& pick(Random& random, const T (&list)[N]) {
  return list[random.below(N)];
}

GarbageRequest sound_request(Random& random) {
  static const std::string methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
  static const std::string targets[] = {"/echo", "/b/k", "/b?list-type=2", "/%20"};
  GarbageRequest r;
  r.method = pick(random, methods);
  r.target = pick(random, targets);
  r.lines = {"Host: a"};
  for (uint64_t i = random.below(5); i > 0; i--)
    r.lines.push_back("X-" + std::to_string(i) + ": value " + std::to_string(random.u64()));
  if (random.below(2)) {
    r.body = std::string(random.below(200), 'b');
    r.lines.push_back("Content-Length: " + std::to_string(r.body.size()));
  }
  return r;
}

void spoil_line(GarbageRequest& r, Random& random) {
  std::string& line = r.lines[random.below(r.lines.size())];
  size_t at = random.below(line.size() + 1), colon = line.find(':');
  char control = static_cast<char>(random.below(33));
  switch (random.below(5)) {
    case 0:
      if (control == '\t' || control == ' ') control = 0x7f;
      line.insert(at, 1, control);
      break;
    case 1:
      if (colon != std::string::npos) line.erase(colon, 1);
      for (char& c : line)
        if (c == ':') c = ' ';
      break;
    case 2:
      line = colon == std::string::npos ? ":" + line : line.insert(colon, random.below(2) ? " " : "\t");
      break;
    case 3:
      line += random.below(2) ? "\r\n folded" : "\r\n\tTransfer-Encoding: chunked";
      break;
    case 4:
      line += "\nX: y";
      break;
  }
}

void spoil_framing(GarbageRequest& r, Random& random) {
  static const std::string lengths[] = {"-1",  "+1", "0x10", "1, 1", "1 1", "", "99999999999999999999",
                                        "1e3", "1;", "a"};
  static const std::string codings[] = {
      "xchunked", "chunked, identity", "gzip, chunked", "gzip", "chunked,", "chunked;a=b", ""};
  static const std::string chunks[] = {
      "0x5\r\nhello\r\n0\r\n\r\n", "-1\r\n\r\n",       "\r\n", "5\nhello\r\n", "5\r\nhelloX", "fffffffffffffffff\r\n",
      "5 \r\nhello\r\n",           "0\r\nbad\r\n\r\n", "g\r\n"};
  r.drop("Content-Length");
  r.drop("Transfer-Encoding");
  switch (random.below(5)) {
    case 0:
      r.lines.push_back("Content-Length: " + pick(random, lengths));
      break;
    case 1:
      r.lines.push_back("Transfer-Encoding: " + pick(random, codings));
      break;
    case 2:
      r.lines.push_back("Content-Length: 5");
      r.lines.push_back(random.below(2) ? "Content-Length: 6" : "Transfer-Encoding: chunked");
      r.body = "0\r\n\r\n";
      break;
    case 3:
      r.version = "HTTP/1.0";
      r.lines.push_back("Transfer-Encoding: chunked");
      r.body = "0\r\n\r\n";
      break;
    case 4:
      r.method = "POST";
      r.target = "/echo";
      r.lines.push_back("Transfer-Encoding: chunked");
      r.body = pick(random, chunks);
      break;
  }
}

void spoil_request_line(GarbageRequest& r, Random& random) {
  static const std::string versions[] = {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9",  "http/1.1", "HTTP/1.1 ",
                                         "HTTP/1",   "HTTP/11",  "HTTP/1.10", ""};
  static const std::string targets[] = {"http://a/", "x", "", "/a b", "/a#b", "/\x01", "/\x80", "/\x7f", "*", "a:443"};
  static const std::string methods[] = {
      "G(T", "", "GET\t", "GE T", "G:T", std::string("G\0T", 3), std::string(33, 'M')};
  switch (random.below(3)) {
    case 0:
      r.version = pick(random, versions);
      break;
    case 1:
      r.target = pick(random, targets);
      break;
    case 2:
      r.method = pick(random, methods);
      break;
  }
}

void spoil_rest(GarbageRequest& r, Random& random) {
  switch (random.below(4)) {
    case 0:
      r.drop("Host");
      r.version = "HTTP/1.1";
      break;
    case 1:
      r.lines.push_back("Host: b");
      r.lines.push_back("Host: c");
      break;
    case 2:
      for (int i = 0; i < 101; i++) r.lines.push_back("A: b");
      break;
    case 3:
      r.lines.push_back("A: " + std::string(33'000 + random.below(20'000), 'x'));
      break;
  }
}

std::string malformed_request(Random& random) {
  GarbageRequest r = sound_request(random);
  static constexpr void (*spoil[])(GarbageRequest&, Random&) = {spoil_line, spoil_framing, spoil_request_line,
                                                                spoil_rest};
  for (uint64_t n = 1 + random.below(3); n > 0; n--)
    if (!r.lines.empty()) spoil[random.below(4)](r, random);
  return r.bytes();
}

// Bytes changed anywhere: may still be sound. For these only the server's health is asked.
std::string mutated_request(Random& random) {
  std::string s = sound_request(random).bytes();
  for (uint64_t n = 1 + random.below(8); n > 0; n--) {
    if (s.empty()) break;
    size_t at = random.below(s.size());
    switch (random.below(4)) {
      case 0:
        s[at] = static_cast<char>(random.u64());
        break;
      case 1:
        s.erase(at, random.below(10));
        break;
      case 2:
        s.insert(at, s.substr(random.below(s.size()), random.below(30)));
        break;
      case 3:
        s.resize(at + 1);
        break;
    }
  }
  return s;
}

}  // namespace

// DEMILUNE_GARBAGE=10000 for a longer run, DEMILUNE_SEED for another one.
TEST_CASE("thousands of malformed requests: none is served, none carries another one in, the server lives") {
  const char* wanted = std::getenv("DEMILUNE_GARBAGE");
  const char* seed = std::getenv("DEMILUNE_SEED");
  uint64_t count = wanted ? std::strtoull(wanted, nullptr, 10) : 2'000;
  uint64_t first = seed ? std::strtoull(seed, nullptr, 10) : 1;
  EchoServer server;
  for (uint64_t i = 0; i < count; i++) {
    SeededRandom random(first * 1'000'000 + i);
    std::string bytes = malformed_request(random);
    std::string answer = smuggle(server, bytes);
    CHECK_MESSAGE(is_refusal(answer), "DEMILUNE_SEED=" << first << " case " << i << ": " << bytes.substr(0, 300));
    CHECK_MESSAGE(server.markers() == 0, "DEMILUNE_SEED=" << first << " case " << i << ": " << bytes.substr(0, 300));
    if (i % 4 == 0) {
      RawClient client(server.address());
      client.send(mutated_request(random));
      client.shutdown_send();
      client.read_all();
    }
    if (i % 100 == 0)
      CHECK(smuggle(server, "GET /well HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("GET /well"));
  }
  CHECK(smuggle(server, "GET /well HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("GET /well"));
}

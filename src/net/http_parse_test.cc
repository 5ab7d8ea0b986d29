#include <doctest/doctest.h>

#include <algorithm>

#include "net/http_parse.h"
#include "net/limits.h"

using namespace dl;
using namespace dl::net;

namespace {

using State = RequestParser::State;

// The status with which a head is refused; 0 when it is accepted, -1 when more bytes are waited for.
int verdict(const std::string& bytes) {
  RequestParser parser;
  switch (parser.feed(bytes)) {
    case State::kDone:
      return 0;
    case State::kNeedMore:
      return -1;
    case State::kRefused:
      return parser.refusal().status;
  }
  return -2;
}

std::string get(const std::string& headers) { return "GET / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n"; }

Result<std::string> dechunk(const std::string& bytes, size_t in_piece, size_t out_piece, bool& done) {
  ChunkDecoder decoder;
  std::string out, buffer(out_piece, 0), pending;
  for (size_t at = 0; at < bytes.size() && !decoder.done();) {
    size_t n = std::min(in_piece, bytes.size() - at), used = 0;
    DL_TRY(size_t got, decoder.decode(std::string_view(bytes).substr(at, n), used, buffer.data(), buffer.size()));
    out.append(buffer, 0, got);
    at += used;
  }
  done = decoder.done();
  return out;
}

}  // namespace

TEST_CASE("a plain request is read the same however its bytes arrive") {
  std::string bytes =
      "PUT /b/k%20?x=1&y HTTP/1.1\r\nHost: h:7443\r\nX-Amz-Meta-A:  two words \r\nContent-Length: 5\r\n\r\nhello";
  for (size_t piece = 1; piece <= bytes.size(); piece++) {
    RequestParser parser;
    State state = State::kNeedMore;
    for (size_t n = piece; state == State::kNeedMore; n += piece)
      state = parser.feed(std::string_view(bytes).substr(0, std::min(n, bytes.size())));
    REQUIRE(state == State::kDone);
    CHECK(parser.consumed() == bytes.size() - 5);
    CHECK(parser.request().method == "PUT");
    CHECK(parser.request().raw_path() == "/b/k%20");
    CHECK(parser.request().raw_query() == "x=1&y");
    CHECK(parser.request().headers.find("x-amz-meta-a") == "two words");
    CHECK(parser.request().content_length == 5);
    CHECK(parser.keep_alive());
  }
}

TEST_CASE("a body whose end is said twice, unclearly or in an unknown way is refused") {
  CHECK(verdict(get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(verdict(get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == 400);
  CHECK(verdict(get("Content-Length: 3\r\nContent-Length: 3\r\n")) == 400);
  CHECK(verdict(get("Content-Length: 3\r\nContent-Length: 4\r\n")) == 400);
  for (const char* v : {"3, 3", "+3", "-1", "0x3", "3 3", "", "99999999999999999999", "18446744073709551616", "3;"})
    CHECK_MESSAGE(verdict(get(std::string("Content-Length: ") + v + "\r\n")) == 400, v);
  CHECK(verdict(get("Transfer-Encoding: xchunked\r\n")) == 501);
  CHECK(verdict(get("Transfer-Encoding: gzip\r\n")) == 501);
  for (const char* v : {"chunked, identity", "gzip, chunked", "chunked, chunked", "chunked;q=1", "\"chunked\"", ""})
    CHECK_MESSAGE(verdict(get(std::string("Transfer-Encoding: ") + v + "\r\n")) == 400, v);
  CHECK(verdict(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(verdict("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(verdict(get("Transfer-Encoding: chunked\r\n")) == 0);
  CHECK(verdict(get("Transfer-Encoding: \tCHUNKED \r\n")) == 0);
}

TEST_CASE("hidden, folded and malformed headers are refused") {
  CHECK(verdict(get("A: b\r\n c\r\n")) == 400);
  CHECK(verdict(get("A: b\r\n\tTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(verdict("GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict(get("Content-Length : 3\r\n")) == 400);
  CHECK(verdict(get("Content-Length\t: 3\r\n")) == 400);
  CHECK(verdict(get("No colon\r\n")) == 400);
  CHECK(verdict(get(": empty\r\n")) == 400);
  CHECK(verdict(get(std::string("A: b\0c\r\n", 8))) == 400);
  CHECK(verdict(get(std::string("A\0: b\r\n", 7))) == 400);
  CHECK(verdict(get("A: b\rc\r\n")) == 400);
  CHECK(verdict(get("A: b\x7f\r\n")) == 400);
  CHECK(verdict(get("A: b\nContent-Length: 3\r\n")) == 400);
  CHECK(verdict("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\nHost: a") == 400);
  CHECK(verdict(get("A: b\xc3\xa4\r\n")) == 0);
}

TEST_CASE("request lines that are not origin form HTTP/1.x are refused") {
  CHECK(verdict("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET * HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(verdict("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET /a\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/0.9\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTX/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("GET /\r\n\r\n") == 400);
  CHECK(verdict("G@T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict(std::string("\x16\x03\x01\x02\x00", 5)) == 400);
  CHECK(verdict("PRI * HTTP/2.0\r\n\r\n") == 400);
}

TEST_CASE("Host is there once, and clean") {
  CHECK(verdict("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(verdict(get("Host: a\r\n")) == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: [::1]:7443\r\n\r\n") == 0);
  CHECK(verdict("GET / HTTP/1.0\r\n\r\n") == 0);
}

TEST_CASE("limits of the head hold: one at the limit, one past it") {
  auto with_target = [](size_t n) { return "GET /" + std::string(n - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"; };
  CHECK(verdict(with_target(limits::kMaxTargetBytes)) == 0);
  CHECK(verdict(with_target(limits::kMaxTargetBytes + 1)) == 414);
  CHECK(verdict(with_target(40'000)) == 414);
  auto with_headers = [](size_t n) {
    std::string s = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t i = 1; i < n; i++) s += "A: b\r\n";
    return s + "\r\n";
  };
  CHECK(verdict(with_headers(limits::kMaxHeaders)) == 0);
  CHECK(verdict(with_headers(limits::kMaxHeaders + 1)) == 431);
  auto of_size = [](size_t n) {
    std::string s = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    return s + std::string(n - s.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(verdict(of_size(limits::kMaxHeadBytes)) == 0);
  CHECK(verdict(of_size(limits::kMaxHeadBytes + 1)) == 431);
  CHECK(verdict(std::string(limits::kMaxMethodBytes, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(verdict(std::string(limits::kMaxMethodBytes + 1, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 501);
}

TEST_CASE("Expect is 100-continue or refused, and of no effect without a body") {
  CHECK(verdict(get("Expect: 200-ok\r\n")) == 417);
  RequestParser parser;
  CHECK(parser.feed(get("Expect: 100-Continue\r\nContent-Length: 1\r\n")) == State::kDone);
  CHECK(parser.expects_continue());
  parser.reset();
  CHECK(parser.feed(get("Expect: 100-continue\r\n")) == State::kDone);
  CHECK(!parser.expects_continue());
}

TEST_CASE("one empty line before a request is forgiven, not two") {
  CHECK(verdict("\r\n" + get("")) == 0);
  CHECK(verdict("\r\n\r\n" + get("")) == 400);
  CHECK(verdict("\n" + get("")) == 400);
  CHECK(verdict("\rG") == 400);
}

TEST_CASE("chunks come apart the same in all pieces") {
  std::string bytes = "5\r\nhello\r\nA;name=\"v\";x\r\n0123456789\r\n000\r\nTrailer: v\r\nB:\r\n\r\nNEXT";
  for (size_t in = 1; in < bytes.size(); in++)
    for (size_t out : {1, 3, 100}) {
      bool done = false;
      CHECK(dechunk(bytes, in, out, done).value() == "hello0123456789");
      CHECK(done);
    }
}

TEST_CASE("bad chunk framing is refused") {
  bool done = false;
  for (const char* bad : {"0x5\r\nhello\r\n",
                          "-1\r\n",
                          "+5\r\nhello\r\n",
                          " 5\r\nhello\r\n",
                          "5 \r\nhello\r\n",
                          "5\nhello\r\n",
                          "5\r\nhelloX\r\n",
                          "5\r\nhello\n0\r\n\r\n",
                          "\r\n",
                          ";a\r\n",
                          "g\r\n",
                          "10000000000000000\r\n",
                          "ffffffffffffffff\r\n",
                          "8000000000000000\r\n",
                          "00000000000000005\r\nhello\r\n",
                          "5;a\nhello\r\n",
                          "0\r\nbad trailer\r\n\r\n",
                          "0\r\nA: b\n\r\n",
                          "0\r\n: b\r\n\r\n",
                          "0\r\n\rX",
                          "0\n\n",
                          "5\r\nhello\r\r\n"})
    CHECK_MESSAGE(!dechunk(bad, 1, 10, done).ok(), bad);
  CHECK(!dechunk("1;" + std::string(limits::kMaxChunkLineBytes, 'x') + "\r\na\r\n", 7, 10, done).ok());
  CHECK(!dechunk("0\r\nA: " + std::string(limits::kMaxTrailerBytes, 'x') + "\r\n\r\n", 7, 10, done).ok());
  CHECK(dechunk("5\r\nhel", 1, 10, done).ok());
  CHECK(!done);
}

TEST_CASE("an answer's head is read, and refused when its body's end is unclear") {
  size_t used = 0;
  auto head = parse_response_head("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", used).value().value();
  CHECK(head.status == 404);
  CHECK(head.content_length == 3);
  CHECK(head.keep_alive);
  CHECK(!parse_response_head("HTTP/1.1 200 OK\r\nContent-Le", used).value().has_value());
  CHECK(!parse_response_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", used).ok());
  CHECK(!parse_response_head("SSH-2.0-OpenSSH\r\n\r\n", used).ok());
}

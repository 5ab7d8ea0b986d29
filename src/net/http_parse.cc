#include "net/http_parse.h"

#include <algorithm>
#include <cstring>

#include <boost/beast/http/basic_parser.hpp>

#include "net/limits.h"
#include "net/text.h"

namespace dl::net {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using View = boost::beast::string_view;

std::string_view std_view(View v) { return {v.data(), v.size()}; }

// Beast's grammar, our storage. Fields beyond the limit are counted, not kept.
template <bool kRequest>
class HeadGrammar final : public http::basic_parser<kRequest> {
 public:
  explicit HeadGrammar(HttpHeaders& headers) : headers_(headers) {
    this->header_limit(limits::kMaxHeadBytes);
    this->body_limit(boost::none);
    this->eager(false);
  }
  std::string_view method, target, reason;
  int status_code = 0, http_version = 0;
  bool too_many = false, bad_value = false;

 private:
  void on_request_impl(http::verb, View m, View t, int version, ErrorCode&) override {
    method = std_view(m);
    target = std_view(t);
    http_version = version;
  }
  void on_response_impl(int code, View r, int version, ErrorCode&) override {
    status_code = code;
    reason = std_view(r);
    http_version = version;
  }
  void on_field_impl(http::field, View name, View value, ErrorCode&) override {
    if (headers_.list().size() >= limits::kMaxHeaders) {
      too_many = true;
      return;
    }
    bad_value = bad_value || !is_token(std_view(name)) || !is_header_value(std_view(value));
    headers_.add(std::string(std_view(name)), std::string(std_view(value)));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  size_t on_body_impl(View, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(uint64_t, View, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, View, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}
  HttpHeaders& headers_;
};

// Whether a line after the first begins with a blank: a folded header (obs-fold), or a header hidden by one.
bool has_folded_line(BytesView head) {
  for (size_t at = head.find('\n'); at != BytesView::npos; at = head.find('\n', at + 1))
    if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return true;
  return false;
}

bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (lower_ascii(c) >= 'a' && lower_ascii(c) <= 'z') ||
         std::string_view("-._~!$&'()*+,;=:[]%").find(c) != std::string_view::npos;
}

enum class Coding { kNone, kChunked, kUnknown, kBad };

// Only the single value "chunked" has one meaning for everybody.
Coding transfer_coding(const HttpHeaders& headers) {
  size_t n = headers.count("Transfer-Encoding");
  if (n == 0) return Coding::kNone;
  std::string_view value = *headers.find("Transfer-Encoding");
  if (n == 1 && equal_no_case(value, "chunked")) return Coding::kChunked;
  return n == 1 && is_token(value) ? Coding::kUnknown : Coding::kBad;
}

}  // namespace

RequestParser::RequestParser() = default;
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  request_ = HttpRequest();
  scanned_ = line_ = start_ = consumed_ = 0;
  http_1_0_ = expects_continue_ = false;
  keep_alive_ = true;
}

RequestParser::State RequestParser::refuse(int status, std::string reason) {
  refusal_ = {status, std::move(reason)};
  return State::kRefused;
}

RequestParser::State RequestParser::feed(BytesView unconsumed) {
  State state = scan(unconsumed);
  if (state != State::kDone) return state;
  return parse(unconsumed.substr(start_, consumed_ - start_));
}

// Finds the empty line that ends the head. Refuses early what cannot become a request, so that nobody waits for it.
RequestParser::State RequestParser::scan(BytesView bytes) {
  if (start_ == 0 && !bytes.empty() && bytes[0] == '\r') {
    // One empty line before a request is forgiven (RFC 9112 section 2.2).
    if (bytes.size() < 2) return State::kNeedMore;
    if (bytes[1] != '\n') return refuse(400, "a carriage return alone before the request line");
    start_ = line_ = scanned_ = 2;
  }
  if (bytes.size() > start_ && !is_token_char(bytes[start_])) return refuse(400, "no HTTP request");
  for (;;) {
    size_t lf = bytes.find('\n', scanned_);
    if (lf == BytesView::npos || lf - start_ >= limits::kMaxHeadBytes) break;
    if (lf == 0 || bytes[lf - 1] != '\r') return refuse(400, "a line that ends without carriage return");
    scanned_ = lf + 1;
    if (lf - 1 == line_) {
      consumed_ = lf + 1;
      return State::kDone;
    }
    line_ = lf + 1;
  }
  if (bytes.size() - start_ < limits::kMaxHeadBytes) {
    scanned_ = bytes.size();
    return State::kNeedMore;
  }
  if (line_ == start_) return refuse(414, "the request line is too long");
  return refuse(431, "the request's head is too long");
}

RequestParser::State RequestParser::parse(BytesView head) {
  HeadGrammar<true> grammar(request_.headers);
  ErrorCode ec;
  grammar.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  // 505 would promise that the rest was understood; a version that we do not speak may frame its messages otherwise.
  if (ec == http::error::bad_version) return refuse(400, "only HTTP/1.1 and 1.0 are spoken here");
  if (ec == http::error::header_limit) return refuse(431, "the request's head is too long");
  if (ec || !grammar.is_header_done()) return refuse(400, "malformed head: " + ec.message());
  if (grammar.too_many) return refuse(431, "too many headers");
  if (grammar.bad_value) return refuse(400, "a forbidden character in a header");
  if (has_folded_line(head)) return refuse(400, "a folded header line");
  http_1_0_ = grammar.http_version == 10;
  request_.method = grammar.method;
  request_.target = grammar.target;
  if (!validate_target() || !validate_host() || !validate_framing() || !validate_expect()) return State::kRefused;
  const HttpHeaders& h = request_.headers;
  keep_alive_ = http_1_0_ ? header_has_token(h, "Connection", "keep-alive") : true;
  if (header_has_token(h, "Connection", "close")) keep_alive_ = false;
  return State::kDone;
}

bool RequestParser::validate_target() {
  const std::string& target = request_.target;
  auto no = [&](int status, const char* why) { return refuse(status, why) == State::kDone; };
  if (request_.method.size() > limits::kMaxMethodBytes) return no(501, "an unknown method");
  if (target.size() > limits::kMaxTargetBytes) return no(414, "the request target is too long");
  if (target == "*") return request_.method == "OPTIONS" || no(400, "the target * is for OPTIONS only");
  if (target.empty() || target[0] != '/') return no(400, "the request target is not in origin form");
  for (char c : target)
    if (c <= 0x20 || c >= 0x7f || c == '#') return no(400, "a forbidden character in the request target");
  return true;
}

bool RequestParser::validate_host() {
  const HttpHeaders& h = request_.headers;
  size_t n = h.count("Host");
  if (n > 1 || (n == 0 && !http_1_0_)) {
    refuse(400, n ? "more than one Host header" : "no Host header");
    return false;
  }
  if (n == 0) return true;
  std::string_view host = *h.find("Host");
  for (char c : host)
    if (!is_host_char(c)) {
      refuse(400, "a forbidden character in the Host header");
      return false;
    }
  return true;
}

// Where the body ends must be said once and clearly: Beast 1.81 reads several forms as an empty body that other
// programs read as a chunked one, and what is behind would then be taken as the next request.
bool RequestParser::validate_framing() {
  const HttpHeaders& h = request_.headers;
  auto no = [&](int status, const char* why) { return refuse(status, why) == State::kDone; };
  size_t lengths = h.count("Content-Length");
  Coding coding = transfer_coding(h);
  if (coding == Coding::kBad) return no(400, "an ambiguous Transfer-Encoding");
  if (coding == Coding::kUnknown) return no(501, "an unknown transfer coding");
  if (coding == Coding::kChunked) {
    if (http_1_0_) return no(400, "Transfer-Encoding in HTTP/1.0");
    if (lengths) return no(400, "both Transfer-Encoding and Content-Length");
    request_.chunked = true;
    return true;
  }
  if (lengths > 1) return no(400, "more than one Content-Length");
  request_.content_length = 0;
  if (lengths == 0) return true;
  request_.content_length = parse_decimal(*h.find("Content-Length"));
  return request_.content_length.has_value() || no(400, "a malformed Content-Length");
}

bool RequestParser::validate_expect() {
  auto expect = request_.headers.find("Expect");
  if (!expect || http_1_0_) return true;
  if (request_.headers.count("Expect") > 1 || !equal_no_case(*expect, "100-continue")) {
    refuse(417, "an unknown expectation");
    return false;
  }
  expects_continue_ = request_.chunked || request_.headers.find("Content-Length");
  return true;
}

Result<std::optional<HttpResponseHead>> parse_response_head(BytesView unconsumed, size_t& consumed) {
  size_t end = unconsumed.find("\r\n\r\n");
  if (end == BytesView::npos || end + 4 > limits::kMaxHeadBytes) {
    if (unconsumed.size() < limits::kMaxHeadBytes) return std::optional<HttpResponseHead>();
    return error(Code::kInvalid, "the answer's head is longer than 32 KiB", "Check that the address is a Demilune.");
  }
  BytesView raw = unconsumed.substr(0, end + 4);
  HttpResponseHead head;
  HeadGrammar<false> grammar(head.headers);
  ErrorCode ec;
  grammar.put(boost::asio::const_buffer(raw.data(), raw.size()), ec);
  auto bad = [](const std::string& why) {
    return error(Code::kInvalid, "the other side's answer is no valid HTTP: " + why, "Check address and port.");
  };
  if (ec) return bad(ec.message());
  if (!grammar.is_header_done() || grammar.too_many || grammar.bad_value || has_folded_line(raw))
    return bad("malformed headers");
  head.status = grammar.status_code;
  head.reason = grammar.reason;
  head.has_body = head.status >= 200 && head.status != 204 && head.status != 304;
  size_t lengths = head.headers.count("Content-Length");
  Coding coding = transfer_coding(head.headers);
  if (coding == Coding::kBad || coding == Coding::kUnknown || (coding == Coding::kChunked && lengths) || lengths > 1)
    return bad("the end of its body is ambiguous");
  head.chunked = coding == Coding::kChunked;
  if (lengths) {
    head.content_length = parse_decimal(*head.headers.find("Content-Length"));
    if (!head.content_length) return bad("malformed Content-Length");
  }
  bool old = grammar.http_version == 10;
  head.keep_alive = old ? header_has_token(head.headers, "Connection", "keep-alive")
                        : !header_has_token(head.headers, "Connection", "close");
  consumed = raw.size();
  return std::optional(std::move(head));
}

Result<void> ChunkDecoder::size_char(char c) {
  char l = lower_ascii(c);
  int digit = c >= '0' && c <= '9' ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
  if (digit >= 0) {
    if (++digits_ > 16 || left_ > (limits::kMaxChunkBytes >> 4)) return error(Code::kInvalid, "a chunk size overflows");
    left_ = left_ << 4 | static_cast<uint64_t>(digit);
    return {};
  }
  if (digits_ == 0) return error(Code::kInvalid, "a chunk without size");
  if (c == ';') {
    state_ = State::kExtension;
  } else if (c == '\r') {
    state_ = State::kSizeLf;
  } else {
    return error(Code::kInvalid, "a forbidden character in a chunk size");
  }
  return {};
}

Result<void> ChunkDecoder::step(char c) {
  auto want = [&](char wanted, State next) -> Result<void> {
    if (c != wanted) return error(Code::kInvalid, "a chunk is not ended by a line end");
    state_ = next;
    return {};
  };
  bool trailer = state_ >= State::kTrailer && state_ <= State::kTrailerLf;
  if (trailer && ++trailer_ > limits::kMaxTrailerBytes) return error(Code::kInvalid, "the trailers are too long");
  if (state_ <= State::kExtension && ++line_ > limits::kMaxChunkLineBytes)
    return error(Code::kInvalid, "a chunk extension is too long");
  switch (state_) {
    case State::kSize:
      return size_char(c);
    case State::kExtension:
      if (c == '\r') return want('\r', State::kSizeLf);
      if (!is_value_char(c)) return error(Code::kInvalid, "a forbidden character in a chunk extension");
      return {};
    case State::kSizeLf:
      return want('\n', left_ > 0 ? State::kData : State::kTrailer);
    case State::kDataCr:
      return want('\r', State::kDataLf);
    case State::kDataLf:
      left_ = digits_ = line_ = 0;
      return want('\n', State::kSize);
    case State::kTrailer:
      if (c == '\r') return want('\r', State::kEndLf);
      state_ = State::kTrailerName;
      return is_token_char(c) ? Result<void>() : error(Code::kInvalid, "a malformed trailer");
    case State::kTrailerName:
      if (c == ':') return want(':', State::kTrailerValue);
      return is_token_char(c) ? Result<void>() : error(Code::kInvalid, "a malformed trailer");
    case State::kTrailerValue:
      if (c == '\r') return want('\r', State::kTrailerLf);
      return is_value_char(c) ? Result<void>() : error(Code::kInvalid, "a malformed trailer");
    case State::kTrailerLf:
      return want('\n', State::kTrailer);
    case State::kEndLf:
      return want('\n', State::kDone);
    case State::kData:
    case State::kDone:
      break;
  }
  return error(Code::kInternal, "a chunk decoder was fed past its state");
}

Result<size_t> ChunkDecoder::decode(BytesView in, size_t& consumed, char* out, size_t size) {
  size_t produced = 0;
  consumed = 0;
  while (consumed < in.size() && !done()) {
    if (state_ != State::kData) {
      DL_OK(step(in[consumed]));
      consumed++;
      continue;
    }
    if (produced == size) break;
    size_t n = static_cast<size_t>(std::min<uint64_t>({left_, in.size() - consumed, size - produced}));
    std::memcpy(out + produced, in.data() + consumed, n);
    produced += n;
    consumed += n;
    took(n);
  }
  return produced;
}

void ChunkDecoder::took(uint64_t size) {
  DL_ASSERT(state_ == State::kData && size <= left_, "more payload than the chunk has");
  left_ -= size;
  if (left_ == 0) state_ = State::kDataCr;
}

}  // namespace dl::net

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/http.h"

// The grammar of HTTP/1.1 messages as plain classes that are fed bytes: no socket, no thread, no clock. What two
// readers could understand differently (request smuggling) is refused, never repaired.
namespace dl::net {

// Why a message is refused: the status to answer and a sentence for the log.
struct HttpRefusal {
  int status = 400;
  std::string reason;
};

// One request head after the other (RFC 9112 sections 2 to 6). Refuses with 400, 414, 417, 431 or 501.
class RequestParser {
 public:
  enum class State { kNeedMore, kDone, kRefused };
  RequestParser();
  ~RequestParser();
  // `unconsumed`: all bytes received since the last head or body ended, in one run; call again with a longer run.
  // kDone: consumed() bytes were the head, request() is filled (but for tls and peer). Then reset() for the next.
  State feed(BytesView unconsumed);
  void reset();

  size_t consumed() const { return consumed_; }
  HttpRequest& request() { return request_; }
  const HttpRefusal& refusal() const { return refusal_; }
  bool http_1_0() const { return http_1_0_; }
  // What the client asked for by version and Connection header.
  bool keep_alive() const { return keep_alive_; }
  bool expects_continue() const { return expects_continue_; }

 private:
  State refuse(int status, std::string reason);
  State scan(BytesView bytes);
  State parse(BytesView head);
  bool validate_target();
  bool validate_framing();
  bool validate_host();
  bool validate_expect();

  HttpRequest request_;
  HttpRefusal refusal_;
  size_t scanned_ = 0, line_ = 0, start_ = 0, consumed_ = 0;
  bool http_1_0_ = false, keep_alive_ = true, expects_continue_ = false;
};

struct HttpResponseHead {
  int status = 0;
  std::string reason;
  HttpHeaders headers;
  std::optional<uint64_t> content_length;  // as told; nullopt when absent
  bool chunked = false;
  bool keep_alive = true;
  bool has_body = true;  // false for 1xx, 204, 304; a HEAD request is the caller's knowledge
};

// A response head at the start of `unconsumed`. nullopt: more bytes are needed. On success `consumed` is its length.
// kInvalid when it is malformed or longer than the limit.
Result<std::optional<HttpResponseHead>> parse_response_head(BytesView unconsumed, size_t& consumed);

// Takes the chunked transfer coding off (RFC 9112 section 7.1). Extensions and trailers are checked, bounded, dropped.
class ChunkDecoder {
 public:
  // Decodes from `in` into out until either is used up or the body ends; returns the payload bytes, sets `consumed`.
  // kInvalid on bad framing; then the connection is lost.
  Result<size_t> decode(BytesView in, size_t& consumed, char* out, size_t size);
  bool done() const { return state_ == State::kDone; }
  // Payload bytes of the present chunk that are still to come: they may be read past this decoder, then told by took().
  uint64_t chunk_left() const { return state_ == State::kData ? left_ : 0; }
  void took(uint64_t size);

 private:
  enum class State {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf,
    kDone
  };
  Result<void> step(char c);
  Result<void> size_char(char c);
  State state_ = State::kSize;
  uint64_t left_ = 0;
  size_t digits_ = 0, line_ = 0, trailer_ = 0;
};

}  // namespace dl::net

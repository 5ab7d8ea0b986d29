#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dl::bench {

// Reads one HTTP/1.1 answer as its bytes come. A body is compared as it passes and kept only when asked for, so that
// large ones cost the client little.
class Answer {
 public:
  enum class State : uint8_t { kMore, kDone, kBad };
  struct Want {
    bool is_head = false;                  // answer to HEAD: a length, no body
    bool keeps_body = false;               // of a good answer; of others the start is always kept
    std::optional<std::string_view> body;  // what the body must be; outlives the answer
  };

  void begin(Want want);
  // The next bytes of the connection. kBad: this is not HTTP/1.1, or bytes after the end.
  State feed(std::string_view data);
  // The connection ended: kDone where that is how the body ends.
  State end();

  int status() const { return status_; }
  bool is_good() const { return status_ >= 200 && status_ < 300; }
  uint64_t length() const { return length_; }  // as told by Content-Length
  uint64_t body_bytes() const { return body_bytes_; }
  bool matches() const { return matches_ && (!want_.body || body_bytes_ == want_.body->size()); }
  bool closes() const { return closes_; }  // the server will close the connection
  const std::string& body() const { return body_; }

 private:
  enum class Phase : uint8_t { kHead, kSized, kUntilClose, kChunkSize, kChunk, kChunkEnd, kTrailer, kDone };

  bool read_head(std::string_view& data);
  bool read_line(std::string_view& data);
  void take(std::string_view data);
  bool step(std::string_view& data);

  Want want_;
  Phase phase_ = Phase::kHead;
  std::string line_;  // the head, or a line of the chunk framing, as far as it came
  uint64_t left_ = 0;
  int status_ = 0;
  uint64_t length_ = 0;
  uint64_t body_bytes_ = 0;
  bool matches_ = true;
  bool closes_ = false;
  std::string body_;
};

}  // namespace dl::bench

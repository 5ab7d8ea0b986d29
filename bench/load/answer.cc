#include "bench/load/answer.h"

#include <strings.h>
#include <algorithm>
#include <charconv>
#include <cstring>

namespace dl::bench {
namespace {

constexpr size_t kMaxHead = 64 * 1024;
constexpr size_t kKeptOfRefusal = 2048;

std::optional<uint64_t> number(std::string_view text, int base) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

// The value of `name` in a head, or nullopt. `name` in lower case.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    at += 2;
    size_t end = head.find("\r\n", at);
    std::string_view line = head.substr(at, end == std::string_view::npos ? end : end - at);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      line.remove_prefix(name.size() + 1);
      while (line.starts_with(' ')) line.remove_prefix(1);
      return line;
    }
    at = end;
  }
  return std::nullopt;
}

}  // namespace

void Answer::begin(Want want) {
  want_ = want;
  phase_ = Phase::kHead;
  line_.clear();
  left_ = length_ = body_bytes_ = 0;
  status_ = 0;
  matches_ = true;
  closes_ = false;
  body_.clear();
}

void Answer::take(std::string_view data) {
  if (want_.body && is_good() && matches_) {
    uint64_t at = body_bytes_;
    matches_ =
        at + data.size() <= want_.body->size() && std::memcmp(want_.body->data() + at, data.data(), data.size()) == 0;
  }
  body_bytes_ += data.size();
  if (is_good() ? want_.keeps_body : body_.size() < kKeptOfRefusal) body_ += data;
}

// Takes the head up to its end; false when it is none. Leaves the phase at kHead while it is not whole.
bool Answer::read_head(std::string_view& data) {
  size_t before = line_.size();
  line_ += data.substr(0, kMaxHead);
  size_t end = line_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    data = {};
    return line_.size() < kMaxHead;
  }
  data.remove_prefix(end + 4 - before);
  std::string_view head = std::string_view(line_).substr(0, end);
  auto status = head.size() >= 12 && head.starts_with("HTTP/1.1 ") ? number(head.substr(9, 3), 10) : std::nullopt;
  if (!status) return false;
  status_ = static_cast<int>(*status);
  if (status_ < 200) {
    line_.clear();
    return true;
  }
  closes_ = header(head, "connection").value_or("") == "close";
  auto length = header(head, "content-length");
  if (length) length_ = left_ = number(*length, 10).value_or(0);
  if (want_.is_head || status_ == 204 || status_ == 304)
    phase_ = Phase::kDone;
  else if (header(head, "transfer-encoding").value_or("") == "chunked")
    phase_ = Phase::kChunkSize;
  else if (length)
    phase_ = left_ == 0 ? Phase::kDone : Phase::kSized;
  else
    phase_ = Phase::kUntilClose;
  line_.clear();
  return true;
}

// One line of the chunk framing into line_, without its end; false while it is not whole.
bool Answer::read_line(std::string_view& data) {
  size_t end = data.find('\n');
  line_ += data.substr(0, end);
  data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
  if (end == std::string_view::npos) return false;
  if (line_.ends_with('\r')) line_.pop_back();
  return true;
}

bool Answer::step(std::string_view& data) {
  if (phase_ == Phase::kHead) return read_head(data);
  if (phase_ == Phase::kSized || phase_ == Phase::kChunk || phase_ == Phase::kUntilClose) {
    size_t size = phase_ == Phase::kUntilClose ? data.size() : std::min<uint64_t>(left_, data.size());
    take(data.substr(0, size));
    data.remove_prefix(size);
    if (phase_ == Phase::kUntilClose) return true;
    left_ -= size;
    if (left_ == 0) phase_ = phase_ == Phase::kSized ? Phase::kDone : Phase::kChunkEnd;
    return true;
  }
  if (!read_line(data)) return line_.size() < kMaxHead;
  if (phase_ == Phase::kChunkSize) {
    auto size = number(line_, 16);
    if (!size) return false;
    left_ = *size;
    phase_ = left_ == 0 ? Phase::kTrailer : Phase::kChunk;
  } else if (phase_ == Phase::kChunkEnd) {
    if (!line_.empty()) return false;
    phase_ = Phase::kChunkSize;
  } else if (line_.empty()) {
    phase_ = Phase::kDone;
  }
  line_.clear();
  return true;
}

Answer::State Answer::feed(std::string_view data) {
  while (!data.empty() && phase_ != Phase::kDone)
    if (!step(data)) return State::kBad;
  if (!data.empty()) return State::kBad;
  return phase_ == Phase::kDone ? State::kDone : State::kMore;
}

Answer::State Answer::end() {
  if (phase_ != Phase::kUntilClose) return State::kBad;
  phase_ = Phase::kDone;
  closes_ = true;
  return State::kDone;
}

}  // namespace dl::bench

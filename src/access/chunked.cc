#include "access/chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "access/canonical.h"
#include "access/limits.h"
#include "access/refusal.h"
#include "base/assert.h"

namespace dl::access {
namespace {

constexpr std::string_view kSignatureTrailer = "x-amz-trailer-signature";

Error framing(std::string message) {
  return refuse(Refusal::kBadChunkFraming, "the aws-chunked body is malformed: " + std::move(message));
}

bool is_trailer_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_printable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

ChunkSigner::ChunkSigner(Bytes signing_key, std::string amz_date, std::string scope, std::string seed)
    : key_(std::move(signing_key)), date_(std::move(amz_date)), scope_(std::move(scope)), previous_(std::move(seed)) {}

std::string ChunkSigner::next(std::string_view kind, std::string_view hashes) {
  std::string to_sign(kind);
  to_sign.append("\n").append(date_).append("\n").append(scope_).append("\n");
  to_sign.append(previous_).append("\n").append(hashes);
  previous_ = crypto::hmac_sha256(key_, to_sign).hex();
  return previous_;
}

std::string ChunkSigner::chunk(const Sha256& data) {
  return next("AWS4-HMAC-SHA256-PAYLOAD", std::string(kEmptySha256) + "\n" + data.hex());
}

std::string ChunkSigner::trailer(const Sha256& lines) { return next("AWS4-HMAC-SHA256-TRAILER", lines.hex()); }

ChunkedDecoder::ChunkedDecoder(const Verified& verified)
    : payload_(verified.payload),
      declared_(verified.decoded_length),
      announced_(verified.trailers),
      signer_(verified.signing_key, verified.amz_date, verified.scope.text(), verified.signature) {
  DL_REQUIRE(is_stream(payload_), "only a streamed payload is in aws-chunked form");
}

Result<size_t> ChunkedDecoder::decode(char* data, size_t size) {
  if (state_ == State::kFailed) return failure_;
  auto out = run(data, size);
  if (!out.ok()) {
    state_ = State::kFailed;
    failure_ = out.error();
  }
  return out;
}

Result<size_t> ChunkedDecoder::run(char* data, size_t size) {
  const char* at = data;
  const char* end = data + size;
  char* out = data;
  while (at < end) {
    switch (state_) {
      case State::kLine: {
        DL_TRY(bool whole, take_line(at, end, limits::kMaxChunkLineBytes));
        if (whole) DL_OK(on_chunk_line());
        break;
      }
      case State::kData: {
        auto n = static_cast<size_t>(std::min<uint64_t>(left_, static_cast<uint64_t>(end - at)));
        if (is_signed()) hasher_.update({at, n});
        std::memmove(out, at, n);
        out += n;
        at += n;
        left_ -= n;
        decoded_ += n;
        if (left_ == 0) state_ = State::kDataEnd;
        break;
      }
      case State::kDataEnd:
        if (*at++ != "\r\n"[end_seen_++]) return framing("no line end behind a chunk's data");
        if (end_seen_ < 2) break;
        end_seen_ = 0;
        DL_OK(end_chunk());
        state_ = State::kLine;
        break;
      case State::kTrailer: {
        DL_TRY(bool whole, take_line(at, end, limits::kMaxTrailerBytes));
        if (whole) DL_OK(on_trailer_line());
        break;
      }
      case State::kDone:
        return framing("bytes behind the last chunk");
      case State::kFailed:
        return failure_;
    }
  }
  return static_cast<size_t>(out - data);
}

// Collects up to CRLF; true once line_ holds a whole line without its end.
Result<bool> ChunkedDecoder::take_line(const char*& at, const char* end, size_t limit) {
  while (at < end) {
    char c = *at++;
    if (!line_.empty() && line_.back() == '\r') {
      if (c != '\n') return framing("a carriage return without line feed");
      line_.pop_back();
      return true;
    }
    if (c == '\n') return framing("a line feed without carriage return");
    if (line_.size() == limit) return framing("a line over its limit");
    line_.push_back(c);
  }
  return false;
}

Result<void> ChunkedDecoder::on_chunk_line() {
  constexpr std::string_view kSignature = ";chunk-signature=";
  constexpr size_t kMaxSizeDigits = 15;
  std::string_view line = line_;
  size_t digits = std::min(line.find(';'), line.size());
  auto [end, bad] = std::from_chars(line.data(), line.data() + digits, left_, 16);
  if (digits == 0 || digits > kMaxSizeDigits || bad != std::errc{} || end != line.data() + digits || line[0] == '-')
    return framing("a chunk's size is not a hexadecimal number");
  std::string_view rest = line.substr(digits);
  if (is_signed()) {
    if (!rest.starts_with(kSignature) || !is_hex64(rest.substr(kSignature.size())))
      return framing("a chunk without its signature");
    signature_ = rest.substr(kSignature.size());
  } else if (!rest.empty()) {
    return framing("an extension behind a chunk's size");
  }
  line_.clear();
  if (left_ > declared_ - decoded_)
    return refuse(Refusal::kIncompleteBody, "the body is longer than x-amz-decoded-content-length says");
  if (left_ > 0) {
    state_ = State::kData;
    return {};
  }
  DL_OK(end_chunk());
  state_ = State::kTrailer;
  return {};
}

Result<void> ChunkedDecoder::end_chunk() {
  if (!is_signed()) return {};
  if (equal_constant_time(signer_.chunk(hasher_.finish()), signature_)) return {};
  return refuse(Refusal::kBadChunkSignature, "the signature of a chunk does not match its data");
}

Result<void> ChunkedDecoder::on_trailer_line() {
  std::string line = std::move(line_);
  line_.clear();
  if (line.empty()) return end_trailers();
  trailer_bytes_ += line.size();
  size_t colon = line.find(':');
  if (!has_trailers() || colon == std::string::npos || trailer_bytes_ > limits::kMaxTrailerBytes)
    return framing("a trailer where none may be, without ':', or over 4 KiB in all");
  if (!trailer_signature_.empty()) return framing("a trailer behind x-amz-trailer-signature");
  std::string name = lower(line.substr(0, colon)), value = trim_all(std::string_view(line).substr(colon + 1));
  if (!is_trailer_name(name) || !is_printable(value)) return framing("a trailer's name or value");
  if (name == kSignatureTrailer) {
    if (!is_signed() || !is_hex64(value)) return framing("x-amz-trailer-signature");
    trailer_signature_ = value;
    return {};
  }
  bool announced = std::find(announced_.begin(), announced_.end(), name) != announced_.end();
  bool twice = std::any_of(trailers_.begin(), trailers_.end(), [&](const auto& t) { return t.first == name; });
  if (!announced || twice) return framing("a trailer that x-amz-trailer does not announce, or one twice");
  trailer_lines_.append(name).append(":").append(value).append("\n");
  trailers_.emplace_back(std::move(name), std::move(value));
  return {};
}

Result<void> ChunkedDecoder::end_trailers() {
  if (has_trailers()) {
    for (const std::string& name : announced_)
      if (std::none_of(trailers_.begin(), trailers_.end(), [&](const auto& t) { return t.first == name; }))
        return framing("the announced trailer '" + name + "' is missing");
    if (is_signed() && !equal_constant_time(signer_.trailer(crypto::sha256(trailer_lines_)), trailer_signature_))
      return refuse(Refusal::kBadChunkSignature, "the signature of the trailers does not match");
  }
  if (decoded_ != declared_)
    return refuse(Refusal::kIncompleteBody, "the body is shorter than x-amz-decoded-content-length says");
  state_ = State::kDone;
  return {};
}

Result<void> ChunkedDecoder::finish() {
  if (state_ == State::kFailed) return failure_;
  if (state_ == State::kDone) return {};
  return refuse(Refusal::kIncompleteBody, "the body ended before its last chunk");
}

}  // namespace dl::access

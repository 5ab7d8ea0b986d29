#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/sigv4.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace dl::access {

// The chain of signatures over the chunks of a body: each covers the one before.
class ChunkSigner {
 public:
  ChunkSigner(Bytes signing_key, std::string amz_date, std::string scope, std::string seed);
  // The next chunk's signature, from the hash of its data. 64 hexadecimal digits.
  std::string chunk(const Sha256& data);
  // Of the trailers, from the hash of "name:value\n" for each.
  std::string trailer(const Sha256& lines);

 private:
  std::string next(std::string_view kind, std::string_view hashes);
  Bytes key_;
  std::string date_, scope_, previous_;
};

// Decodes a body in aws-chunked form as its bytes come, keeping at most one line:
//   SIZE[;chunk-signature=SIG] CRLF data CRLF ... 0[;chunk-signature=SIG] CRLF [name:value CRLF ...] CRLF
// (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and .../sigv4-streaming-trailers.html). Data is handed
// on before the signature of its chunk was checked, at the chunk's end: nothing may become visible before finish() said
// yes. One thread at a time.
class ChunkedDecoder {
 public:
  // Precondition: is_stream(verified.payload).
  explicit ChunkedDecoder(const Verified& verified);

  // Decodes in place: the first bytes of `data`, as many as are returned, are the body's next. May be 0 though more
  // follows. Errors: kBadChunkFraming, kBadChunkSignature, kIncompleteBody (more than the declared length; or a
  // trailer that was not announced is kBadChunkFraming). After an error every call gives it again.
  Result<size_t> decode(char* data, size_t size);
  // To be called when the body has ended. Errors: kIncompleteBody when something is missing.
  Result<void> finish();

  bool done() const { return state_ == State::kDone; }
  uint64_t decoded() const { return decoded_; }
  // Lower-case names and trimmed values, without the signature; complete after finish().
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t { kLine, kData, kDataEnd, kTrailer, kDone, kFailed };
  Result<size_t> run(char* data, size_t size);
  Result<bool> take_line(const char*& at, const char* end, size_t limit);
  Result<void> on_chunk_line();
  Result<void> end_chunk();
  Result<void> on_trailer_line();
  Result<void> end_trailers();
  bool is_signed() const { return payload_ != Payload::kStreamUnsignedTrailer; }
  bool has_trailers() const { return payload_ != Payload::kStreamSigned; }

  Payload payload_;
  uint64_t declared_;
  std::vector<std::string> announced_;
  ChunkSigner signer_;
  crypto::Sha256Hasher hasher_;
  State state_ = State::kLine;
  std::string line_;       // of a header or trailer, as far as it came
  std::string signature_;  // that the present chunk claims
  uint64_t left_ = 0;      // data bytes of the present chunk
  uint64_t decoded_ = 0;
  size_t end_seen_ = 0;  // of the CRLF behind the data
  size_t trailer_bytes_ = 0;
  std::string trailer_lines_, trailer_signature_;
  std::vector<std::pair<std::string, std::string>> trailers_;
  Error failure_;
};

}  // namespace dl::access

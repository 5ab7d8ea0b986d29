#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "access/chunked.h"

using namespace dl;

// First byte: payload mode and piece size; the rest is the body as received. However it is cut, the result is the same,
// and never longer than declared.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  access::Verified v;
  constexpr access::Payload kModes[] = {access::Payload::kStreamSigned, access::Payload::kStreamSignedTrailer,
                                        access::Payload::kStreamUnsignedTrailer};
  v.payload = kModes[data[0] % 3];
  v.decoded_length = 5;
  v.signing_key = Bytes(32, 'k');
  v.amz_date = "20130524T000000Z";
  v.scope = {"AKID", 15849, "us-east-1", "s3"};
  v.signature = std::string(64, '0');
  v.trailers = {"x-amz-checksum-crc32"};
  size_t step = 1 + data[0] / 3;
  std::string whole(reinterpret_cast<const char*>(data + 1), size - 1), pieces = whole, joined;

  access::ChunkedDecoder one(v), many(v);
  auto n = one.decode(whole.data(), whole.size());
  bool ok = true;
  for (size_t at = 0; at < pieces.size() && ok; at += step) {
    size_t length = std::min(step, pieces.size() - at);
    auto got = many.decode(pieces.data() + at, length);
    ok = got.ok();
    if (ok) joined.append(pieces, at, *got);
  }
  if (n.ok() != ok || one.decoded() > v.decoded_length) __builtin_trap();
  if (ok && (joined != whole.substr(0, *n) || one.finish().ok() != many.finish().ok())) __builtin_trap();
  return 0;
}

#include "access/chunked.h"

#include <doctest/doctest.h>

#include "access/amz_time.h"
#include "access/limits.h"
#include "access/refusal.h"
#include "access/sign.h"
#include "base/random.h"

using namespace dl;
using namespace dl::access;

namespace {

const WallTime kNow = *parse_amz_date("20130524T000000Z");
const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"};
const std::string kSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

Verified verified(Payload payload, uint64_t length, std::vector<std::string> trailers = {}) {
  Verified v;
  v.scope = {kExample.access_key, day_of(kNow), kExample.region, "s3"};
  v.amz_date = amz_date(kNow);
  v.payload = payload;
  v.decoded_length = length;
  v.trailers = std::move(trailers);
  v.signing_key = service_signing_key(day_region_key(kExample.secret, day_of(kNow), kExample.region), "s3");
  v.signature = kSeed;
  return v;
}

struct Decoded {
  Bytes body;
  std::vector<std::pair<std::string, std::string>> trailers;
};

Result<Decoded> decode(const Verified& v, Bytes wire, size_t piece = 1 << 20) {
  ChunkedDecoder decoder(v);
  Decoded out;
  for (size_t at = 0; at < wire.size(); at += piece) {
    size_t n = std::min(piece, wire.size() - at);
    DL_TRY(size_t got, decoder.decode(wire.data() + at, n));
    out.body.append(wire, at, got);
  }
  DL_OK(decoder.finish());
  out.trailers = decoder.trailers();
  return out;
}

Refusal refusal(const Verified& v, const Bytes& wire, size_t piece = 1 << 20) {
  auto r = decode(v, wire, piece);
  return r.ok() ? Refusal::kNone : refusal_of(r.error());
}

Bytes aws_example() {
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         Bytes(65536, 'a') +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         Bytes(1024, 'a') +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

}  // namespace

// docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
TEST_CASE("AWS's own example of a chunked upload decodes, however the bytes come") {
  Verified v = verified(Payload::kStreamSigned, 66560);
  for (size_t piece : {1, 2, 7, 100, 65536, 1 << 20}) {
    auto r = decode(v, aws_example(), piece);
    REQUIRE(r.ok());
    CHECK(r->body == Bytes(66560, 'a'));
  }
}

TEST_CASE("a changed byte of a signed chunked body is never accepted") {
  Verified v = verified(Payload::kStreamSigned, 66560);
  Bytes wire = aws_example();
  for (size_t i = 0; i < wire.size(); i += i < 100 || i > wire.size() - 200 ? 1 : 997) {
    Bytes bad = wire;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    REQUIRE(!decode(v, bad).ok());
  }
  for (size_t cut : {size_t{0}, size_t{50}, size_t{60000}, wire.size() - 1}) {
    CAPTURE(cut);
    CHECK(refusal(v, wire.substr(0, cut)) == Refusal::kIncompleteBody);
  }
  CHECK(refusal(v, wire + "x") == Refusal::kBadChunkFraming);
}

TEST_CASE("swapped and repeated chunks break the chain") {
  SignedRequest request{.signature = kSeed};
  Bytes wire = sign_chunks("aaaabbbb", 4, {}, request, kExample, kNow);
  Verified v = verified(Payload::kStreamSigned, 8);
  CHECK(decode(v, wire)->body == "aaaabbbb");
  size_t line = std::string("4;chunk-signature=").size() + 64 + 2 + 4 + 2;
  Bytes swapped = wire.substr(line, line) + wire.substr(0, line) + wire.substr(2 * line);
  CHECK(refusal(v, swapped) == Refusal::kBadChunkSignature);
  CHECK(refusal(v, wire.substr(0, line) + wire) == Refusal::kBadChunkSignature);
}

TEST_CASE("trailers are handed over when announced and signed, and only then") {
  SignedRequest request{.signature = kSeed};
  std::vector<std::pair<std::string, std::string>> trailers = {{"x-amz-checksum-crc32c", "sOO8/Q=="}};
  Bytes wire = sign_chunks("hello", 3, trailers, request, kExample, kNow);
  Verified v = verified(Payload::kStreamSignedTrailer, 5, {"x-amz-checksum-crc32c"});
  for (size_t piece : {1, 3, 1000}) {
    auto r = decode(v, wire, piece);
    REQUIRE(r.ok());
    CHECK(r->body == "hello");
    CHECK(r->trailers == trailers);
  }
  Bytes bad = wire;
  bad[bad.find("sOO8")] = 'S';
  CHECK(refusal(v, bad) == Refusal::kBadChunkSignature);
  Bytes unsigned_wire = wire.substr(0, wire.find("x-amz-trailer-signature")) + "\r\n";
  CHECK(refusal(v, unsigned_wire) == Refusal::kBadChunkSignature);
  Verified other = verified(Payload::kStreamSignedTrailer, 5, {"x-amz-checksum-crc32"});
  CHECK(refusal(other, wire) == Refusal::kBadChunkFraming);
  Verified none = verified(Payload::kStreamSigned, 5);
  CHECK(refusal(none, wire) == Refusal::kBadChunkFraming);
}

TEST_CASE("AWS's own example of a chunked upload with a trailer") {
  // docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
  Verified v = verified(Payload::kStreamSignedTrailer, 66560, {"x-amz-checksum-crc32c"});
  v.signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  Bytes wire = "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
               Bytes(65536, 'a') +
               "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
               Bytes(1024, 'a') +
               "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
               "x-amz-checksum-crc32c:sOO8/Q==\r\n"
               "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
  CHECK(decode(v, wire).ok());
}

TEST_CASE("an unsigned chunked body with a trailer, as current SDKs send it") {
  Verified v = verified(Payload::kStreamUnsignedTrailer, 12, {"x-amz-checksum-crc32"});
  Bytes wire = "5\r\nhello\r\n7\r\n, world\r\n0\r\nx-amz-checksum-crc32: /3ro/Q==\r\n\r\n";
  for (size_t piece : {1, 4, 1000}) {
    auto r = decode(v, wire, piece);
    REQUIRE(r.ok());
    CHECK(r->body == "hello, world");
    CHECK(r->trailers[0].second == "/3ro/Q==");
  }
  CHECK(refusal(v, "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n") == Refusal::kBadChunkFraming);
  CHECK(refusal(v, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\n") == Refusal::kIncompleteBody);
  CHECK(refusal(v, "d\r\nhello, world!\r\n0\r\n\r\n") == Refusal::kIncompleteBody);
  CHECK(refusal(v, "5;chunk-signature=x\r\nhello\r\n") == Refusal::kBadChunkFraming);
  Verified empty = verified(Payload::kStreamUnsignedTrailer, 0, {"x-amz-checksum-crc32"});
  CHECK(decode(empty, "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n").ok());
}

TEST_CASE("framing that two readers could read differently is refused") {
  Verified v = verified(Payload::kStreamUnsignedTrailer, 5, {"x-amz-checksum-crc32"});
  Bytes end = "\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\n";
  CHECK(decode(v, "5\r\nhello" + end).ok());
  for (const char* size : {"", " 5", "5 ", "0x5", "+5", "-5", "5\n", "5\r", "g", "0000000000000005"})
    CHECK(refusal(v, std::string(size) + "\r\nhello" + end) == Refusal::kBadChunkFraming);
  CHECK(refusal(v, "ffffffffffffffff\r\nhello" + end) == Refusal::kBadChunkFraming);
  CHECK(refusal(v, "fffffffffffffff\r\nhello" + end) == Refusal::kIncompleteBody);
  CHECK(refusal(v, "5\r\nhelloX\r\n0\r\n\r\n") == Refusal::kBadChunkFraming);
  CHECK(refusal(v, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\n\r\n") == Refusal::kBadChunkFraming);
  CHECK(refusal(v, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:a\r\n\r\n") ==
        Refusal::kBadChunkFraming);
  CHECK(refusal(v, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n") == Refusal::kBadChunkFraming);
  CHECK(refusal(v, std::string(limits::kMaxChunkLineBytes + 1, '1')) == Refusal::kBadChunkFraming);
}

TEST_CASE("trailers have a limit") {
  Verified v = verified(Payload::kStreamUnsignedTrailer, 0, {"a"});
  size_t room = limits::kMaxTrailerBytes - 2;
  CHECK(decode(v, "0\r\na:" + std::string(room - 1, 'v') + "\r\n\r\n").ok());
  CHECK(refusal(v, "0\r\na:" + std::string(room + 1, 'v') + "\r\n\r\n") == Refusal::kBadChunkFraming);
}

TEST_CASE("after an error nothing more is decoded") {
  Verified v = verified(Payload::kStreamUnsignedTrailer, 5, {"a"});
  ChunkedDecoder decoder(v);
  Bytes bad = "x\r\n", good = "5\r\nhello\r\n";
  CHECK(!decoder.decode(bad.data(), bad.size()).ok());
  CHECK(!decoder.decode(good.data(), good.size()).ok());
  CHECK(!decoder.finish().ok());
}

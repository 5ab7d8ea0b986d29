#include "crypto/hash.h"

#include <doctest/doctest.h>

#include <string>

#include "base/hex.h"
#include "base/random.h"

using namespace dl;
using namespace dl::crypto;

TEST_CASE("published values of every hash and checksum") {
  CHECK(to_hex(md5("abc")) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(to_hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(crc32("123456789") == 0xCBF43926u);
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc64_nvme("123456789") == 0xAE8B14860A799888ull);
  CHECK(crc32("") == 0);
  CHECK(crc64_nvme("") == 0);
  CHECK(to_hex(crc_bytes(Crc::kCrc64Nvme, 0xAE8B14860A799888ull)) == "ae8b14860a799888");
  CHECK(to_hex(crc_bytes(Crc::kCrc32, 0xCBF43926u)) == "cbf43926");
}

TEST_CASE("HMAC-SHA-256 as RFC 4231 says") {
  CHECK(hmac_sha256(std::string(20, '\x0b'), "Hi There").hex() ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac_sha256("Jefe", "what do ya want for nothing?").hex() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First").hex() ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a body hashes the same in one piece and in many") {
  SeededRandom random(7);
  Bytes body = random.bytes(5000);
  for (Digest d : {Digest::kMd5, Digest::kSha1, Digest::kSha256}) {
    Hasher hasher(d);
    for (size_t at = 0; at < body.size(); at += 77) hasher.update(BytesView(body).substr(at, 77));
    CHECK(hasher.peek() == hash(d, body));
    CHECK(hasher.finish() == hash(d, body));
    hasher.update("abc");
    CHECK(hasher.finish() == hash(d, "abc"));
  }
  for (Crc kind : {Crc::kCrc32, Crc::kCrc32c, Crc::kCrc64Nvme})
    for (size_t cut : {0, 1, 15, 16, 63, 64, 65, 127, 128, 129, 1000, 4999, 5000}) {
      uint64_t a = crc_update(kind, 0, BytesView(body).substr(0, cut));
      CHECK(crc_update(kind, a, BytesView(body).substr(cut)) == crc_update(kind, 0, body));
    }
}

TEST_CASE("the folded CRC-64 is that of a bit by bit computation at every length") {
  SeededRandom random(8);
  Bytes body = random.bytes(400);
  for (size_t n = 0; n <= body.size(); n++) {
    uint64_t state = ~0ull;
    for (size_t i = 0; i < n; i++) {
      state ^= static_cast<uint8_t>(body[i]);
      for (int bit = 0; bit < 8; bit++) state = (state >> 1) ^ ((state & 1) ? 0x9A6C9329AC4BC9B5ull : 0);
    }
    REQUIRE(crc64_nvme(BytesView(body).substr(0, n)) == ~state);
  }
}

TEST_CASE("checksums of parts combine to that of the whole object") {
  SeededRandom random(9);
  Bytes body = random.bytes(3000);
  for (Crc kind : {Crc::kCrc32, Crc::kCrc32c, Crc::kCrc64Nvme})
    for (size_t cut : {0, 1, 7, 64, 1500, 2999, 3000}) {
      BytesView a = BytesView(body).substr(0, cut), b = BytesView(body).substr(cut);
      CHECK(crc_combine(kind, crc_update(kind, 0, a), crc_update(kind, 0, b), b.size()) == crc_update(kind, 0, body));
    }
}

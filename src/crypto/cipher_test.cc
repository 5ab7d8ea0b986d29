#include "crypto/cipher.h"

#include <doctest/doctest.h>

#include "base/hex.h"
#include "base/random.h"

using namespace dl;
using namespace dl::crypto;

namespace {
Bytes hex(std::string_view text) { return from_hex(text).value(); }
}  // namespace

TEST_CASE("AES-256-CTR as SP 800-38A says") {
  Ctr ctr(hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
          hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"));
  Bytes text = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  ctr.apply(0, text.data(), text.data(), text.size());
  CHECK(to_hex(text) == "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5");
}

TEST_CASE("any piece of a stream decrypts alone, also where the counter carries") {
  SeededRandom random(3);
  Bytes key = random.bytes(32), body = random.bytes(700);
  Ctr ctr(key, Bytes(16, '\xff'));
  Bytes sealed(body.size(), '\0');
  ctr.apply(0, body.data(), sealed.data(), body.size());
  CHECK(sealed != body);
  for (size_t from : {0, 1, 15, 16, 17, 255, 256, 300})
    for (size_t size : {0, 1, 16, 33, 400}) {
      Bytes piece = sealed.substr(from, size);
      ctr.apply(from, piece.data(), piece.data(), piece.size());
      CHECK(piece == body.substr(from, size));
    }
}

TEST_CASE("a file far beyond 64 GiB has its own key stream") {
  Ctr ctr(Bytes(32, 'k'), Bytes(16, '\0'));
  Bytes near(16, '\0'), far(16, '\0');
  ctr.apply(0, near.data(), near.data(), 16);
  ctr.apply(uint64_t{1} << 40, far.data(), far.data(), 16);
  CHECK(near != far);
}

TEST_CASE("AES-256-GCM: a published value, and nothing changed opens") {
  Bytes key(32, '\0'), nonce(12, '\0');
  CHECK(to_hex(aes256_gcm_seal(key, nonce, "", Bytes(16, '\0'))) ==
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  Gcm gcm(key);
  for (size_t size : {0, 1, 100}) {
    Bytes plain(size, 'p');
    Bytes sealed = gcm.seal(nonce, "aad", plain);
    CHECK(gcm.open(nonce, "aad", sealed).value() == plain);
    CHECK(gcm.open(nonce, "aae", sealed).error().code == Code::kCorrupt);
    CHECK(!gcm.open(Bytes(12, 'x'), "aad", sealed).ok());
    CHECK(!aes256_gcm_open(Bytes(32, 'x'), nonce, "aad", sealed).ok());
    for (size_t i = 0; i < sealed.size(); i++) {
      Bytes bad = sealed;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      REQUIRE(!gcm.open(nonce, "aad", bad).ok());
    }
    CHECK(!gcm.open(nonce, "aad", sealed.substr(0, 15)).ok());
    CHECK(gcm.open(nonce, "aad", sealed).value() == plain);
  }
  Gcm other(Bytes(32, 'o'));
  Bytes before = other.seal(nonce, "", "text");
  gcm = std::move(other);
  CHECK(gcm.open(nonce, "", before).value() == "text");
}

TEST_CASE("HKDF-SHA-256 as RFC 5869 says") {
  CHECK(to_hex(hkdf_sha256(Bytes(22, '\x0b'), hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"), 42)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(to_hex(hkdf_sha256(Bytes(22, '\x0b'), "", "", 42)) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

#include "crypto/cipher.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"
#include "crypto/evp.h"
#include "crypto/hash.h"

namespace dl::crypto {
namespace {

const EVP_CIPHER* ctr_cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  DL_ASSERT(cipher != nullptr, "OpenSSL offers no AES-256-CTR");
  return cipher;
}

const EVP_CIPHER* gcm_cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  DL_ASSERT(cipher != nullptr, "OpenSSL offers no AES-256-GCM");
  return cipher;
}

// OpenSSL counts in int.
constexpr size_t kPieceBytes = 1u << 30;

void counter_at(const uint8_t* nonce, uint64_t block, uint8_t* out) {
  std::memcpy(out, nonce, kCtrNonceBytes);
  uint64_t carry = block;
  for (size_t i = kCtrNonceBytes; i-- > 0 && carry != 0;) {
    uint64_t sum = out[i] + (carry & 0xff);
    out[i] = static_cast<uint8_t>(sum);
    carry = (carry >> 8) + (sum >> 8);
  }
}

EVP_CIPHER_CTX* as_context(void* p) { return static_cast<EVP_CIPHER_CTX*>(p); }

}  // namespace

Ctr::Ctr(BytesView key, BytesView nonce) {
  DL_REQUIRE(key.size() == kAesKeyBytes && nonce.size() == kCtrNonceBytes, "AES-256-CTR key or nonce size");
  std::memcpy(key_, key.data(), kAesKeyBytes);
  std::memcpy(nonce_, nonce.data(), kCtrNonceBytes);
}

Ctr::~Ctr() { OPENSSL_cleanse(key_, sizeof key_); }

void Ctr::apply(uint64_t offset, const void* in, void* out, size_t size) const {
  if (size == 0) return;
  thread_local const CipherContext context(EVP_CIPHER_CTX_new());
  DL_ASSERT(context != nullptr, "out of memory");
  uint8_t counter[kCtrNonceBytes];
  counter_at(nonce_, offset / 16, counter);
  DL_ASSERT(EVP_EncryptInit_ex2(context.get(), ctr_cipher(), key_, counter, nullptr) == 1, openssl_error());
  int done = 0;
  if (size_t skip = offset % 16; skip != 0) {
    uint8_t unused[16] = {};
    DL_ASSERT(EVP_EncryptUpdate(context.get(), unused, &done, unused, static_cast<int>(skip)) == 1, openssl_error());
  }
  const auto* from = static_cast<const uint8_t*>(in);
  auto* to = static_cast<uint8_t*>(out);
  while (size > 0) {
    size_t piece = std::min(size, kPieceBytes);
    DL_ASSERT(EVP_EncryptUpdate(context.get(), to, &done, from, static_cast<int>(piece)) == 1, openssl_error());
    DL_ASSERT(static_cast<size_t>(done) == piece, "a stream cipher keeps lengths");
    from += piece;
    to += piece;
    size -= piece;
  }
}

Gcm::Gcm(BytesView key) : seal_context_(nullptr), open_context_(nullptr) {
  DL_REQUIRE(key.size() == kAesKeyBytes, "AES-256-GCM key size");
  std::memcpy(key_, key.data(), kAesKeyBytes);
}

Gcm::~Gcm() {
  EVP_CIPHER_CTX_free(as_context(seal_context_));
  EVP_CIPHER_CTX_free(as_context(open_context_));
  OPENSSL_cleanse(key_, sizeof key_);
}

Gcm::Gcm(Gcm&& other) noexcept
    : seal_context_(std::exchange(other.seal_context_, nullptr)),
      open_context_(std::exchange(other.open_context_, nullptr)) {
  std::memcpy(key_, other.key_, kAesKeyBytes);
}

Gcm& Gcm::operator=(Gcm&& other) noexcept {
  if (this == &other) return *this;
  std::swap(seal_context_, other.seal_context_);
  std::swap(open_context_, other.open_context_);
  std::memcpy(key_, other.key_, kAesKeyBytes);
  // The old contexts go with `other`; it must not be used again, whose key they do not fit.
  EVP_CIPHER_CTX_free(as_context(std::exchange(other.seal_context_, nullptr)));
  EVP_CIPHER_CTX_free(as_context(std::exchange(other.open_context_, nullptr)));
  return *this;
}

void Gcm::seal_to(BytesView nonce, BytesView aad, const void* in, size_t size, void* out) {
  DL_REQUIRE(nonce.size() == kGcmNonceBytes, "AES-256-GCM nonce size");
  DL_REQUIRE(size <= kPieceBytes && aad.size() <= kPieceBytes, "AES-256-GCM input over 1 GiB");
  if (seal_context_ == nullptr) {
    seal_context_ = EVP_CIPHER_CTX_new();
    DL_ASSERT(
        seal_context_ && EVP_EncryptInit_ex2(as_context(seal_context_), gcm_cipher(), key_, nullptr, nullptr) == 1,
        openssl_error());
  }
  EVP_CIPHER_CTX* context = as_context(seal_context_);
  auto* to = static_cast<uint8_t*>(out);
  int done = 0;
  bool ok = EVP_EncryptInit_ex2(context, nullptr, nullptr, as_u8(nonce), nullptr) == 1;
  if (!aad.empty())
    ok = ok && EVP_EncryptUpdate(context, nullptr, &done, as_u8(aad), static_cast<int>(aad.size())) == 1;
  if (size > 0)
    ok = ok && EVP_EncryptUpdate(context, to, &done, static_cast<const uint8_t*>(in), static_cast<int>(size)) == 1;
  ok = ok && EVP_EncryptFinal_ex(context, to + size, &done) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes, to + size) == 1;
  DL_ASSERT(ok, openssl_error());
}

Result<void> Gcm::open_to(BytesView nonce, BytesView aad, const void* in, size_t size, void* out) {
  DL_REQUIRE(nonce.size() == kGcmNonceBytes, "AES-256-GCM nonce size");
  DL_REQUIRE(size <= kPieceBytes && aad.size() <= kPieceBytes, "AES-256-GCM input over 1 GiB");
  if (size < kGcmTagBytes) return error(Code::kCorrupt, "sealed bytes are shorter than their tag");
  if (open_context_ == nullptr) {
    open_context_ = EVP_CIPHER_CTX_new();
    DL_ASSERT(
        open_context_ && EVP_DecryptInit_ex2(as_context(open_context_), gcm_cipher(), key_, nullptr, nullptr) == 1,
        openssl_error());
  }
  EVP_CIPHER_CTX* context = as_context(open_context_);
  size_t plain = size - kGcmTagBytes;
  const auto* from = static_cast<const uint8_t*>(in);
  auto* to = static_cast<uint8_t*>(out);
  uint8_t tag[kGcmTagBytes];
  std::memcpy(tag, from + plain, kGcmTagBytes);
  int done = 0;
  bool ok = EVP_DecryptInit_ex2(context, nullptr, nullptr, as_u8(nonce), nullptr) == 1;
  if (!aad.empty())
    ok = ok && EVP_DecryptUpdate(context, nullptr, &done, as_u8(aad), static_cast<int>(aad.size())) == 1;
  if (plain > 0) ok = ok && EVP_DecryptUpdate(context, to, &done, from, static_cast<int>(plain)) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag) == 1;
  DL_ASSERT(ok, openssl_error());
  uint8_t unused[16];
  if (EVP_DecryptFinal_ex(context, unused, &done) != 1) {
    if (plain > 0) std::memset(to, 0, plain);
    return error(Code::kCorrupt, "sealed bytes do not authenticate: they were changed, or the key is another");
  }
  return {};
}

Bytes Gcm::seal(BytesView nonce, BytesView aad, BytesView plain) {
  Bytes out(plain.size() + kGcmTagBytes, '\0');
  seal_to(nonce, aad, plain.data(), plain.size(), out.data());
  return out;
}

Result<Bytes> Gcm::open(BytesView nonce, BytesView aad, BytesView sealed) {
  if (sealed.size() < kGcmTagBytes) return error(Code::kCorrupt, "sealed bytes are shorter than their tag");
  Bytes out(sealed.size() - kGcmTagBytes, '\0');
  DL_OK(open_to(nonce, aad, sealed.data(), sealed.size(), out.data()));
  return out;
}

Bytes aes256_gcm_seal(BytesView key, BytesView nonce, BytesView aad, BytesView plain) {
  return Gcm(key).seal(nonce, aad, plain);
}

Result<Bytes> aes256_gcm_open(BytesView key, BytesView nonce, BytesView aad, BytesView sealed) {
  return Gcm(key).open(nonce, aad, sealed);
}

Bytes hkdf_sha256(BytesView secret, BytesView salt, BytesView info, size_t size) {
  DL_REQUIRE(size <= 255 * Sha256::kSize, "HKDF output size");
  Sha256 zero;
  Sha256 prk = hmac_sha256(salt.empty() ? zero.view() : salt, secret);
  Bytes out, block;
  for (uint8_t counter = 1; out.size() < size; counter++) {
    block.append(info);
    block.push_back(static_cast<char>(counter));
    block = hmac_sha256(prk.view(), block).bytes();
    out.append(block);
  }
  out.resize(size);
  return out;
}

void wipe(Bytes& secret) {
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace dl::crypto

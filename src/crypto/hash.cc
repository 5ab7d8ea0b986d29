#include "crypto/hash.h"

#include <utility>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"
#include "crypto/evp.h"

namespace dl::crypto {
namespace {

// Fetched once: a fetch costs more than hashing a small object.
const EVP_MD* md_of(Digest digest) {
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const EVP_MD* md = digest == Digest::kMd5 ? md5 : digest == Digest::kSha1 ? sha1 : sha256;
  DL_ASSERT(md != nullptr, "OpenSSL offers no MD5, SHA-1 or SHA-256");
  return md;
}

EVP_MD_CTX* as_context(void* p) { return static_cast<EVP_MD_CTX*>(p); }

Bytes finish_context(EVP_MD_CTX* context, Digest digest) {
  Bytes out(digest_size(digest), '\0');
  unsigned size = 0;
  DL_ASSERT(EVP_DigestFinal_ex(context, reinterpret_cast<uint8_t*>(out.data()), &size) == 1, openssl_error());
  DL_ASSERT(size == out.size(), "digest size");
  return out;
}

}  // namespace

size_t digest_size(Digest digest) {
  switch (digest) {
    case Digest::kMd5:
      return 16;
    case Digest::kSha1:
      return 20;
    case Digest::kSha256:
      return 32;
  }
  DL_ASSERT(false, "unknown digest");
}

Hasher::Hasher(Digest digest) : digest_(digest), context_(EVP_MD_CTX_new()) {
  DL_ASSERT(context_ != nullptr, "out of memory");
  DL_ASSERT(EVP_DigestInit_ex2(as_context(context_), md_of(digest), nullptr) == 1, openssl_error());
}

Hasher::~Hasher() { EVP_MD_CTX_free(as_context(context_)); }

Hasher::Hasher(Hasher&& other) noexcept : digest_(other.digest_), context_(std::exchange(other.context_, nullptr)) {}

Hasher& Hasher::operator=(Hasher&& other) noexcept {
  if (this == &other) return *this;
  EVP_MD_CTX_free(as_context(context_));
  digest_ = other.digest_;
  context_ = std::exchange(other.context_, nullptr);
  return *this;
}

void Hasher::update(BytesView data) {
  DL_REQUIRE(context_ != nullptr, "update of a moved-from hasher");
  DL_ASSERT(EVP_DigestUpdate(as_context(context_), data.data(), data.size()) == 1, openssl_error());
}

Bytes Hasher::finish() {
  DL_REQUIRE(context_ != nullptr, "finish of a moved-from hasher");
  Bytes out = finish_context(as_context(context_), digest_);
  DL_ASSERT(EVP_DigestInit_ex2(as_context(context_), nullptr, nullptr) == 1, openssl_error());
  return out;
}

Bytes Hasher::peek() const {
  DL_REQUIRE(context_ != nullptr, "peek at a moved-from hasher");
  MdContext copy(EVP_MD_CTX_new());
  DL_ASSERT(copy && EVP_MD_CTX_copy_ex(copy.get(), as_context(context_)) == 1, openssl_error());
  return finish_context(copy.get(), digest_);
}

Bytes hash(Digest digest, BytesView data) {
  Bytes out(digest_size(digest), '\0');
  unsigned size = 0;
  int ok = EVP_Digest(data.data(), data.size(), reinterpret_cast<uint8_t*>(out.data()), &size, md_of(digest), nullptr);
  DL_ASSERT(ok == 1 && size == out.size(), openssl_error());
  return out;
}

Sha256 sha256(BytesView data) { return sha256({data}); }

// One context a thread: making one costs as much as hashing a short text, and a request hashes a dozen of them.
Sha256 sha256(std::initializer_list<BytesView> parts) {
  thread_local const MdContext context(EVP_MD_CTX_new());
  DL_ASSERT(context && EVP_DigestInit_ex2(context.get(), md_of(Digest::kSha256), nullptr) == 1, openssl_error());
  for (BytesView part : parts)
    DL_ASSERT(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1, openssl_error());
  Sha256 out;
  unsigned size = 0;
  int ok = EVP_DigestFinal_ex(context.get(), out.b.data(), &size);
  DL_ASSERT(ok == 1 && size == Sha256::kSize, openssl_error());
  return out;
}

Bytes sha1(BytesView data) { return hash(Digest::kSha1, data); }
Bytes md5(BytesView data) { return hash(Digest::kMd5, data); }

// By hand over SHA-256: EVP_MAC allocates three objects a call, and this runs several times a request.
Sha256 hmac_sha256(BytesView key, BytesView data) {
  constexpr size_t kBlock = 64;
  Sha256 short_key;
  if (key.size() > kBlock) {
    short_key = sha256(key);
    key = short_key.view();
  }
  char inner[kBlock], outer[kBlock];
  for (size_t i = 0; i < kBlock; i++) {
    uint8_t k = i < key.size() ? static_cast<uint8_t>(key[i]) : 0;
    inner[i] = static_cast<char>(k ^ 0x36);
    outer[i] = static_cast<char>(k ^ 0x5c);
  }
  Sha256 first = sha256({BytesView(inner, kBlock), data});
  Sha256 out = sha256({BytesView(outer, kBlock), first.view()});
  OPENSSL_cleanse(inner, kBlock);
  OPENSSL_cleanse(outer, kBlock);
  return out;
}

Sha256 chain_sha256(const Sha256& before, BytesView item) { return sha256({before.view(), item}); }

}  // namespace dl::crypto

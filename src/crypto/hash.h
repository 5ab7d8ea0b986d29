#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "base/ids.h"

// Hashes and checksums. Pure functions and small objects; nothing here fails on any input: out of memory ends the
// process.
namespace dl::crypto {

enum class Digest : uint8_t { kMd5, kSha1, kSha256 };

// Raw size of a digest in bytes: 16, 20, 32.
size_t digest_size(Digest digest);

// An incremental hash. Move-only, one thread at a time.
class Hasher {
 public:
  explicit Hasher(Digest digest);
  ~Hasher();
  Hasher(Hasher&& other) noexcept;
  Hasher& operator=(Hasher&& other) noexcept;

  void update(BytesView data);
  // The raw digest of all that was given since the start or the last finish(); the object then starts anew.
  Bytes finish();
  // The digest so far; the object goes on.
  Bytes peek() const;
  Digest digest() const { return digest_; }

 private:
  Digest digest_;
  void* context_;
};

// SHA-256 with a typed result. Move-only, one thread at a time.
class Sha256Hasher {
 public:
  Sha256Hasher() : hasher_(Digest::kSha256) {}
  void update(BytesView data) { hasher_.update(data); }
  Sha256 finish() { return Sha256::of(hasher_.finish()); }
  Sha256 peek() const { return Sha256::of(hasher_.peek()); }

 private:
  Hasher hasher_;
};

Bytes hash(Digest digest, BytesView data);
Sha256 sha256(BytesView data);
Sha256 sha256(std::initializer_list<BytesView> parts);  // of their concatenation
Bytes sha1(BytesView data);
Bytes md5(BytesView data);
// RFC 2104. The key may have any length.
Sha256 hmac_sha256(BytesView key, BytesView data);

// The next link of a hash chain: SHA-256(before || item). Seals chain record hashes with it; the first `before` is 32
// zero bytes.
Sha256 chain_sha256(const Sha256& before, BytesView item);

// Checksums as S3 names them. Values are the usual ones (initial and final inversion inside): 0 is the checksum of
// nothing, and `update` goes on from any value.
enum class Crc : uint8_t { kCrc32, kCrc32c, kCrc64Nvme };

size_t crc_size(Crc kind);  // raw size in bytes: 4, 4, 8
uint64_t crc_update(Crc kind, uint64_t crc, BytesView data);
// The checksum of A||B from those of A and B and B's length in bytes (FULL_OBJECT multipart checksums).
uint64_t crc_combine(Crc kind, uint64_t crc_a, uint64_t crc_b, uint64_t size_b);
Bytes crc_bytes(Crc kind, uint64_t crc);  // raw, big-endian, as the base64 of x-amz-checksum-* holds it

inline uint32_t crc32(BytesView data, uint32_t crc = 0) {
  return static_cast<uint32_t>(crc_update(Crc::kCrc32, crc, data));
}
inline uint32_t crc32c(BytesView data, uint32_t crc = 0) {
  return static_cast<uint32_t>(crc_update(Crc::kCrc32c, crc, data));
}
inline uint64_t crc64_nvme(BytesView data, uint64_t crc = 0) { return crc_update(Crc::kCrc64Nvme, crc, data); }

}  // namespace dl::crypto

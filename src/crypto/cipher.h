#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace dl::crypto {

inline constexpr size_t kAesKeyBytes = 32;
inline constexpr size_t kCtrNonceBytes = 16;
inline constexpr size_t kGcmNonceBytes = 12;
inline constexpr size_t kGcmTagBytes = 16;

// AES-256-CTR (SP 800-38A) at any byte offset of the stream: encrypting and decrypting are the same. The 16-byte nonce
// is the counter block of offset 0, counted big-endian modulo 2^128. Secrecy only: a changed bit goes unseen.
// Immutable, thread-safe.
class Ctr {
 public:
  // Preconditions: key has 32 bytes, nonce 16.
  Ctr(BytesView key, BytesView nonce);
  ~Ctr();
  Ctr(const Ctr&) = default;
  Ctr(Ctr&&) noexcept = default;
  Ctr& operator=(const Ctr&) = default;
  Ctr& operator=(Ctr&&) noexcept = default;

  // in and out may be the same run of `size` bytes; otherwise they do not overlap.
  void apply(uint64_t offset, const void* in, void* out, size_t size) const;

 private:
  uint8_t key_[kAesKeyBytes];
  uint8_t nonce_[kCtrNonceBytes];
};

// AES-256-GCM (SP 800-38D) under one key; a (key, nonce) pair seals once, ever. Move-only, one thread at a time.
class Gcm {
 public:
  explicit Gcm(BytesView key);  // precondition: 32 bytes
  ~Gcm();
  Gcm(Gcm&& other) noexcept;
  Gcm& operator=(Gcm&& other) noexcept;

  // Writes size + kGcmTagBytes bytes to out. in and out may start at the same address, else they do not overlap.
  // Precondition: nonce has 12 bytes.
  void seal_to(BytesView nonce, BytesView aad, const void* in, size_t size, void* out);
  // The reverse: `size` counts the tag. Errors: kCorrupt (wrong key, nonce, aad or bytes); out is then zeroed.
  Result<void> open_to(BytesView nonce, BytesView aad, const void* in, size_t size, void* out);
  Bytes seal(BytesView nonce, BytesView aad, BytesView plain);
  Result<Bytes> open(BytesView nonce, BytesView aad, BytesView sealed);

 private:
  void* seal_context_;  // keys set up; made at the first use of each
  void* open_context_;
  uint8_t key_[kAesKeyBytes];
};

Bytes aes256_gcm_seal(BytesView key, BytesView nonce, BytesView aad, BytesView plain);
Result<Bytes> aes256_gcm_open(BytesView key, BytesView nonce, BytesView aad, BytesView sealed);

// RFC 5869, extract and expand. Precondition: size <= 255 * 32.
Bytes hkdf_sha256(BytesView secret, BytesView salt, BytesView info, size_t size);

// Overwrites and empties, in a way that the compiler keeps.
void wipe(Bytes& secret);

}  // namespace dl::crypto

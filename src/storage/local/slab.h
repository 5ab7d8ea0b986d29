#pragma once

#include <cstdint>

#include "base/ids.h"
#include "crypto/cipher.h"
#include "storage/blob_rows.h"
#include "storage/limits.h"

// How a blob's bytes are sealed in a segment: slabs of kSlabBytes (the last may be shorter, and is never empty), each
// AES-256-GCM under the blob's own key, nonce and associated data made of its index and of whether it is the last.
namespace dl::storage {

inline constexpr uint64_t kSealedSlabBytes = kSlabBytes + crypto::kGcmTagBytes;

uint64_t slab_count(uint64_t plain_bytes);
uint64_t sealed_bytes(uint64_t plain_bytes);  // in the file

class SlabCipher {
 public:
  SlabCipher(BytesView key, uint64_t plain_bytes) : gcm_(key), slabs_(slab_count(plain_bytes)) {}
  // Writes plain.size() + 16 bytes to out.
  void seal(uint64_t index, BytesView plain, char* out);
  // `size` counts the tag. Errors: kCorrupt.
  Result<void> open(uint64_t index, const char* sealed, size_t size, char* out);

 private:
  crypto::Gcm gcm_;
  uint64_t slabs_;
};

// A blob's key under the partition's body key; bound to the blob and its place.
Bytes wrap_key(BytesView body_key, BytesView nonce, const BlobId& blob, const SegmentPlace& at, BytesView key);
Result<Bytes> unwrap_key(BytesView body_key, const BlobId& blob, const SegmentPlace& at);

}  // namespace dl::storage

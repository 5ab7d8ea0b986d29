#include "storage/local/slab.h"

#include "base/assert.h"

namespace dl::storage {
namespace {

constexpr BytesView kSlabDomain = "demilune slab 1";
constexpr BytesView kKeyDomain = "demilune blob key 1";

Bytes slab_nonce(uint64_t index) {
  Bytes nonce(crypto::kGcmNonceBytes - 8, '\0');
  put_be64(nonce, index);
  return nonce;
}

Bytes slab_aad(uint64_t index, bool last) {
  Bytes aad(kSlabDomain);
  put_be64(aad, index);
  aad.push_back(last ? 1 : 0);
  return aad;
}

Bytes key_aad(const BlobId& blob, const SegmentPlace& at) {
  Bytes aad(kKeyDomain);
  aad += blob.view();
  put_be64(aad, at.segment);
  put_be64(aad, at.offset);
  put_be64(aad, at.length);
  return aad;
}

}  // namespace

uint64_t slab_count(uint64_t plain_bytes) { return (plain_bytes + kSlabBytes - 1) / kSlabBytes; }

uint64_t sealed_bytes(uint64_t plain_bytes) { return plain_bytes + slab_count(plain_bytes) * crypto::kGcmTagBytes; }

void SlabCipher::seal(uint64_t index, BytesView plain, char* out) {
  DL_ASSERT(index < slabs_, "a slab past the end of its blob");
  gcm_.seal_to(slab_nonce(index), slab_aad(index, index + 1 == slabs_), plain.data(), plain.size(), out);
}

Result<void> SlabCipher::open(uint64_t index, const char* sealed, size_t size, char* out) {
  return gcm_.open_to(slab_nonce(index), slab_aad(index, index + 1 == slabs_), sealed, size, out);
}

Bytes wrap_key(BytesView body_key, BytesView nonce, const BlobId& blob, const SegmentPlace& at, BytesView key) {
  Bytes out(nonce);
  out += crypto::aes256_gcm_seal(body_key, nonce, key_aad(blob, at), key);
  DL_ASSERT(out.size() == kWrappedKeyBytes, "a wrapped key of another size");
  return out;
}

Result<Bytes> unwrap_key(BytesView body_key, const BlobId& blob, const SegmentPlace& at) {
  BytesView wrapped = at.wrapped_key;
  if (wrapped.size() != kWrappedKeyBytes) return error(Code::kCorrupt, "blob " + blob.hex() + " has no key");
  auto key = crypto::aes256_gcm_open(body_key, wrapped.substr(0, crypto::kGcmNonceBytes), key_aad(blob, at),
                                     wrapped.substr(crypto::kGcmNonceBytes));
  if (!key.ok()) return error(Code::kCorrupt, "the key of blob " + blob.hex() + " does not open");
  return key;
}

}  // namespace dl::storage

#include "storage/local/sealed_body.h"

#include <algorithm>

#include "storage/local/slab.h"

namespace dl::storage {

Extent extent_of(const SegmentPlace& at) { return {at.segment, at.offset, sealed_bytes(at.length)}; }

Result<void> verify_sealed(const Segments& segments, BytesView body_key, const BlobId& blob, const SegmentPlace& at,
                           const std::function<Result<void>(uint64_t bytes)>& read) {
  auto key = unwrap_key(body_key, blob, at);
  if (!key.ok())
    return error(Code::kCorrupt, "blob " + blob.hex() + " in segment " + std::to_string(at.segment) +
                                     ": its row holds no key that belongs to it");
  SlabCipher cipher(*key, at.length);
  crypto::wipe(*key);
  const Extent extent = extent_of(at);
  Bytes sealed(kSealedSlabBytes, '\0'), plain(kSlabBytes, '\0');
  for (uint64_t index = 0, from = 0; from < extent.length; index++, from += kSealedSlabBytes) {
    size_t n = static_cast<size_t>(std::min<uint64_t>(kSealedSlabBytes, extent.length - from));
    DL_OK(read(n));
    DL_OK(segments.read(extent, from, sealed.data(), n));
    if (!cipher.open(index, sealed.data(), n, plain.data()).ok())
      return error(Code::kCorrupt, "blob " + blob.hex() + " is damaged in segment " + std::to_string(at.segment) +
                                       " at byte " + std::to_string(at.offset + from));
  }
  return {};
}

}  // namespace dl::storage

#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "storage/local/instance.h"

// The local store's own rows, behind all others: FF 54 the tip {sequence, running hash}; FF 48 slot, the same of each
// of the last kRingSlots commits, so that the watermark, which is late, can be compared with what the database was
// then.
namespace dl::storage {

inline constexpr uint64_t kRingSlots = 4096;
inline constexpr BytesView kTipKey = "\xffT";

inline Bytes ring_key(uint64_t sequence) {
  Bytes key = "\xffH";
  put_be16(key, static_cast<uint16_t>(sequence % kRingSlots));
  return key;
}

inline Bytes encode_tip(const Tip& tip) {
  Bytes out;
  put_be64(out, tip.sequence);
  return out += tip.hash.view();
}

inline Result<Tip> decode_tip(BytesView row) {
  if (row.size() != 8 + Sha256::kSize) return error(Code::kCorrupt, "the row of the last commit is damaged");
  return Tip{get_be64(row), Sha256::of(row.substr(8))};
}

}  // namespace dl::storage

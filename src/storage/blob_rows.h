#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/partition.h"

// The rows 0B, 0C and 0D of a partition, byte by byte in docs/internals/storage.md. Shared by all blob stores.
namespace dl::storage {

// Where a blob's bytes are. The first bit of a blob's id says which of the two it is, so that start-up can walk the
// blobs in segments without reading a single inline body.
struct InlineBody {
  Bytes body;
  bool operator==(const InlineBody&) const = default;
};
inline constexpr size_t kWrappedKeyBytes = 60;  // nonce 12, key 32, tag 16
struct SegmentPlace {
  uint64_t segment = 0;
  uint64_t offset = 0;  // of the first sealed byte in the file
  uint64_t length = 0;  // plain bytes
  Bytes wrapped_key;    // kWrappedKeyBytes; empty in the memory store
  bool operator==(const SegmentPlace&) const = default;
};
using BlobPlace = std::variant<InlineBody, SegmentPlace>;

enum class BlobHome : uint8_t { kInline, kSegment };
BlobId with_home(BlobId random, BlobHome home);
BlobHome home_of(const BlobId& blob);

Bytes encode_place(const BlobPlace& place);
// Errors: kCorrupt.
Result<BlobPlace> decode_place(const BlobId& blob, BytesView row);

Bytes blob_key(const BlobId& blob);                    // 0B blob
Bytes owner_key(const BlobId& blob, BytesView owner);  // 0C blob owner; with an empty owner: free since (the due time)
Bytes due_key(WallTime due, const BlobId& blob);       // 0D due blob

// Every blob that lies in a segment, in id order. Errors: kCorrupt and fn's.
using PlaceFn = std::function<Result<void>(const BlobId&, const SegmentPlace&)>;
Result<void> scan_segment_blobs(const View& view, const PlaceFn& fn);

// Takes up to kMaxReclaimed blobs that are due at `now` and have no owner out of the rows; what they occupied is added
// to `freed`, to be given back once the batch is durable. Returns whether more may be due.
struct FreedBlob {
  BlobId blob;
  BlobPlace place;
};
Result<bool> take_due(Batch& batch, WallTime now, std::vector<FreedBlob>& freed);

}  // namespace dl::storage

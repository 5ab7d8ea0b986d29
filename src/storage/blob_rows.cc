#include "storage/blob_rows.h"

#include "base/assert.h"
#include "storage/limits.h"

namespace dl::storage {
namespace {

constexpr char kBlobPrefix = 0x0b;
constexpr char kOwnerPrefix = 0x0c;
constexpr char kDuePrefix = 0x0d;
constexpr char kInlineForm = 1;
constexpr char kSegmentForm = 2;
constexpr uint8_t kSegmentBit = 0x80;
constexpr size_t kPlaceBytes = 1 + 3 * 8;

Error bad_row(const BlobId& blob, std::string_view why) {
  return error(Code::kCorrupt, "the row of blob " + blob.hex() + " " + std::string(why));
}

}  // namespace

BlobId with_home(BlobId random, BlobHome home) {
  auto& first = random.b[0];
  first = static_cast<uint8_t>(home == BlobHome::kSegment ? first | kSegmentBit : first & ~kSegmentBit);
  return random;
}

BlobHome home_of(const BlobId& blob) { return blob.b[0] & kSegmentBit ? BlobHome::kSegment : BlobHome::kInline; }

Bytes encode_place(const BlobPlace& place) {
  Bytes out;
  if (const auto* body = std::get_if<InlineBody>(&place)) {
    out.push_back(kInlineForm);
    return out += body->body;
  }
  const auto& at = std::get<SegmentPlace>(place);
  DL_ASSERT(at.wrapped_key.empty() || at.wrapped_key.size() == kWrappedKeyBytes, "a wrapped key of another size");
  out.push_back(kSegmentForm);
  put_be64(out, at.segment);
  put_be64(out, at.offset);
  put_be64(out, at.length);
  return out += at.wrapped_key;
}

Result<BlobPlace> decode_place(const BlobId& blob, BytesView row) {
  if (row.empty()) return bad_row(blob, "is empty");
  bool segment = row[0] == kSegmentForm;
  if (!segment && row[0] != kInlineForm) return bad_row(blob, "has an unknown form");
  if (segment != (home_of(blob) == BlobHome::kSegment)) return bad_row(blob, "contradicts the blob's id");
  if (!segment) return BlobPlace(InlineBody{Bytes(row.substr(1))});
  if (row.size() != kPlaceBytes && row.size() != kPlaceBytes + kWrappedKeyBytes)
    return bad_row(blob, "has " + std::to_string(row.size()) + " bytes");
  SegmentPlace at;
  at.segment = get_be64(row.substr(1));
  at.offset = get_be64(row.substr(9));
  at.length = get_be64(row.substr(17));
  at.wrapped_key = Bytes(row.substr(kPlaceBytes));
  if (at.length > kMaxBlobBytes) return bad_row(blob, "is longer than a blob may be");
  return BlobPlace(std::move(at));
}

Bytes blob_key(const BlobId& blob) { return Bytes(1, kBlobPrefix) += blob.view(); }

Bytes owner_key(const BlobId& blob, BytesView owner) { return (Bytes(1, kOwnerPrefix) += blob.view()) += owner; }

Bytes due_key(WallTime due, const BlobId& blob) {
  Bytes out(1, kDuePrefix);
  put_be64(out, static_cast<uint64_t>(due.time_since_epoch().count()));
  return out += blob.view();
}

Result<void> scan_segment_blobs(const View& view, const PlaceFn& fn) {
  Bytes from = {kBlobPrefix, static_cast<char>(kSegmentBit)};
  return view.scan(from, Bytes(1, kOwnerPrefix), [&](BytesView key, BytesView value) -> Result<Scan> {
    auto blob = BlobId::from_bytes(key.substr(1));
    if (!blob.ok()) return error(Code::kCorrupt, "a blob row has a key of " + std::to_string(key.size()) + " bytes");
    DL_TRY(auto place, decode_place(*blob, value));
    DL_OK(fn(*blob, std::get<SegmentPlace>(place)));
    return Scan::kContinue;
  });
}

namespace {

struct Due {
  Bytes key;
  BlobId blob;
};

Result<std::vector<Due>> list_due(const View& view, WallTime now) {
  std::vector<Due> due;
  Bytes end(1, kDuePrefix);
  put_be64(end, static_cast<uint64_t>(now.time_since_epoch().count()) + 1);
  DL_OK(view.scan(Bytes(1, kDuePrefix), end, [&](BytesView key, BytesView) -> Result<Scan> {
    auto blob = BlobId::from_bytes(key.size() > 9 ? key.substr(9) : BytesView());
    if (!blob.ok()) return error(Code::kCorrupt, "a row 0D has a key of " + std::to_string(key.size()) + " bytes");
    due.push_back({Bytes(key), *blob});
    return due.size() < kMaxReclaimed ? Scan::kContinue : Scan::kStop;
  }));
  return due;
}

}  // namespace

Result<bool> take_due(Batch& batch, WallTime now, std::vector<FreedBlob>& freed) {
  DL_TRY(auto due, list_due(batch, now));
  for (const auto& [key, blob] : due) {
    batch.erase(key);
    DL_TRY(auto since, batch.get(owner_key(blob, {})));
    if (!since || *since != BytesView(key).substr(1, 8)) continue;  // shared again, or due at another time
    DL_TRY(auto row, batch.get(blob_key(blob)));
    batch.erase(owner_key(blob, {}));
    if (!row) continue;
    DL_TRY(auto place, decode_place(blob, *row));
    batch.erase(blob_key(blob));
    freed.push_back({blob, std::move(place)});
  }
  return due.size() == kMaxReclaimed;
}

}  // namespace dl::storage

#include <algorithm>

#include "storage/local/check_parts.h"
#include "storage/local/sealed_body.h"

// The bodies of a partition and the rows that belong to them.
namespace dl::storage {
namespace {

constexpr size_t kIdBytes = BlobId::kSize;

// The blob in a key of types 0B, 0C (with what stands behind it: the owner) or 0D.
std::optional<BlobId> blob_in(BytesView key, size_t at) {
  if (key.size() < at + kIdBytes) return std::nullopt;
  return BlobId::of(key.substr(at, kIdBytes));
}

Bytes range_end(const BlobId& blob) {
  Bytes end = owner_key(blob, {});
  return end += Bytes(64, '\xff');  // behind every owner: none starts with so many
}

}  // namespace

Result<void> PartitionCheck::check_bodies() {
  const Bytes blobs(1, '\x0b'), owners(1, '\x0c'), dues(1, '\x0d'), end(1, '\x0e');
  const std::string place = "kv/" + plan_.keys.name;
  // By the ids that owners name: these rows are in tables, so that a body whose value is damaged is met by its id.
  std::optional<BlobId> last;
  DL_OK(rows().scan(owners, dues, [&](BytesView key, BytesView value) -> Result<Scan> {
    auto blob = blob_in(key, 1);
    if (!blob) {
      tell(place, "a row 0C has a key of " + std::to_string(key.size()) + " bytes");
      return Scan::kContinue;
    }
    if (key.size() == 1 + kIdBytes) {
      auto due = value.size() == 8 ? rows().get(due_key(WallTime(Millis(static_cast<int64_t>(get_be64(value)))), *blob))
                                   : Result<std::optional<Bytes>>(std::optional<Bytes>());
      if (due.ok() && !*due) tell(place, "blob " + blob->hex() + " is free, but no row says when", blob);
    }
    if (last == blob) return Scan::kContinue;
    last = blob;
    DL_OK(check_blob(*blob, rows().get(blob_key(*blob))));
    return Scan::kContinue;
  }));
  // Blobs that belong to nobody, which the walk above cannot meet.
  DL_OK(rows().scan(blobs, owners, [&](BytesView key, BytesView) -> Result<Scan> {
    auto blob = blob_in(key, 1);
    if (!blob || key.size() != 1 + kIdBytes)
      tell(place, "a row 0B has a key of " + std::to_string(key.size()) + " bytes");
    else
      DL_OK(check_owners(*blob));
    return Scan::kContinue;
  }));
  DL_OK(rows().scan(dues, end, [&](BytesView key, BytesView) -> Result<Scan> {
    if (key.size() != 1 + 8 + kIdBytes) tell(place, "a row 0D has a key of " + std::to_string(key.size()) + " bytes");
    return Scan::kContinue;
  }));
  return check_segments();
}

Result<void> PartitionCheck::check_blob(const BlobId& blob, const Result<std::optional<Bytes>>& row) {
  const std::string place = "kv/" + plan_.keys.name;
  totals_.bodies++;
  if (!row.ok()) {
    tell(place, "blob " + blob.hex() + " cannot be read: " + row.error().message, blob);
    return {};
  }
  if (!*row) {
    tell(place, "blob " + blob.hex() + " has an owner and no body", blob);
    return {};
  }
  auto at = decode_place(blob, **row);
  if (!at.ok()) tell(place, at.error().message, blob);
  if (!at.ok()) return {};
  if (const auto* body = std::get_if<InlineBody>(&*at)) totals_.bytes += body->body.size();
  if (const auto* sealed = std::get_if<SegmentPlace>(&*at)) parts_->sealed.emplace_back(extent_of(*sealed), blob);
  return {};
}

Result<void> PartitionCheck::check_owners(const BlobId& blob) {
  bool free = false, owned = false;
  DL_OK(rows().scan(owner_key(blob, {}), range_end(blob), [&](BytesView key, BytesView) -> Result<Scan> {
    (key.size() == 1 + kIdBytes ? free : owned) = true;
    return Scan::kContinue;
  }));
  const std::string place = "kv/" + plan_.keys.name;
  if (!free && !owned) tell(place, "blob " + blob.hex() + " belongs to nobody", blob);
  if (free && owned) tell(place, "blob " + blob.hex() + " has an owner and is free", blob);
  return {};
}

// In the order of the files: headers and places first, then every slab.
Result<void> PartitionCheck::check_segments() {
  const std::string dir = plan_.dir + "/segments/" + plan_.keys.name, place = "segments/" + plan_.keys.name;
  auto& sealed = parts_->sealed;
  std::sort(sealed.begin(), sealed.end());
  for (size_t i = 0; i < sealed.size();) {
    std::vector<Extent> live;
    for (uint64_t number = sealed[i].first.segment; i < sealed.size() && sealed[i].first.segment == number; i++)
      live.push_back(sealed[i].first);
    auto whole = Segments::check(plan_.fs, dir, std::move(live));
    if (whole.ok()) continue;
    if (!is_damage(whole.error()) && whole.error().code != Code::kForeign) return whole;
    tell(place, whole.error().message);
  }
  auto segments = Segments::look(plan_.fs, dir);
  for (const auto& [extent, blob] : sealed) {
    DL_TRY(auto row, rows().get(blob_key(blob)));
    if (!row) continue;
    DL_TRY(auto at, decode_place(blob, *row));
    auto whole = verify_sealed(*segments, plan_.keys.body_key, blob, std::get<SegmentPlace>(at), [&](uint64_t bytes) {
      totals_.bytes += bytes;
      return Result<void>();
    });
    if (whole.ok()) continue;
    if (!is_damage(whole.error())) return whole;
    tell(place, whole.error().message, blob);
  }
  return {};
}

}  // namespace dl::storage

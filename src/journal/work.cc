#include "journal/work.h"

#include <algorithm>
#include <cstring>

#include "crypto/hash.h"
#include "format/arriving.h"

namespace dl::journal {

using format::RecordKind;
using format::Status;

RecordHash hash_record(BytesView bytes) { return RecordHash::of(crypto::sha256(bytes).view()); }

VersionId version_id(const Space& space, const RecordHash& hash) {
  return VersionId::of(crypto::hmac_sha256(space.id_key, hash.view()).view().substr(0, VersionId::kSize));
}

bool needs_body(const format::Record& record) {
  return record.kind == RecordKind::kObject && !record.value && record.object->size > 0;
}

Result<Known> load_known(const storage::View& view, const RecordHash& hash) {
  Known out;
  out.hash = hash;
  DL_TRY(auto bytes, view.get(format::place_key(hash)));
  if (!bytes) return out;
  DL_TRY(auto place, format::decode_place_row(*bytes));
  if (place.tombstone) {
    out.kind = Known::Kind::kTombstone;
    out.grave = std::move(*place.tombstone);
    return out;
  }
  if (place.record) {
    out.kind = Known::Kind::kBare;
    out.bytes = std::move(*place.record);
    DL_TRY(out.record, format::decode_record(out.bytes));
    return out;
  }
  out.kind = Known::Kind::kVersion;
  out.version_key = std::move(*place.version_key);
  DL_TRY(auto row, view.get(out.version_key));
  if (!row) return error(Code::kCorrupt, "record " + hash.hex() + " has a place but no row");
  DL_TRY(out.row, format::decode_version_row(*row));
  DL_TRY(out.record, format::decode_record(out.row.record));
  return out;
}

Result<format::SpaceRow> load_space(const storage::View& view, const BucketId& bucket) {
  DL_TRY(auto bytes, view.get(format::space_key(bucket)));
  if (!bytes) return error(Code::kNotFound, "this node does not hold bucket " + bucket.hex());
  return format::decode_space_row(*bytes);
}

Result<format::OriginRow> load_origin(const storage::View& view, const BucketId& bucket, const NodeId& origin) {
  DL_TRY(auto bytes, view.get(format::origin_key(bucket, origin)));
  if (!bytes) return format::OriginRow{};
  return format::decode_origin_row(*bytes);
}

Result<format::KeyStateRow> load_key_state(const storage::View& view, const BucketId& bucket, BytesView key) {
  DL_TRY(auto bytes, view.get(format::key_prefix(format::RowType::kKeyState, bucket, key)));
  if (!bytes) return format::KeyStateRow{};
  return format::decode_key_state_row(*bytes);
}

Result<std::optional<format::ViewRow>> load_view(const storage::View& view, const BucketId& bucket, BytesView key) {
  DL_TRY(auto bytes, view.get(format::key_prefix(format::RowType::kView, bucket, key)));
  if (!bytes) return std::optional<format::ViewRow>();
  DL_TRY(auto row, format::decode_view_row(*bytes));
  return std::optional(std::move(row));
}

Result<format::KeyState> load_shown_state(const storage::View& view, const Space& space, BytesView key) {
  if (!space.home) {
    DL_TRY(auto row, load_view(view, space.bucket, key));
    if (row) return std::move(row->state);
  }
  DL_TRY(auto committed, load_key_state(view, space.bucket, key));
  return std::move(committed.state);
}

Result<std::optional<format::JournalRow>> load_journal(const storage::View& view, const BucketId& bucket,
                                                       const NodeId& origin, uint64_t oseq) {
  DL_TRY(auto bytes, view.get(format::journal_key(bucket, origin, oseq)));
  if (!bytes) return std::optional<format::JournalRow>();
  DL_TRY(auto row, format::decode_journal_row(*bytes));
  return std::optional(row);
}

Result<std::optional<format::PendingRow>> load_pending(const storage::View& view, const BucketId& bucket, BytesView key,
                                                       const RecordHash& hash) {
  DL_TRY(auto bytes, view.get(format::pending_key(bucket, key, hash)));
  if (!bytes) return std::optional<format::PendingRow>();
  DL_TRY(auto row, format::decode_pending_row(*bytes));
  return std::optional(row);
}

Result<std::vector<Pending>> load_all_pending(const storage::View& view, const BucketId& bucket, BytesView key) {
  std::vector<Pending> out;
  Bytes prefix = format::key_prefix(format::RowType::kPending, bucket, key);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<storage::Scan> {
    DL_TRY(auto row, format::decode_pending_row(v));
    out.push_back({format::trailing_hash(k), row});
    return storage::Scan::kContinue;
  }));
  return out;
}

std::vector<format::BodyPiece> to_row(const std::vector<storage::BlobPiece>& pieces) {
  std::vector<format::BodyPiece> out;
  for (const auto& p : pieces) out.push_back({p.blob, p.offset, p.length});
  return out;
}

std::vector<storage::BlobPiece> from_row(const std::vector<format::BodyPiece>& pieces) {
  std::vector<storage::BlobPiece> out;
  for (const auto& p : pieces) out.push_back({p.blob, p.offset, p.length});
  return out;
}

Result<void> release_all(storage::Batch& batch, const Space& space, const std::vector<BlobId>& blobs, BytesView owner,
                         WallTime due) {
  std::vector<BlobId> freed;
  for (const auto& blob : blobs) {
    if (std::find(freed.begin(), freed.end(), blob) != freed.end()) continue;
    freed.push_back(blob);
    DL_OK(space.blobs->release(batch, blob, owner, due));
  }
  return {};
}

Result<void> forget_arriving(storage::Batch& batch, const Space& space, const RecordHash& hash, WallTime due) {
  DL_TRY(auto bytes, batch.get(format::arriving_key(hash)));
  if (!bytes) return {};
  DL_TRY(auto row, format::decode_arriving(*bytes));
  std::vector<BlobId> blobs;
  for (const auto& chunk : row.chunks) blobs.push_back(chunk.blob);
  DL_OK(release_all(batch, space, blobs, format::arriving_owner(hash), due));
  batch.erase(format::arriving_key(hash));
  return {};
}

Result<Work> Work::open(storage::Batch& batch, const Space& space) {
  DL_TRY(auto row, load_space(batch, space.bucket));
  return Work(batch, space, std::move(row));
}

void Work::finish() {
  batch_->put(format::space_key(space_->bucket), format::encode(row_));
  for (const auto& [node, row] : origins_) batch_->put(format::origin_key(space_->bucket, node), format::encode(row));
}

Result<format::OriginRow*> Work::origin(const NodeId& node) {
  auto at = origins_.find(node);
  if (at == origins_.end()) {
    DL_TRY(auto row, load_origin(*batch_, space_->bucket, node));
    at = origins_.emplace(node, std::move(row)).first;
  }
  return &at->second;
}

// The fingerprint is a sum of SHA-256 values, as four 64-bit lanes that wrap: order does not matter.
void Work::count(const Sha256& element, bool in) {
  for (size_t lane = 0; lane < 4; lane++) {
    uint64_t a, b;
    std::memcpy(&a, row_.fingerprint.b.data() + lane * 8, 8);
    std::memcpy(&b, element.b.data() + lane * 8, 8);
    a = in ? a + b : a - b;
    std::memcpy(row_.fingerprint.b.data() + lane * 8, &a, 8);
  }
}

namespace {

Sha256 version_element(const Known& v) {
  return crypto::sha256({"version", v.hash.view(), format::encode(v.row.attributes)});
}
Sha256 state_element(BytesView key, format::KeyState state) {
  state.csn = 0;
  return crypto::sha256({"key", key, BytesView("\0", 1), format::encode(state)});
}

}  // namespace

Result<void> Work::save_version(Known& version) {
  DL_ASSERT(version.is_version(), "only a version has a row");
  DL_TRY(auto before, batch_->get(version.version_key));
  if (before) {
    DL_TRY(auto row, format::decode_version_row(*before));
    if (row.status == Status::kCommitted) {
      Known old{.hash = version.hash};
      old.row.attributes = std::move(row.attributes);
      count(version_element(old), false);
    }
  }
  write_version(version);
  return {};
}

void Work::write_version(const Known& version) {
  if (version.row.status == Status::kCommitted) count(version_element(version), true);
  batch_->put(version.version_key, format::encode(version.row));
}

void Work::save_key_state(BytesView key, const format::KeyStateRow& before, const format::KeyStateRow& after) {
  if (!before.state.empty()) count(state_element(key, before.state), false);
  if (!after.state.empty()) count(state_element(key, after.state), true);
  batch_->put(format::key_prefix(format::RowType::kKeyState, space_->bucket, key), format::encode(after));
  if (key_state_ && key_state_->first == key) key_state_->second = after;
}

Result<format::KeyStateRow> Work::key_state(BytesView key) {
  if (!key_state_ || key_state_->first != key) {
    DL_TRY(auto row, load_key_state(*batch_, space_->bucket, key));
    key_state_.emplace(Bytes(key), std::move(row));
  }
  return key_state_->second;
}

Result<Known> Work::admit(const RecordHash& hash, Bytes bytes, format::Record record, Status status,
                          std::optional<std::vector<format::BodyPiece>> body) {
  Known out;
  out.hash = hash;
  format::PlaceRow place;
  if (record.kind == RecordKind::kPurge || record.kind == RecordKind::kAttributes) {
    out.kind = Known::Kind::kBare;
    place.record = bytes;
    out.bytes = std::move(bytes);
    out.record = std::move(record);
    batch_->put(format::place_key(hash), format::encode(place));
    return out;
  }
  out.kind = Known::Kind::kVersion;
  out.version_key = format::version_key(space_->bucket, record.key, record.hlc, version_id(*space_, hash));
  out.row.record = std::move(bytes);
  out.row.status = status;
  out.row.body_here = body || !needs_body(record);
  if (body) out.row.body = std::move(*body);
  out.record = std::move(record);
  place.version_key = out.version_key;
  batch_->put(format::place_key(hash), format::encode(place));
  if (!out.row.body_here) batch_->put(format::wanted_key(space_->bucket, out.record.hlc, hash), {});
  write_version(out);  // its key has the record's hash in it: no row was there
  return out;
}

Result<void> Work::set_body(Known& version, std::vector<format::BodyPiece> pieces) {
  version.row.body = std::move(pieces);
  version.row.body_here = true;
  batch_->erase(format::wanted_key(space_->bucket, version.record.hlc, version.hash));
  return save_version(version);
}

void Work::set_pending(BytesView key, const RecordHash& hash, const format::PendingRow& row) {
  batch_->put(format::pending_key(space_->bucket, key, hash), format::encode(row));
}

Result<void> Work::clear_pending(BytesView key, const RecordHash& hash) {
  Bytes row = format::pending_key(space_->bucket, key, hash);
  DL_TRY(auto present, batch_->get(row));
  if (present) batch_->erase(row);
  return {};
}

void Work::move_entry(BytesView key, const RecordHash& hash, uint64_t before, uint64_t csn) {
  if (before == csn) return;
  if (before) batch_->erase(format::entry_key(space_->bucket, 0, row_.epoch, before));
  if (csn)
    batch_->put(format::entry_key(space_->bucket, 0, row_.epoch, csn),
                format::encode(format::EntryRow{Bytes(key), hash}));
}

Result<void> Work::bury(const RecordHash& hash, BytesView key, uint64_t csn, bool voided, WallTime due) {
  DL_TRY(Known known, load_known(*batch_, hash));
  format::Tombstone grave{Bytes(key), {}, csn, voided};
  uint64_t before = 0;
  if (known.is_tombstone()) {
    grave.parents = known.grave.parents;
    grave.voided |= known.grave.voided;
    before = known.grave.csn;
  } else if (known.is_version()) {
    grave.parents = known.record.parents;
    before = known.row.csn;
    std::vector<BlobId> blobs;
    for (const auto& piece : known.row.body) blobs.push_back(piece.blob);
    DL_OK(release_all(*batch_, *space_, blobs, hash.view(), due));
    if (!known.row.body_here) DL_OK(forget_arriving(*batch_, *space_, hash, due));
    if (known.row.status == Status::kCommitted) count(version_element(known), false);
    batch_->erase(known.version_key);
    // Rows that were never there are not erased: each would be a tombstone that later reads step over.
    DL_TRY(auto manifest, batch_->get(format::manifest_key(hash)));
    if (manifest) batch_->erase(format::manifest_key(hash));
    if (!known.row.body_here) batch_->erase(format::wanted_key(space_->bucket, known.record.hlc, hash));
  }
  DL_OK(clear_pending(key, hash));
  move_entry(key, hash, before, csn);
  format::PlaceRow place;
  place.tombstone = std::move(grave);
  batch_->put(format::place_key(hash), format::encode(place));
  return {};
}

}  // namespace dl::journal

#include "journal/space_setup.h"

#include <algorithm>

#include "format/upload.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::RowType;
using storage::Scan;

// The first `max` keys with the prefix, with their values, but for one.
Result<std::vector<std::pair<Bytes, Bytes>>> take(const storage::View& view, BytesView prefix, size_t max,
                                                  BytesView but = {}) {
  std::vector<std::pair<Bytes, Bytes>> out;
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    if (k != but) out.emplace_back(k, v);
    return out.size() < max ? Scan::kContinue : Scan::kStop;
  }));
  return out;
}

Result<void> forget(storage::Batch& batch, const Space& space, const RecordHash& hash, WallTime due) {
  DL_TRY(Known known, load_known(batch, hash));
  if (known.is_version()) {
    std::vector<BlobId> blobs;
    for (const auto& piece : known.row.body) blobs.push_back(piece.blob);
    DL_OK(release_all(batch, space, blobs, hash.view(), due));
    DL_OK(forget_arriving(batch, space, hash, due));
    batch.erase(known.version_key);
    batch.erase(format::manifest_key(hash));
  }
  batch.erase(format::place_key(hash));
  return {};
}

// Parts of uploads in progress with their bytes; true: there may be more.
Result<bool> forget_parts(storage::Batch& batch, const Space& space, size_t max, WallTime due) {
  DL_TRY(auto rows, take(batch, format::space_prefix(RowType::kPart, space.bucket), max));
  for (const auto& [key, value] : rows) {
    DL_TRY(auto part, format::decode_upload_part(value));
    std::vector<BlobId> blobs;
    for (const auto& piece : part.pieces) blobs.push_back(piece.blob);
    DL_OK(release_all(batch, space, blobs, key, due));
    batch.erase(key);
  }
  return !rows.empty();
}

// All rows of a type, but for one.
void erase_all(storage::Batch& batch, const Space& space, RowType type, BytesView but = {}) {
  Bytes prefix = format::space_prefix(type, space.bucket);
  if (but.empty()) return batch.erase_range(prefix, format::prefix_end(prefix));
  batch.erase_range(prefix, but);
  batch.erase_range(Bytes(but) + '\0', format::prefix_end(prefix));
}

}  // namespace

Result<void> create_space(storage::Batch& batch, const Space& space) {
  DL_TRY(auto row, batch.get(format::space_key(space.bucket)));
  if (!row) batch.put(format::space_key(space.bucket), format::encode(format::SpaceRow{}));
  return {};
}

Result<void> close_space(storage::Batch& batch, const Space& space) {
  DL_TRY(Work work, Work::open(batch, space));
  if (work.row().deleted) return {};
  DL_TRY(bool holds, space_holds_anything(batch, space));
  if (holds) return error(Code::kConflict, "the bucket is not empty", "Delete its objects and versions first.");
  work.row().deleted = true;
  work.finish();
  return {};
}

Result<bool> drop_space(storage::Batch& batch, const Space& space, size_t max, WallTime due) {
  DL_TRY(auto own, load_origin(batch, space.bucket, space.self));
  Bytes tip = format::journal_key(space.bucket, space.self, own.received);
  // Rows that name records first: what hangs on a record is found through them.
  for (RowType type : {RowType::kVersion, RowType::kJournal, RowType::kEntry}) {
    DL_TRY(auto rows, take(batch, format::space_prefix(type, space.bucket), max, tip));
    for (const auto& [key, value] : rows) {
      RecordHash hash;
      if (type == RowType::kVersion) {
        DL_TRY(auto row, format::decode_version_row(value));
        hash = hash_record(row.record);
      } else if (type == RowType::kJournal) {
        DL_TRY(auto row, format::decode_journal_row(value));
        hash = row.hash;
      } else {
        DL_TRY(auto row, format::decode_entry_row(value));
        hash = row.hash;
      }
      DL_OK(forget(batch, space, hash, due));
      batch.erase(key);
    }
    if (!rows.empty()) return true;
  }
  DL_TRY(bool parts, forget_parts(batch, space, max, due));
  if (parts) return true;
  for (RowType type : {RowType::kListing, RowType::kKeyState, RowType::kView, RowType::kPending, RowType::kWanted,
                       RowType::kPeer, RowType::kSpace, RowType::kUpload})
    erase_all(batch, space, type);
  Bytes origin = format::origin_key(space.bucket, space.self);
  erase_all(batch, space, RowType::kOrigin, origin);
  erase_all(batch, space, RowType::kSeal, format::seal_key(space.bucket, false, space.self, own.sealed));
  if (own.received == 0) {
    batch.erase(origin);
    return false;
  }
  // The home is past all of the journal; what it decided will come with its history.
  DL_TRY(auto last, load_journal(batch, space.bucket, space.self, own.received));
  if (!last) return error(Code::kCorrupt, "the end of this node's journal is missing");
  DL_OK(forget(batch, space, last->hash, due));
  own.given = own.received;
  own.scanned = 0;
  own.decided = {.prefix = own.received, .intervals = {}};
  own.decided_csn = own.history_sealed = 0;
  batch.put(origin, format::encode(own));
  return false;
}

}  // namespace dl::journal

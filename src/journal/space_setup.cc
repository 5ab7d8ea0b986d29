#include "journal/space_setup.h"

#include <algorithm>

#include "journal/work.h"

namespace dl::journal {
namespace {

using format::RowType;
using storage::Scan;

// The first `max` keys with the prefix, with their values.
Result<std::vector<std::pair<Bytes, Bytes>>> take(const storage::View& view, BytesView prefix, size_t max) {
  std::vector<std::pair<Bytes, Bytes>> out;
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    out.emplace_back(k, v);
    return out.size() < max ? Scan::kContinue : Scan::kStop;
  }));
  return out;
}

Result<void> forget(storage::Batch& batch, const Space& space, const RecordHash& hash, WallTime due) {
  DL_TRY(Known known, load_known(batch, hash));
  if (known.is_version()) {
    std::vector<BlobId> freed;
    for (const auto& piece : known.row.body) {
      if (std::find(freed.begin(), freed.end(), piece.blob) != freed.end()) continue;
      freed.push_back(piece.blob);
      DL_OK(space.blobs->release(batch, piece.blob, hash.view(), due));
    }
    batch.erase(known.version_key);
    batch.erase(format::manifest_key(hash));
  }
  batch.erase(format::place_key(hash));
  return {};
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
  // Rows that name records first: what hangs on a record is found through them.
  for (RowType type : {RowType::kVersion, RowType::kJournal, RowType::kEntry}) {
    DL_TRY(auto rows, take(batch, format::space_prefix(type, space.bucket), max));
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
  for (RowType type : {RowType::kListing, RowType::kKeyState, RowType::kView, RowType::kPending, RowType::kWanted,
                       RowType::kSeal, RowType::kPeer, RowType::kOrigin, RowType::kSpace}) {
    Bytes prefix = format::space_prefix(type, space.bucket);
    batch.erase_range(prefix, format::prefix_end(prefix));
  }
  return false;
}

}  // namespace dl::journal

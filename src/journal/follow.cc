#include "journal/follow.h"

#include <algorithm>
#include <set>

#include "journal/view.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::EntryKind;
using format::HistoryPiece;
using format::Status;
using storage::Scan;

// Whether the live set and the decided set here are just those of the home at `csn`.
bool is_complete(const Space& space, const format::SpaceRow& row) {
  return space.home || (row.decided_csn == row.csn && row.newest <= row.csn);
}

// Gathers one piece.
class PieceMaker {
 public:
  PieceMaker(const storage::View& view, const Space& space) : view_(view), space_(space) {}
  Result<void> add(uint64_t csn, const format::EntryRow& row);
  Result<void> add_decided(uint64_t after);
  HistoryPiece& piece() { return piece_; }
  size_t bytes() const { return bytes_; }

 private:
  Result<void> add_row(const Known& known);
  Result<void> add_state(const Bytes& key);
  void add_entry(uint64_t csn, const format::EntryRow& row, EntryKind kind, std::vector<RecordHash> parents,
                 uint32_t reason);
  Result<void> add_verdict_or_clear(uint64_t csn, const format::EntryRow& row);

  const storage::View& view_;
  const Space& space_;
  HistoryPiece piece_;
  size_t bytes_ = 0;
  std::set<RecordHash> rows_;
  std::set<Bytes> keys_;
};

void PieceMaker::add_entry(uint64_t csn, const format::EntryRow& row, EntryKind kind, std::vector<RecordHash> parents,
                           uint32_t reason) {
  bytes_ += row.key.size() + parents.size() * 34 + 64;
  piece_.entries.push_back({csn, row.key, row.hash, kind, std::move(parents), reason});
}

Result<void> PieceMaker::add_row(const Known& known) {
  if (!rows_.insert(known.hash).second) return {};
  bytes_ += known.row.record.size() + format::encode(known.row.attributes).size() + 16;
  piece_.rows.push_back({known.row.record, known.row.csn, known.row.attributes});
  return {};
}

Result<void> PieceMaker::add_state(const Bytes& key) {
  if (!keys_.insert(key).second) return {};
  DL_TRY(auto row, load_key_state(view_, space_.bucket, key));
  std::vector<RecordHash> named = row.state.conflicts;
  if (row.state.current) named.push_back(*row.state.current);
  for (const auto& hash : named) {
    DL_TRY(Known known, load_known(view_, hash));
    if (!known.is_version()) return error(Code::kCorrupt, "the state of a key names a version that is not held");
    DL_OK(add_row(known));
  }
  bytes_ += format::encode(row.state).size() + key.size() + 16;
  piece_.states.push_back({key, std::move(row.state)});
  return {};
}

Result<void> PieceMaker::add_verdict_or_clear(uint64_t csn, const format::EntryRow& row) {
  DL_TRY(auto pending, load_pending(view_, space_.bucket, row.key, row.hash));
  if (!pending) {
    add_entry(csn, row, EntryKind::kLifted, {}, 0);
  } else if (pending->csn == csn && pending->status != Status::kTentative) {
    add_entry(csn, row, pending->status == Status::kHeld ? EntryKind::kHeld : EntryKind::kRefused, {}, pending->reason);
  } else {
    add_entry(csn, row, EntryKind::kKey, {}, 0);  // attributes that wait for a held version
  }
  return {};
}

// What the entry's version is now. An entry that its version has left says nothing but the key's state.
Result<void> PieceMaker::add(uint64_t csn, const format::EntryRow& row) {
  DL_TRY(Known known, load_known(view_, row.hash));
  if (known.is_version() && known.row.status == Status::kCommitted) {
    if (known.row.csn != csn) return {};
    DL_OK(add_row(known));
    add_entry(csn, row, EntryKind::kRow, {}, 0);
  } else if (known.is_tombstone()) {
    if (known.grave.csn != csn) return {};
    add_entry(csn, row, EntryKind::kEnd, known.grave.parents, 0);
  } else if (known.kind == Known::Kind::kUnknown) {
    DL_OK(add_verdict_or_clear(csn, row));
  } else if (known.is_version() && known.row.status == Status::kTentative) {
    add_entry(csn, row, EntryKind::kKey, {}, 0);  // attributes wait for it, or it waits for its body after a hold
  } else {
    DL_OK(add_verdict_or_clear(csn, row));
  }
  return add_state(row.key);
}

Result<void> PieceMaker::add_decided(uint64_t after) {
  Bytes prefix = format::space_prefix(format::RowType::kOrigin, space_.bucket);
  return view_.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    DL_TRY(auto row, format::decode_origin_row(v));
    if (row.decided_csn > after) piece_.decided.push_back({format::trailing_node(k), std::move(row.decided)});
    return Scan::kContinue;
  });
}

}  // namespace

Result<SpacePosition> read_position(const storage::View& view, const Space& space) {
  DL_TRY(auto row, load_space(view, space.bucket));
  uint64_t decided = space.home ? row.csn : row.decided_csn;
  return SpacePosition{
      {row.epoch, row.csn, decided}, row.fingerprint, is_complete(space, row), space.home || row.followed};
}

Result<std::optional<HistoryPiece>> read_history(const storage::View& view, const Space& space, const Cursor& from,
                                                 size_t max_bytes, IfEmpty if_empty) {
  DL_TRY(auto row, load_space(view, space.bucket));
  if (from.epoch > row.epoch)
    return error(Code::kConflict, "the follower has seen a later epoch than this node",
                 "This node was restored from an older backup, or follows one that was.");
  bool complete = is_complete(space, row);
  bool all_decided = from.decided_csn >= row.csn || !complete;
  bool empty = if_empty == IfEmpty::kPiece && space.home && row.csn == 0;
  if (from.csn > row.csn || (from.csn == row.csn && all_decided && !empty)) return std::optional<HistoryPiece>();
  PieceMaker maker(view, space);
  HistoryPiece& piece = maker.piece();
  piece.epoch = row.epoch;
  piece.from = from.csn;
  piece.to = row.csn;
  bool cut = false;
  DL_OK(view.scan(format::entry_key(space.bucket, 0, row.epoch, from.csn + 1),
                  format::entry_key(space.bucket, 0, row.epoch, row.csn + 1),
                  [&](BytesView k, BytesView v) -> Result<Scan> {
                    if (maker.bytes() >= max_bytes && !piece.entries.empty()) {
                      cut = true;
                      return Scan::kStop;
                    }
                    DL_TRY(auto entry, format::decode_entry_row(v));
                    DL_OK(maker.add(format::entry_csn(k), entry));
                    return Scan::kContinue;
                  }));
  if (cut) {
    piece.to = piece.entries.back().csn;
  } else if (complete) {
    piece.last = true;
    piece.fingerprint = row.fingerprint;
    DL_OK(maker.add_decided(from.decided_csn));
  }
  return std::optional(std::move(piece));
}

Result<std::vector<JournalHead>> journal_heads(const storage::View& view, const Space& space) {
  std::vector<JournalHead> out;
  Bytes prefix = format::space_prefix(format::RowType::kOrigin, space.bucket);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    DL_TRY(auto row, format::decode_origin_row(v));
    out.push_back({format::trailing_node(k), row.received, row.given, row.decided.prefix, row.sealed});
    return Scan::kContinue;
  }));
  return out;
}

Result<std::vector<JournalItem>> read_journal(const storage::View& view, const Space& space, const NodeId& origin,
                                              uint64_t from, size_t max_items, size_t max_bytes) {
  DL_TRY(auto row, load_origin(view, space.bucket, origin));
  uint64_t end = origin == space.self && !space.home ? std::min(row.given, row.received) : row.received;
  std::vector<JournalItem> out;
  size_t bytes = 0;
  for (uint64_t oseq = std::max<uint64_t>(from, 1); oseq <= end && out.size() < max_items; oseq++) {
    if (bytes >= max_bytes) break;
    DL_TRY(auto slot, load_journal(view, space.bucket, origin, oseq));
    if (!slot) return error(Code::kCorrupt, "place " + std::to_string(oseq) + " of a journal is missing");
    DL_TRY(Known known, load_known(view, slot->hash));
    JournalItem item;
    if (!slot->voided && known.is_version()) item.record = std::move(known.row.record);
    if (!slot->voided && known.kind == Known::Kind::kBare) item.record = std::move(known.bytes);
    if (!item.record) item.void_hash = slot->hash;
    if (known.is_tombstone()) item.parents = known.grave.parents;
    bytes += item.record ? item.record->size() : RecordHash::kSize;
    out.push_back(std::move(item));
  }
  return out;
}

Result<void> mark_given(storage::Batch& batch, const Space& space, uint64_t oseq) {
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(auto* own, work.origin(space.self));
  uint64_t given = std::min(oseq, own->received);
  if (given <= own->given) return {};
  own->given = given;
  work.finish();
  return {};
}

Result<format::PeerRow> read_peer(const storage::View& view, const Space& space, const NodeId& peer) {
  DL_TRY(auto bytes, view.get(format::peer_key(space.bucket, peer)));
  if (!bytes) return format::PeerRow{};
  return format::decode_peer_row(*bytes);
}

Result<void> acknowledged(storage::Batch& batch, const Space& space, const NodeId& peer, const NodeId& origin,
                          uint64_t oseq) {
  DL_TRY(auto row, read_peer(batch, space, peer));
  auto at = std::find_if(row.journals.begin(), row.journals.end(), [&](const auto& j) { return j.origin == origin; });
  if (at == row.journals.end()) at = row.journals.insert(at, {origin, 0});
  at->acknowledged = std::max(at->acknowledged, oseq);
  batch.put(format::peer_key(space.bucket, peer), format::encode(row));
  return {};
}

Result<void> acknowledged_history(storage::Batch& batch, const Space& space, const NodeId& peer, const Cursor& cursor) {
  DL_TRY(auto row, read_peer(batch, space, peer));
  if (std::pair(cursor.epoch, cursor.csn) <= std::pair(row.epoch, row.csn)) return {};
  row.epoch = cursor.epoch;
  row.csn = cursor.csn;
  batch.put(format::peer_key(space.bucket, peer), format::encode(row));
  return {};
}

Result<std::optional<Wanted>> find_wanted(const storage::View& view, const Space& space, const RecordHash& hash) {
  DL_TRY(Known known, load_known(view, hash));
  if (!known.is_version() || !known.record.object || known.row.body_here || known.record.space != space.bucket)
    return std::optional<Wanted>();
  const auto& object = *known.record.object;
  return std::optional(Wanted{hash, known.record.key, object.size, known.row.status == Status::kCommitted,
                              known.record.origin, object.body_hash, !object.part_runs.empty()});
}

Result<std::vector<Wanted>> wanted(const storage::View& view, const Space& space, size_t max, Order order,
                                   const std::function<bool(const Wanted&)>& fits) {
  std::vector<Wanted> out;
  auto take = [&](const RecordHash& hash) -> Result<void> {
    DL_TRY(auto found, find_wanted(view, space, hash));
    if (!found) return error(Code::kCorrupt, "a body is wanted for what is no version without one");
    if (!fits || fits(*found)) out.push_back(std::move(*found));
    return {};
  };
  std::vector<RecordHash> hashes;
  Bytes prefix = format::space_prefix(format::RowType::kWanted, space.bucket);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView) -> Result<Scan> {
    if (order == Order::kOldestFirst) {
      hashes.push_back(format::trailing_hash(k));
      return Scan::kContinue;
    }
    if (out.size() >= max) return Scan::kStop;
    DL_OK(take(format::trailing_hash(k)));
    return Scan::kContinue;
  }));
  for (auto it = hashes.rbegin(); it != hashes.rend() && out.size() < max; ++it) DL_OK(take(*it));
  return out;
}

Result<std::optional<BodySource>> find_body(const storage::View& view, const Space& space, const RecordHash& hash) {
  DL_TRY(Known known, load_known(view, hash));
  if (!known.is_version() || !known.row.body_here || known.record.space != space.bucket)
    return std::optional<BodySource>();
  BodySource out{std::move(known.record), from_row(known.row.body), std::nullopt};
  DL_TRY(auto manifest, view.get(format::manifest_key(hash)));
  if (manifest) {
    DL_TRY(out.manifest, format::decode_manifest(*manifest));
  }
  return std::optional(std::move(out));
}

}  // namespace dl::journal

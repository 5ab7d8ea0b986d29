#include <map>

#include "journal/follow.h"
#include "journal/view.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::EntryKind;
using format::HistoryEntry;
using format::HistoryPiece;
using format::HistoryRow;
using format::Record;
using format::RecordKind;
using format::Status;

Error bad(const char* what) { return error(Code::kCorrupt, std::string("history: ") + what); }

// Takes one piece of a history. Everything in it is newer than what is here, or is left alone.
class Apply {
 public:
  Apply(Work& work, const HistoryPiece& piece, const Moment& now) : work_(work), piece_(piece), now_(now) {}
  Result<Applied> run();

 private:
  struct Key {
    format::KeyStateRow before, after;
  };
  Result<void> check();
  Result<Key*> key_of(const Bytes& key);
  Result<void> take_row(const HistoryRow& row);
  Result<void> commit_row(Known& known, const HistoryRow& row);
  Result<void> take_end(const HistoryEntry& entry);
  Result<void> take_verdict(const HistoryEntry& entry);
  Result<void> take_key(const HistoryEntry& entry);
  Result<void> take_state(const format::HistoryState& state);
  Result<void> take_decided(const format::HistoryDecided& decided);
  Result<void> settle_place(const NodeId& origin, uint64_t oseq);

  Work& work_;
  const HistoryPiece& piece_;
  const Moment now_;
  std::map<Bytes, Key> keys_;
};

Result<Apply::Key*> Apply::key_of(const Bytes& key) {
  auto at = keys_.find(key);
  if (at == keys_.end()) {
    DL_TRY(auto row, load_key_state(work_.batch(), work_.space().bucket, key));
    at = keys_.emplace(key, Key{row, row}).first;
  }
  return &at->second;
}

Result<void> Apply::check() {
  auto& row = work_.row();
  if (work_.space().home) return error(Code::kConflict, "the home follows nobody");
  if (piece_.epoch > row.epoch && row.csn > 0)
    return error(Code::kUnsupported, "the hub was restored: its history has a new epoch",
                 "Enrol this node again, or drop the bucket here and follow anew.");
  if (piece_.epoch < row.epoch) return error(Code::kConflict, "the history is of an older epoch than this node's");
  row.epoch = piece_.epoch;
  if (piece_.from > row.csn)
    return error(Code::kConflict, "a gap in the history: this node is at " + std::to_string(row.csn) +
                                      ", the piece begins at " + std::to_string(piece_.from));
  return {};
}

Result<void> Apply::commit_row(Known& known, const HistoryRow& row) {
  uint64_t before = known.row.csn;
  known.row.status = Status::kCommitted;
  known.row.shown = true;  // until the view of the key is made anew
  known.row.csn = row.csn;
  known.row.attributes = row.attributes;
  DL_OK(work_.save_version(known));
  DL_OK(work_.clear_pending(known.record.key, known.hash));
  work_.move_entry(known.record.key, known.hash, before, row.csn);
  DL_TRY(Key * key, key_of(known.record.key));
  auto& nulls = key->after.nulls;
  if (known.record.null && std::find(nulls.begin(), nulls.end(), known.hash) == nulls.end())
    nulls.push_back(known.hash);
  return {};
}

Result<void> Apply::take_row(const HistoryRow& row) {
  DL_TRY(Record record, format::decode_record(row.record));
  if (record.space != work_.space().bucket) return bad("a record of another bucket");
  if (record.kind != RecordKind::kObject && record.kind != RecordKind::kMarker) return bad("a row that is no version");
  RecordHash hash = hash_record(row.record);
  DL_TRY(Known known, load_known(work_.batch(), hash));
  if (known.is_version() && known.row.status == Status::kCommitted && known.row.csn >= row.csn) return {};
  if (known.is_tombstone() && known.grave.csn >= row.csn) return {};
  work_.row().hlc = merge_hlc(work_.row().hlc, now_.wall, record.hlc);
  work_.row().newest = std::max(work_.row().newest, row.csn);
  if (known.is_version()) return commit_row(known, row);
  if (known.is_tombstone()) work_.move_entry(record.key, hash, known.grave.csn, 0);
  DL_TRY(Known fresh, work_.admit(hash, row.record, std::move(record), Status::kTentative));
  return commit_row(fresh, row);
}

Result<void> Apply::take_end(const HistoryEntry& entry) {
  DL_TRY(Known known, load_known(work_.batch(), entry.hash));
  if (known.is_tombstone() && known.grave.csn >= entry.csn) return {};
  if (known.is_version() && known.row.status == Status::kCommitted && known.row.csn > entry.csn) return {};
  if (known.kind == Known::Kind::kBare) return bad("an ended version that is none");
  DL_TRY(Key * key, key_of(entry.key));
  std::erase(key->after.nulls, entry.hash);
  DL_OK(work_.bury(entry.hash, entry.key, entry.csn, false, now_.wall));
  if (entry.parents.empty() || known.is_version()) return {};
  DL_TRY(Known buried, load_known(work_.batch(), entry.hash));
  if (!buried.grave.parents.empty()) return {};
  format::PlaceRow place;
  place.tombstone = std::move(buried.grave);
  place.tombstone->parents = entry.parents;
  work_.batch().put(format::place_key(entry.hash), format::encode(place));
  return {};
}

Result<void> Apply::take_verdict(const HistoryEntry& entry) {
  DL_TRY(Known known, load_known(work_.batch(), entry.hash));
  DL_TRY(auto pending, load_pending(work_.batch(), work_.space().bucket, entry.key, entry.hash));
  if (known.is_tombstone() || (pending && pending->csn >= entry.csn)) return {};
  if (known.is_version() && known.row.status == Status::kCommitted) return {};
  DL_OK(key_of(entry.key));
  Status status = entry.kind == EntryKind::kHeld ? Status::kHeld : Status::kRefused;
  if (known.is_version()) {
    known.row.status = status;
    known.row.csn = entry.csn;
    DL_OK(work_.save_version(known));
  }
  work_.set_pending(entry.key, entry.hash, {status, entry.csn, entry.reason});
  work_.move_entry(entry.key, entry.hash, pending ? pending->csn : 0, entry.csn);
  return {};
}

Result<void> Apply::take_key(const HistoryEntry& entry) {
  DL_TRY(Known known, load_known(work_.batch(), entry.hash));
  DL_TRY(auto pending, load_pending(work_.batch(), work_.space().bucket, entry.key, entry.hash));
  DL_OK(key_of(entry.key));
  bool lifted = entry.kind == EntryKind::kLifted && pending && pending->status != Status::kTentative &&
                pending->csn < entry.csn && !known.is_version();
  if (lifted) DL_OK(work_.clear_pending(entry.key, entry.hash));
  bool moved_on =
      (known.is_version() && known.row.csn > entry.csn) || (known.is_tombstone() && known.grave.csn > entry.csn);
  if (!moved_on) work_.move_entry(entry.key, entry.hash, lifted ? pending->csn : 0, entry.csn);
  return {};
}

Result<void> Apply::take_state(const format::HistoryState& state) {
  DL_TRY(Key * key, key_of(state.key));
  if (state.state.csn <= key->after.state.csn) return {};
  std::vector<RecordHash> named = state.state.conflicts;
  if (state.state.current) named.push_back(*state.state.current);
  for (const auto& hash : named) {
    DL_TRY(Known known, load_known(work_.batch(), hash));
    if (!known.is_version() || known.row.status != Status::kCommitted || known.record.key != state.key)
      return bad("a key's state names a version that did not come");
  }
  key->after.state = state.state;
  work_.row().newest = std::max(work_.row().newest, state.state.csn);
  return {};
}

// The home is past this place. Purges and attributes that are tentative here still have done their work. A version
// would have left a row, an end or a verdict; one that has none is kept aside, never dropped.
Result<void> Apply::settle_place(const NodeId& origin, uint64_t oseq) {
  DL_TRY(auto slot, load_journal(work_.batch(), work_.space().bucket, origin, oseq));
  if (!slot) return bad("a place of a journal is missing here");
  DL_TRY(Known known, load_known(work_.batch(), slot->hash));
  if (known.is_tombstone() || known.kind == Known::Kind::kUnknown) return {};
  DL_TRY(auto pending, load_pending(work_.batch(), work_.space().bucket, known.record.key, slot->hash));
  if (!pending || pending->status != Status::kTentative) return {};
  DL_OK(key_of(known.record.key));
  if (!known.is_version()) {
    DL_OK(work_.clear_pending(known.record.key, slot->hash));
    return {};
  }
  known.row.status = Status::kHeld;
  work_.set_pending(known.record.key, slot->hash, {Status::kHeld, 0, static_cast<uint32_t>(Reason::kNoTrace)});
  return work_.save_version(known);
}

Result<void> Apply::take_decided(const format::HistoryDecided& decided) {
  DL_TRY(auto* row, work_.origin(decided.origin));
  auto settle = [&](uint64_t from, uint64_t to) -> Result<void> {
    for (uint64_t oseq = std::max(from, row->decided.prefix + 1); oseq <= std::min(to, row->received); oseq++)
      if (!row->decided.contains(oseq)) DL_OK(settle_place(decided.origin, oseq));
    return {};
  };
  DL_OK(settle(1, decided.set.prefix));
  for (const auto& i : decided.set.intervals) DL_OK(settle(i.from, i.to));
  row->decided.add(decided.set);
  row->decided_csn = piece_.to;
  return {};
}

Result<Applied> Apply::run() {
  DL_OK(check());
  auto& row = work_.row();
  Applied out{{row.epoch, row.csn, row.decided_csn}, false, true};
  if (piece_.to < row.csn) return out;  // all of it is here
  for (const auto& r : piece_.rows) DL_OK(take_row(r));
  for (const auto& e : piece_.entries) {
    if (e.kind == EntryKind::kEnd) DL_OK(take_end(e));
    if (e.kind == EntryKind::kHeld || e.kind == EntryKind::kRefused) DL_OK(take_verdict(e));
    if (e.kind == EntryKind::kKey || e.kind == EntryKind::kLifted) DL_OK(take_key(e));
    DL_OK(key_of(e.key));
  }
  for (const auto& s : piece_.states) DL_OK(take_state(s));
  row.csn = piece_.to;
  if (piece_.last) {
    for (const auto& d : piece_.decided) DL_OK(take_decided(d));
    row.decided_csn = piece_.to;
    row.followed = true;
  }
  for (const auto& [key, change] : keys_)
    if (!(change.before == change.after)) work_.save_key_state(key, change.before, change.after);
  bool comparable = piece_.last && row.newest <= piece_.to;
  out.equal = !comparable || row.fingerprint == piece_.fingerprint;
  out.complete = piece_.last;
  out.cursor = {row.epoch, row.csn, row.decided_csn};
  for (const auto& [key, change] : keys_) DL_OK(recompute_view(work_, key));
  return out;
}

}  // namespace

Result<Applied> apply_history(storage::Batch& batch, const Space& space, const HistoryPiece& piece, const Moment& now) {
  DL_TRY(Work work, Work::open(batch, space));
  Apply apply(work, piece, now);
  DL_TRY(Applied applied, apply.run());
  work.finish();
  return applied;
}

}  // namespace dl::journal

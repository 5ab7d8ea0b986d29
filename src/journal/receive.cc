#include "journal/receive.h"

#include <algorithm>

#include "journal/follow.h"
#include "journal/view.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::Record;
using format::Status;
using storage::Scan;

Error forked(const NodeId& origin, uint64_t oseq) {
  return error(Code::kForeign,
               "journal " + origin.hex() + " has two different records at place " + std::to_string(oseq),
               "A disk image was restored or a device cloned. It must go on under a new incarnation.");
}

// Takes one journal, item by item.
class Intake {
 public:
  Intake(Work& work, const NodeId& origin, const Moment& now) : work_(work), origin_(origin), now_(now) {}
  Result<Received> run(uint64_t from, const std::vector<JournalItem>& items);

 private:
  Result<void> compare(uint64_t oseq, const RecordHash& hash);
  Result<void> take(uint64_t oseq, const JournalItem& item);
  Result<void> take_void(uint64_t oseq, const JournalItem& item);
  Result<void> take_record(uint64_t oseq, const Bytes& bytes);
  Result<void> check(const Record& record, uint64_t oseq);
  Result<void> place(const RecordHash& hash, const Bytes& bytes, Record record);
  Result<void> place_new(const RecordHash& hash, const Bytes& bytes, Record record);
  Result<void> keep_parents(const Known& known, const Record& record);

  Work& work_;
  const NodeId origin_;
  const Moment now_;
  format::OriginRow* row_ = nullptr;
  std::optional<RecordHash> tip_;
};

Result<void> Intake::compare(uint64_t oseq, const RecordHash& hash) {
  DL_TRY(auto have, load_journal(work_.batch(), work_.space().bucket, origin_, oseq));
  if (!have) return error(Code::kCorrupt, "place " + std::to_string(oseq) + " of a journal is missing");
  if (have->hash != hash) return forked(origin_, oseq);
  return {};
}

Result<void> Intake::check(const Record& record, uint64_t oseq) {
  if (record.space != work_.space().bucket || record.origin != origin_ || record.oseq != oseq)
    return error(Code::kCorrupt, "a record came that belongs to another place");
  if (record.previous != tip_) return forked(origin_, oseq - 1);
  return {};
}

Result<void> Intake::take_void(uint64_t oseq, const JournalItem& item) {
  if (item.parents.size() > format::kMaxParents) return error(Code::kCorrupt, "a record with too many parents");
  DL_TRY(Known known, load_known(work_.batch(), *item.void_hash));
  bool learns = known.is_tombstone() && known.grave.parents.empty() && !item.parents.empty();
  if (known.kind == Known::Kind::kUnknown || learns) {
    format::PlaceRow place;
    place.tombstone = learns ? known.grave : format::Tombstone{{}, {}, 0, true};
    place.tombstone->parents = item.parents;
    Bytes key = place.tombstone->key;
    work_.batch().put(format::place_key(*item.void_hash), format::encode(place));
    if (learns && work_.space().home) DL_OK(learn_parents(work_, *item.void_hash, key, now_));
  }
  row_->decided.add(oseq, oseq);
  if (work_.space().home) row_->decided_csn = work_.next_csn();
  return {};
}

// A record that was ended before it came: its parents still lead on.
Result<void> Intake::keep_parents(const Known& known, const Record& record) {
  if (!known.grave.parents.empty() || record.parents.empty()) return {};
  format::PlaceRow place;
  place.tombstone = known.grave;
  place.tombstone->key = record.key;
  place.tombstone->parents = record.parents;
  work_.batch().put(format::place_key(known.hash), format::encode(place));
  return work_.space().home ? learn_parents(work_, known.hash, record.key, now_) : Result<void>();
}

Result<void> Intake::place_new(const RecordHash& hash, const Bytes& bytes, Record record) {
  DL_TRY(auto verdict, load_pending(work_.batch(), work_.space().bucket, record.key, hash));
  Status status = verdict ? verdict->status : Status::kTentative;
  bool decided = row_->decided.contains(record.oseq);
  const Bytes key = record.key;
  const Hlc hlc = record.hlc;
  bool envelope = !record.body_envelope.empty();
  DL_TRY(Known known, work_.admit(hash, bytes, std::move(record), decided && !verdict ? Status::kHeld : status));
  work_.row().hlc = merge_hlc(work_.row().hlc, now_.wall, hlc);
  if (verdict) return recompute_view(work_, key);
  if (decided) {
    // The home is past it: purges and attributes have done their work. A version would have left a row, an end or a
    // verdict; one that has none is kept aside, never dropped.
    if (known.is_version()) work_.set_pending(key, hash, {Status::kHeld, 0, static_cast<uint32_t>(Reason::kNoTrace)});
    return {};
  }
  work_.set_pending(key, hash, {});
  if (work_.space().home) DL_OK(learn_parents(work_, hash, key, now_));
  if (work_.space().home && (work_.row().deleted || envelope))
    return write_verdict(work_, known, Status::kHeld, envelope ? Reason::kEnvelope : Reason::kBucketDeleted);
  return recompute_view(work_, key);
}

Result<void> Intake::place(const RecordHash& hash, const Bytes& bytes, Record record) {
  DL_TRY(Known known, load_known(work_.batch(), hash));
  if (known.kind == Known::Kind::kUnknown) return place_new(hash, bytes, std::move(record));
  // It came before, by a history or another journal's reference.
  if (!known.is_tombstone()) return {};
  DL_OK(keep_parents(known, record));
  if (!work_.space().home || row_->decided.contains(record.oseq)) return {};
  row_->decided.add(record.oseq, record.oseq);
  row_->decided_csn = work_.next_csn();
  return {};
}

Result<void> Intake::take_record(uint64_t oseq, const Bytes& bytes) {
  DL_TRY(Record record, format::decode_record(bytes));
  DL_OK(check(record, oseq));
  return place(hash_record(bytes), bytes, std::move(record));
}

Result<void> Intake::take(uint64_t oseq, const JournalItem& item) {
  if (!item.record && !item.void_hash) return error(Code::kCorrupt, "an empty place of a journal");
  RecordHash hash = item.record ? hash_record(*item.record) : *item.void_hash;
  if (oseq <= row_->received) return compare(oseq, hash);
  if (origin_ == work_.space().self)
    return error(Code::kForeign, "another node holds more of this node's journal than this node does",
                 "Its disk was restored from an older image. It must go on under a new incarnation.");
  if (item.record) {
    DL_OK(take_record(oseq, *item.record));
  } else {
    DL_OK(take_void(oseq, item));
  }
  work_.batch().put(format::journal_key(work_.space().bucket, origin_, oseq),
                    format::encode(format::JournalRow{hash, !item.record}));
  row_->received = oseq;
  tip_ = hash;
  return {};
}

Result<Received> Intake::run(uint64_t from, const std::vector<JournalItem>& items) {
  DL_TRY(row_, work_.origin(origin_));
  if (from == 0) return error(Code::kCorrupt, "a journal begins at place 1");
  if (from > row_->received + 1)
    return error(Code::kConflict,
                 "a gap in journal " + origin_.hex() + ": place " + std::to_string(row_->received + 1) + " is missing");
  if (row_->received > 0) {
    DL_TRY(auto last, load_journal(work_.batch(), work_.space().bucket, origin_, row_->received));
    if (!last) return error(Code::kCorrupt, "the end of a journal is missing");
    tip_ = last->hash;
  }
  uint64_t before = row_->received;
  for (size_t i = 0; i < items.size(); i++) DL_OK(take(from + i, items[i]));
  return Received{row_->received, static_cast<size_t>(row_->received - before)};
}

bool is_ready(const Known& known) { return !known.is_version() || known.row.body_here; }

// Commits the record at this place if it is its turn.
Result<void> commit_place(Work& work, const NodeId& origin, uint64_t oseq, const Moment& now) {
  DL_TRY(auto* row, work.origin(origin));
  if (row->decided.contains(oseq)) return {};
  DL_TRY(auto slot, load_journal(work.batch(), work.space().bucket, origin, oseq));
  if (!slot) return error(Code::kCorrupt, "place " + std::to_string(oseq) + " of a journal is missing");
  DL_TRY(Known known, load_known(work.batch(), slot->hash));
  if (known.is_tombstone()) {  // ended by a record that was committed first
    row->decided.add(oseq, oseq);
    row->decided_csn = work.next_csn();
    return {};
  }
  if (!is_ready(known)) return {};
  return commit_record(work, slot->hash, now, now.wall + kUndoWindow);
}

Result<std::vector<NodeId>> origins_of(const storage::View& view, const Space& space) {
  std::vector<NodeId> out;
  Bytes prefix = format::space_prefix(format::RowType::kOrigin, space.bucket);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    DL_TRY(auto row, format::decode_origin_row(v));
    if (row.scanned < row.received) out.push_back(format::trailing_node(k));
    return Scan::kContinue;
  }));
  return out;
}

Result<void> check_body(const Record& record, const ArrivedBody& body) {
  uint64_t size = 0;
  for (const auto& p : body.fresh ? body.fresh->pieces() : body.pieces) size += p.length;
  if (size != record.object->size || body.body_hash != record.object->body_hash)
    return error(Code::kCorrupt, "a body came that is not the one its record names");
  return {};
}

}  // namespace

Result<Received> receive_records(storage::Batch& batch, const Space& space, const NodeId& origin, uint64_t from,
                                 const std::vector<JournalItem>& items, const Moment& now) {
  DL_TRY(Work work, Work::open(batch, space));
  Intake intake(work, origin, now);
  DL_TRY(Received received, intake.run(from, items));
  work.finish();
  return received;
}

Result<bool> body_arrived(storage::Batch& batch, const Space& space, const RecordHash& hash, ArrivedBody body,
                          const Moment& now) {
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(Known known, load_known(batch, hash));
  if (known.is_tombstone()) return false;
  if (!known.is_version()) return error(Code::kNotFound, "a body came for a record that is not known here");
  if (known.row.body_here) return false;
  DL_OK(check_body(known.record, body));
  std::vector<storage::BlobPiece> pieces = body.pieces;
  if (body.fresh) {
    space.blobs->attach(batch, *body.fresh, hash.view());
    pieces = body.fresh->pieces();
  } else {
    std::vector<BlobId> shared;
    for (const auto& piece : pieces) {
      if (std::find(shared.begin(), shared.end(), piece.blob) != shared.end()) continue;
      shared.push_back(piece.blob);
      DL_OK(space.blobs->share(batch, piece.blob, hash.view()));
    }
  }
  if (body.manifest) batch.put(format::manifest_key(hash), format::encode_manifest(*body.manifest));
  DL_OK(work.set_body(known, to_row(pieces)));
  DL_TRY(auto* row, work.origin(known.record.origin));
  DL_TRY(auto pending, load_pending(batch, space.bucket, known.record.key, hash));
  bool accepted =
      pending && pending->status == Status::kHeld && pending->reason == static_cast<uint32_t>(Reason::kAccepted);
  bool turn = space.home && (accepted || (known.row.status == Status::kTentative && known.record.oseq <= row->scanned));
  if (turn) {
    DL_OK(commit_record(work, hash, now, now.wall + kUndoWindow));
  } else {
    DL_OK(recompute_view(work, known.record.key));
  }
  work.finish();
  return true;
}

Result<size_t> commit_ready(storage::Batch& batch, const Space& space, size_t max, const Moment& now) {
  DL_REQUIRE(space.home, "only the home commits");
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(auto origins, origins_of(batch, space));
  size_t looked_at = 0;
  for (const auto& origin : origins) {
    DL_TRY(auto* row, work.origin(origin));
    for (; row->scanned < row->received && looked_at < max; looked_at++) {
      DL_OK(commit_place(work, origin, row->scanned + 1, now));
      row->scanned++;
    }
  }
  if (looked_at > 0) work.finish();
  return looked_at;
}

Result<void> set_verdict(storage::Batch& batch, const Space& space, const RecordHash& hash, Status status,
                         Reason reason) {
  DL_REQUIRE(space.home && (status == Status::kHeld || status == Status::kRefused), "a verdict is held or refused");
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(Known known, load_known(batch, hash));
  if (known.kind == Known::Kind::kUnknown) return error(Code::kNotFound, "no such record here");
  if (known.is_tombstone()) return error(Code::kConflict, "the record was ended already");
  DL_TRY(auto pending, load_pending(batch, space.bucket, known.record.key, hash));
  if (!pending) return error(Code::kConflict, "the record is committed already");
  DL_OK(write_verdict(work, known, status, reason));
  work.finish();
  return {};
}

Result<bool> hold_waiting(storage::Batch& batch, const Space& space, const NodeId& origin, Reason reason, size_t max) {
  DL_REQUIRE(space.home, "only the home holds");
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(auto* row, work.origin(origin));
  size_t held = 0;
  for (uint64_t oseq = row->decided.prefix + 1; oseq <= row->scanned && held < max; oseq++) {
    if (row->decided.contains(oseq)) continue;
    DL_TRY(auto slot, load_journal(batch, space.bucket, origin, oseq));
    if (!slot) return error(Code::kCorrupt, "place " + std::to_string(oseq) + " of a journal is missing");
    DL_TRY(Known known, load_known(batch, slot->hash));
    if (is_ready(known)) continue;
    DL_OK(write_verdict(work, known, Status::kHeld, reason));
    held++;
  }
  if (held > 0) work.finish();
  return held == max;
}

Result<std::optional<uint64_t>> settled_at(const storage::View& view, const Space& space, const NodeId& origin) {
  DL_TRY(auto row, load_origin(view, space.bucket, origin));
  if (!space.home || row.decided.prefix < row.received) return std::optional<uint64_t>();
  auto of_origin = [&](const Wanted& w) { return w.origin == origin; };
  DL_TRY(auto missing, wanted(view, space, 1, Order::kNewestFirst, of_origin));
  return missing.empty() ? std::optional(row.received) : std::nullopt;
}

Result<bool> accept_held(storage::Batch& batch, const Space& space, const RecordHash& hash, const Moment& now) {
  DL_REQUIRE(space.home, "only the home accepts");
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(Known known, load_known(batch, hash));
  if (known.kind == Known::Kind::kUnknown) return error(Code::kNotFound, "no such record here");
  if (known.is_tombstone()) return false;
  DL_TRY(auto pending, load_pending(batch, space.bucket, known.record.key, hash));
  if (!pending || pending->status != Status::kHeld) return error(Code::kConflict, "the record is not held");
  if (!is_ready(known)) {
    // It stays held until its body is here: to followers its place is decided, so it must never be without a verdict.
    pending->reason = static_cast<uint32_t>(Reason::kAccepted);
    work.set_pending(known.record.key, hash, *pending);
    return true;
  }
  if (!known.is_version())
    work.move_entry(known.record.key, hash, pending->csn, work.next_csn());  // the verdict is gone
  DL_OK(commit_record(work, hash, now, now.wall + kUndoWindow));
  work.finish();
  return true;
}

Result<void> give_up(storage::Batch& batch, const Space& space, BytesView key, const RecordHash& hash) {
  DL_REQUIRE(space.home, "only the home gives up");
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(auto before, load_key_state(batch, space.bucket, key));
  auto after = before;
  if (std::erase(after.state.awaited, hash) == 0) return error(Code::kNotFound, "the key does not await that record");
  after.state.csn = work.next_csn();
  work.move_entry(key, hash, 0, after.state.csn);
  work.save_key_state(key, before, after);
  DL_OK(recompute_view(work, key));
  work.finish();
  return {};
}

Result<void> scan_inbox(const storage::View& view, const Space& space,
                        const std::function<Result<Scan>(const InboxItem&)>& fn) {
  Bytes prefix = format::space_prefix(format::RowType::kPending, space.bucket);
  return view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    DL_TRY(auto row, format::decode_pending_row(v));
    if (row.status == Status::kTentative) return Scan::kContinue;
    InboxItem item{format::trailing_hash(k), row.status, static_cast<Reason>(row.reason), std::nullopt};
    DL_TRY(Known known, load_known(view, item.hash));
    if (known.is_version() || known.kind == Known::Kind::kBare) item.record = std::move(known.record);
    return fn(item);
  });
}

}  // namespace dl::journal

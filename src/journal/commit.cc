#include "journal/commit.h"

#include <algorithm>

#include "journal/decide.h"
#include "journal/stored_rows.h"
#include "journal/view.h"

namespace dl::journal {
namespace {

using format::Status;

Result<void> write_added(Work& work, const RecordHash& hash, const StoredRows::Layer& layer, uint64_t csn,
                         format::KeyStateRow& state) {
  DL_TRY(Known known, load_known(work.batch(), hash));
  DL_ASSERT(known.is_version(), "a version was added that has no row");
  uint64_t before = known.row.csn;
  known.row.status = Status::kCommitted;
  known.row.shown = true;
  known.row.csn = csn;
  if (layer.attributes) known.row.attributes = *layer.attributes;
  DL_OK(work.save_version(known));
  DL_OK(work.clear_pending(known.record.key, hash));
  work.move_entry(known.record.key, hash, before, csn);
  if (known.record.null) state.nulls.push_back(hash);
  return {};
}

Result<void> write_attributes(Work& work, BytesView key, const RecordHash& hash, const StoredRows::Layer* layer,
                              uint64_t csn) {
  DL_TRY(Known known, load_known(work.batch(), hash));
  if (!layer || !known.is_version() || known.row.status != Status::kCommitted) {
    work.move_entry(key, hash, 0, csn);  // they wait for their version, in the key state
    return {};
  }
  uint64_t before = known.row.csn;
  known.row.attributes = *layer->attributes;
  known.row.csn = csn;
  DL_OK(work.save_version(known));
  work.move_entry(key, hash, before, csn);
  return {};
}

Result<void> write_decision(Work& work, BytesView key, const Decision& decision, const StoredRows& rows,
                            format::KeyStateRow& state, WallTime due) {
  for (const auto& hash : decision.touched) {
    auto at = rows.layer().find(hash);
    const StoredRows::Layer* layer = at == rows.layer().end() ? nullptr : &at->second;
    uint64_t csn = work.next_csn();
    if (layer && layer->is == StoredRows::Layer::Is::kAdded) {
      DL_OK(write_added(work, hash, *layer, csn, state));
    } else if (layer && layer->is == StoredRows::Layer::Is::kEnded) {
      DL_TRY(Known ended, load_known(work.batch(), hash));
      DL_OK(work.bury(hash, key, csn, false, due));
      std::erase(state.nulls, hash);
      // One whose turn passed while its body was on its way: the body is not waited for any more.
      if (ended.is_version() && ended.row.status == Status::kTentative) DL_OK(mark_decided(work, ended.record));
    } else {
      DL_OK(write_attributes(work, key, hash, layer, csn));
    }
  }
  return {};
}

}  // namespace

Result<void> mark_decided(Work& work, const format::Record& record) {
  DL_TRY(auto* origin, work.origin(record.origin));
  origin->decided.add(record.oseq, record.oseq);
  origin->decided_csn = work.row().csn;
  return {};
}

Result<void> write_verdict(Work& work, const Known& known, Status status, Reason reason) {
  const format::Record& record = known.record;
  DL_TRY(auto before, work.key_state(record.key));
  auto after = before;
  uint64_t csn = work.next_csn();
  if (status == Status::kRefused) std::erase(after.state.awaited, known.hash);
  after.state.csn = csn;
  DL_TRY(auto pending, load_pending(work.batch(), work.space().bucket, record.key, known.hash));
  work.move_entry(record.key, known.hash, pending ? pending->csn : 0, csn);
  work.set_pending(record.key, known.hash, {status, csn, static_cast<uint32_t>(reason)});
  if (known.is_version()) {
    Known changed = known;
    changed.row.status = status;
    changed.row.csn = csn;
    DL_OK(work.save_version(changed));
  }
  work.save_key_state(record.key, before, after);
  DL_OK(mark_decided(work, record));
  return recompute_view(work, record.key);
}

Result<void> learn_parents(Work& work, const RecordHash& hash, BytesView key, const Moment& now) {
  if (!work.space().rules.on(Rule::kSettleHeads)) return {};
  DL_TRY(Known known, load_known(work.batch(), hash));
  DL_TRY(auto before, work.key_state(key));
  const auto& awaited = before.state.awaited;
  bool matters = known.is_tombstone() || std::find(awaited.begin(), awaited.end(), hash) != awaited.end();
  if (!matters || before.state.empty()) return {};
  auto after = before;
  StoredRows rows(work.batch(), work.space(), key, StoredRows::Base::kCommitted, now.wall);
  DL_OK(settle_heads(after.state, rows));
  if (after == before) return {};
  uint64_t csn = work.next_csn();
  after.state.csn = csn;
  work.move_entry(key, hash, known.is_tombstone() ? known.grave.csn : 0, csn);
  if (known.is_tombstone()) {
    format::PlaceRow place;
    place.tombstone = known.grave;
    place.tombstone->csn = csn;
    work.batch().put(format::place_key(hash), format::encode(place));
  }
  work.save_key_state(key, before, after);
  return recompute_view(work, key);
}

Result<void> commit_record(Work& work, const RecordHash& hash, const Moment& now, WallTime due) {
  DL_ASSERT(work.space().home, "only the home commits");
  DL_TRY(Known known, load_known(work.batch(), hash));
  DL_ASSERT(known.is_version() || known.kind == Known::Kind::kBare, "commit of a record that is not known");
  const format::Record record = known.record;
  DL_TRY(auto before, work.key_state(record.key));
  auto after = before;
  StoredRows rows(work.batch(), work.space(), record.key, StoredRows::Base::kCommitted, now.wall);
  DL_TRY(Decision decision, decide(after.state, hash, record, rows, work.space().rules));
  if (decision.refused) return write_verdict(work, known, Status::kRefused, Reason::kLocked);
  DL_OK(write_decision(work, record.key, decision, rows, after, due));
  if (decision.touched.empty()) work.next_csn();
  DL_OK(work.clear_pending(record.key, hash));
  after.state.csn = work.row().csn;
  work.save_key_state(record.key, before, after);
  DL_OK(mark_decided(work, record));
  return view_after_commit(work, record.key);
}

}  // namespace dl::journal

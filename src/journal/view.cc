#include "journal/view.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "journal/decide.h"
#include "journal/stored_rows.h"

namespace dl::journal {
namespace {

using format::RecordKind;
using format::Status;
using Is = StoredRows::Layer::Is;

// Another node's tentative object joins the view only when its body is here.
bool joins_view(const Known& known, const NodeId& self) {
  return !known.is_version() || known.row.body_here || known.record.origin == self;
}

// What a record has to come after.
std::vector<RecordHash> needs_of(const format::Record& r) {
  std::vector<RecordHash> out = r.parents;
  out.insert(out.end(), r.ends.begin(), r.ends.end());
  if (r.target) out.push_back(*r.target);
  auto seen = [&](const auto& field) {
    if (field) out.insert(out.end(), field->seen.begin(), field->seen.end());
  };
  seen(r.attributes.tags);
  seen(r.attributes.retention);
  seen(r.attributes.hold);
  seen(r.attributes.acl);
  return out;
}

// Needs first, ties by (stamp, origin, hash). References are hashes, so there is no cycle.
std::vector<const Known*> in_order(const std::vector<Known>& records) {
  std::map<RecordHash, size_t> index;
  for (size_t i = 0; i < records.size(); i++) index[records[i].hash] = i;
  std::vector<size_t> missing(records.size());
  std::vector<std::vector<size_t>> waits(records.size());
  for (size_t i = 0; i < records.size(); i++) {
    std::set<size_t> needs;
    for (const auto& need : needs_of(records[i].record))
      if (auto at = index.find(need); at != index.end() && at->second != i) needs.insert(at->second);
    missing[i] = needs.size();
    for (size_t n : needs) waits[n].push_back(i);
  }
  auto later = [&](size_t a, size_t b) {
    return std::tuple(records[a].record.hlc, records[a].record.origin, records[a].hash) >
           std::tuple(records[b].record.hlc, records[b].record.origin, records[b].hash);
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> ready(later);
  for (size_t i = 0; i < records.size(); i++)
    if (missing[i] == 0) ready.push(i);
  std::vector<const Known*> out;
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    out.push_back(&records[i]);
    for (size_t w : waits[i])
      if (--missing[w] == 0) ready.push(w);
  }
  return out;
}

Result<void> write_listing(Work& work, BytesView key, const format::KeyState& state) {
  Bytes row_key = format::key_prefix(format::RowType::kListing, work.space().bucket, key);
  if (!state.current) {
    work.batch().erase(row_key);
    return {};
  }
  DL_TRY(Known current, load_known(work.batch(), *state.current));
  DL_ASSERT(current.is_version(), "the view names a version that is not held");
  if (current.record.kind != RecordKind::kObject) {
    work.batch().erase(row_key);
    return {};
  }
  const auto& object = *current.record.object;
  format::ListingRow row;
  row.hash = current.hash;
  row.version = version_id(work.space(), current.hash);
  row.null = current.record.null;
  row.size = object.size;
  row.etag = object.etag;
  row.hlc = current.record.hlc;
  row.storage_class = object.storage_class;
  for (const auto& sum : object.checksums) {
    row.checksum_kinds.push_back(sum.kind);
    row.checksum_composite |= sum.composite;
  }
  row.conflicts = static_cast<uint32_t>(state.conflicts.size());
  row.remote = !current.row.body_here;
  work.batch().put(row_key, format::encode(row));
  return {};
}

// At the home only what is on its way has to be told.
Result<void> write_home_view(Work& work, BytesView key) {
  DL_TRY(auto state, work.key_state(key));
  DL_TRY(auto pending, load_all_pending(work.batch(), work.space().bucket, key));
  format::ViewRow row;
  for (const auto& p : pending) row.arriving += p.row.status == Status::kTentative;
  Bytes row_key = format::key_prefix(format::RowType::kView, work.space().bucket, key);
  if (row.arriving > 0) {
    row.state = state.state;
    work.batch().put(row_key, format::encode(row));
  } else {
    work.batch().erase(row_key);
  }
  return write_listing(work, key, state.state);
}

// Brings a stored version to what the view says of it.
Result<void> write_shown(Work& work, const RecordHash& hash, bool shown,
                         const std::optional<format::AttributeState>& attributes) {
  DL_TRY(Known known, load_known(work.batch(), hash));
  if (!known.is_version()) return {};
  if (known.row.shown == shown && known.row.shown_attributes == attributes) return {};
  known.row.shown = shown;
  known.row.shown_attributes = attributes;
  return work.save_version(known);
}

struct Tentative {
  std::vector<Known> shown;
  std::vector<RecordHash> others;  // not in the view: the body is not here
  format::ViewRow row;
};

Result<Tentative> load_tentative(Work& work, BytesView key) {
  Tentative out;
  DL_TRY(auto pending, load_all_pending(work.batch(), work.space().bucket, key));
  for (const auto& p : pending) {
    DL_TRY(Known known, load_known(work.batch(), p.hash));
    bool tentative = p.row.status == Status::kTentative;
    if (tentative && (known.is_version() || known.kind == Known::Kind::kBare) && joins_view(known, work.space().self)) {
      out.row.top = std::max(out.row.top, known.record.hlc);
      out.shown.push_back(std::move(known));
      continue;
    }
    out.row.arriving += tentative;
    out.others.push_back(p.hash);
  }
  return out;
}

}  // namespace

Result<void> view_after_commit(Work& work, BytesView key) {
  Bytes row_key = format::key_prefix(format::RowType::kView, work.space().bucket, key);
  DL_TRY(auto present, work.batch().get(row_key));
  if (present) return write_home_view(work, key);
  DL_TRY(auto state, work.key_state(key));
  return write_listing(work, key, state.state);
}

Result<void> recompute_view(Work& work, BytesView key) {
  if (work.space().home) return write_home_view(work, key);
  DL_TRY(auto before, load_view(work.batch(), work.space().bucket, key));
  DL_TRY(auto committed, work.key_state(key));
  DL_TRY(Tentative tentative, load_tentative(work, key));
  format::ViewRow& row = tentative.row;
  row.state = committed.state;
  StoredRows rows(work.batch(), work.space(), key, StoredRows::Base::kCommitted, {});
  for (const Known* known : in_order(tentative.shown)) {
    DL_TRY(bool gone, rows.is_gone(known->hash));
    if (gone && known->is_version()) continue;
    rows.set_now(known->record.hlc.wall());
    DL_OK(decide(row.state, known->hash, known->record, rows, work.space().rules));
  }
  // Everything that this view or the one before treats otherwise than the committed state.
  std::set<RecordHash> concerned(tentative.others.begin(), tentative.others.end());
  for (const auto& known : tentative.shown) concerned.insert(known.hash);
  if (before) {
    concerned.insert(before->hidden.begin(), before->hidden.end());
    concerned.insert(before->changed.begin(), before->changed.end());
  }
  for (const auto& [hash, layer] : rows.layer()) {
    concerned.insert(hash);
    if (layer.is == Is::kEnded) row.hidden.push_back(hash);
    if (layer.attributes) row.changed.push_back(hash);
  }
  for (const auto& hash : concerned) {
    auto at = rows.layer().find(hash);
    DL_TRY(auto live, rows.find_row(hash));
    DL_OK(write_shown(work, hash, live.has_value(), at == rows.layer().end() ? std::nullopt : at->second.attributes));
  }
  Bytes row_key = format::key_prefix(format::RowType::kView, work.space().bucket, key);
  if (tentative.shown.empty() && row.arriving == 0) {
    work.batch().erase(row_key);
  } else {
    work.batch().put(row_key, format::encode(row));
  }
  return write_listing(work, key, row.state);
}

Result<void> extend_view(Work& work, const RecordHash& hash, const format::Record& record) {
  DL_TRY(auto before, load_view(work.batch(), work.space().bucket, record.key));
  if (before && before->top >= record.hlc) return recompute_view(work, record.key);
  format::ViewRow row;
  if (before) {
    row = std::move(*before);
  } else {
    DL_TRY(auto committed, work.key_state(record.key));
    row.state = std::move(committed.state);
  }
  row.top = record.hlc;
  StoredRows rows(work.batch(), work.space(), record.key, StoredRows::Base::kShown, record.hlc.wall());
  for (const auto& hidden : row.hidden) rows.hide(hidden);
  DL_TRY(Decision decision, decide(row.state, hash, record, rows, work.space().rules));
  for (const auto& touched : decision.touched) {
    auto at = rows.layer().find(touched);
    if (at == rows.layer().end()) continue;  // attributes that wait for their version
    if (at->second.is == Is::kEnded) row.hidden.push_back(touched);
    if (at->second.attributes) row.changed.push_back(touched);
    DL_OK(write_shown(work, touched, at->second.is != Is::kEnded, at->second.attributes));
  }
  work.batch().put(format::key_prefix(format::RowType::kView, work.space().bucket, record.key), format::encode(row));
  return write_listing(work, record.key, row.state);
}

}  // namespace dl::journal

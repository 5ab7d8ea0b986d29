#include "journal/stored_rows.h"

#include <tuple>

namespace dl::journal {
namespace {

using format::Status;

RowFacts facts_of(const RecordHash& hash, const format::Record& r) { return {hash, r.kind, r.hlc, r.origin}; }
bool higher(const RowFacts& a, const RowFacts& b) {
  return std::tuple(a.hlc, a.origin, a.hash) > std::tuple(b.hlc, b.origin, b.hash);
}

}  // namespace

const StoredRows::Layer* StoredRows::find_layer(const RecordHash& hash) const {
  auto at = layer_.find(hash);
  return at == layer_.end() ? nullptr : &at->second;
}

Result<const Known*> StoredRows::known(const RecordHash& hash) {
  auto at = known_.find(hash);
  if (at == known_.end()) {
    DL_TRY(Known k, load_known(view_, hash));
    at = known_.emplace(hash, std::move(k)).first;
  }
  return &at->second;
}

Result<std::optional<RowFacts>> StoredRows::find_row(const RecordHash& hash) {
  if (const Layer* layer = find_layer(hash)) {
    if (layer->is == Layer::Is::kAdded) return std::optional(layer->facts);
    if (layer->is == Layer::Is::kEnded) return std::optional<RowFacts>();
  }
  DL_TRY(const Known* k, known(hash));
  if (!k->is_version() || !is_live(k->row) || k->record.key != key_) return std::optional<RowFacts>();
  return std::optional(facts_of(hash, k->record));
}

Result<std::optional<RowFacts>> StoredRows::highest_row() {
  std::optional<RowFacts> best;
  for (const auto& [hash, layer] : layer_)
    if (layer.is == Layer::Is::kAdded && (!best || higher(layer.facts, *best))) best = layer.facts;
  Bytes prefix = format::key_prefix(format::RowType::kVersion, space_.bucket, key_);
  // Stored rows come with falling stamps: the scan ends at the first live one, but for equals.
  DL_OK(view_.scan(prefix, format::prefix_end(prefix), [&](BytesView, BytesView value) -> Result<storage::Scan> {
    DL_TRY(auto row, format::decode_version_row(value));
    if (!is_live(row)) return storage::Scan::kContinue;
    DL_TRY(auto record, format::decode_record(row.record));
    if (best && record.hlc < best->hlc) return storage::Scan::kStop;
    RecordHash hash = hash_record(row.record);
    const Layer* layer = find_layer(hash);
    if (layer && layer->is == Layer::Is::kEnded) return storage::Scan::kContinue;
    RowFacts facts = facts_of(hash, record);
    if (!best || higher(facts, *best)) best = facts;
    return storage::Scan::kContinue;
  }));
  return best;
}

Result<std::vector<RecordHash>> StoredRows::parents_of(const RecordHash& hash) {
  DL_TRY(const Known* k, known(hash));
  if (k->is_version()) return k->record.parents;
  if (k->is_tombstone() && space_.rules.on(Rule::kTombstoneParents)) return k->grave.parents;
  return std::vector<RecordHash>();
}

Result<bool> StoredRows::is_gone(const RecordHash& hash) {
  const Layer* layer = find_layer(hash);
  if (layer && layer->is != Layer::Is::kAsStored) return layer->is == Layer::Is::kEnded;
  DL_TRY(const Known* k, known(hash));
  switch (k->kind) {
    case Known::Kind::kTombstone:
    case Known::Kind::kBare:
      return true;
    case Known::Kind::kVersion:
      return k->row.status == Status::kRefused;
    case Known::Kind::kUnknown:
      break;
  }
  DL_TRY(auto pending, load_pending(view_, space_.bucket, key_, hash));
  return pending && pending->status == Status::kRefused;
}

Result<bool> StoredRows::is_open(const RecordHash& hash) {
  const Layer* layer = find_layer(hash);
  if (layer && layer->is != Layer::Is::kAsStored) return false;
  DL_TRY(const Known* k, known(hash));
  if (k->is_version()) return k->row.status == Status::kTentative || k->row.status == Status::kHeld;
  if (k->kind == Known::Kind::kBare) {  // a setter
    DL_TRY(auto pending, load_pending(view_, space_.bucket, key_, hash));
    return pending && pending->status != Status::kRefused;
  }
  if (k->is_tombstone()) return false;
  DL_TRY(auto pending, load_pending(view_, space_.bucket, key_, hash));
  return !pending || pending->status != Status::kRefused;
}

Result<format::AttributeState> StoredRows::attributes_of(const RecordHash& hash) {
  const Layer* layer = find_layer(hash);
  if (layer && layer->attributes) return *layer->attributes;
  if (layer && layer->is == Layer::Is::kAdded) return format::AttributeState{};
  DL_TRY(const Known* k, known(hash));
  DL_REQUIRE(k->is_version(), "attributes of what is no version");
  return base_ == Base::kShown && k->row.shown_attributes ? *k->row.shown_attributes : k->row.attributes;
}

Result<void> StoredRows::add_row(const RecordHash& hash, const format::Record& record) {
  Layer& layer = layer_[hash];
  layer.is = Layer::Is::kAdded;
  layer.facts = facts_of(hash, record);
  layer.null = record.null;
  return {};
}

Result<void> StoredRows::end_row(const RecordHash& hash) {
  Layer& layer = layer_[hash];
  layer.is = Layer::Is::kEnded;
  layer.attributes.reset();
  return {};
}

Result<void> StoredRows::set_attributes(const RecordHash& hash, format::AttributeState state) {
  layer_[hash].attributes = std::move(state);
  return {};
}

}  // namespace dl::journal

#include "format/history.h"

#include "format/proto_util.h"
#include "format/state_proto.h"
#include "history.pb.h"

namespace dl::format {

namespace pb = demilune::v1;

Bytes encode_history(const HistoryPiece& piece) {
  pb::HistoryPiece m;
  m.set_format(1);
  m.set_epoch(piece.epoch);
  m.set_from(piece.from);
  m.set_to(piece.to);
  m.set_last(piece.last);
  for (const auto& e : piece.entries) {
    auto* out = m.add_entries();
    out->set_csn(e.csn);
    out->set_key(e.key);
    out->set_hash(e.hash.bytes());
    out->set_kind(static_cast<pb::EntryKind>(e.kind));
    put_ids(e.parents, out->mutable_parents());
    out->set_reason(e.reason);
  }
  for (const auto& r : piece.rows) {
    auto* out = m.add_rows();
    out->set_record(r.record);
    out->set_csn(r.csn);
    if (!r.attributes.empty()) put_attribute_state(r.attributes, out->mutable_attributes());
  }
  for (const auto& s : piece.states) {
    auto* out = m.add_states();
    out->set_key(s.key);
    put_key_state(s.state, out->mutable_state());
  }
  for (const auto& d : piece.decided) {
    auto* out = m.add_decided();
    out->set_origin(d.origin.bytes());
    put_decided(d.set, out->mutable_set());
  }
  m.set_fingerprint(piece.fingerprint.bytes());
  return m.SerializeAsString();
}

namespace {

Result<HistoryEntry> get_entry(const pb::HistoryEntry& in) {
  HistoryEntry e;
  e.csn = in.csn();
  e.key = in.key();
  DL_TRY(e.hash, get_id<RecordHash>(in.hash(), "history: hash"));
  if (in.kind() < pb::ENTRY_KIND_ROW || in.kind() > pb::ENTRY_KIND_LIFTED) return corrupt("history: unknown entry");
  e.kind = static_cast<EntryKind>(in.kind());
  DL_TRY(e.parents, get_ids<RecordHash>(in.parents(), "history: parent"));
  e.reason = in.reason();
  return e;
}

}  // namespace

Result<HistoryPiece> decode_history(BytesView bytes) {
  if (bytes.size() > kMaxHistoryPieceBytes) return error(Code::kTooLarge, "history: piece too large");
  DL_TRY(auto m, parse_versioned<pb::HistoryPiece>(bytes, "history"));
  HistoryPiece piece{.epoch = m.epoch(), .from = m.from(), .to = m.to(), .last = m.last()};
  if (piece.to < piece.from) return corrupt("history: range runs backwards");
  uint64_t csn = piece.from;
  for (const auto& e : m.entries()) {
    DL_TRY(auto entry, get_entry(e));
    if (entry.csn <= csn || entry.csn > piece.to) return corrupt("history: entry out of order");
    csn = entry.csn;
    piece.entries.push_back(std::move(entry));
  }
  for (const auto& r : m.rows()) {
    DL_TRY(auto attributes, get_attribute_state(r.attributes()));
    piece.rows.push_back({r.record(), r.csn(), std::move(attributes)});
  }
  for (const auto& s : m.states()) {
    DL_TRY(auto state, get_key_state(s.state()));
    piece.states.push_back({s.key(), std::move(state)});
  }
  for (const auto& d : m.decided()) {
    DL_TRY(auto origin, get_id<NodeId>(d.origin(), "history: origin"));
    DL_TRY(auto set, get_decided(d.set()));
    piece.decided.push_back({origin, std::move(set)});
  }
  DL_TRY(piece.fingerprint, get_id<Sha256>(m.fingerprint(), "history: fingerprint"));
  return piece;
}

}  // namespace dl::format

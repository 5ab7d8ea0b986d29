#include "format/rows.h"

#include "format/proto_util.h"
#include "format/state_proto.h"

namespace dl::format {

namespace pb = demilune::v1;

namespace {

template <class Message>
Bytes finish(Message& m) {
  m.set_format(1);
  return m.SerializeAsString();
}

Result<Status> get_status(pb::Status s) {
  if (s < pb::STATUS_COMMITTED || s > pb::STATUS_REFUSED) return corrupt("row: unknown status");
  return static_cast<Status>(s);
}

}  // namespace

Bytes encode(const AttributeState& state) {
  pb::AttributeState m;
  put_attribute_state(state, &m);
  return m.SerializeAsString();
}

Bytes encode(const KeyState& state) {
  pb::KeyState m;
  put_key_state(state, &m);
  return m.SerializeAsString();
}

Bytes encode(const ListingRow& row) {
  pb::ListingRow m;
  m.set_hash(row.hash.bytes());
  m.set_version(row.version.bytes());
  m.set_null(row.null);
  m.set_size(row.size);
  m.set_etag(row.etag);
  m.set_hlc(row.hlc.packed);
  m.set_storage_class(row.storage_class);
  for (auto k : row.checksum_kinds) m.add_checksum_kinds(static_cast<pb::ChecksumKind>(k));
  m.set_checksum_composite(row.checksum_composite);
  m.set_conflicts(row.conflicts);
  m.set_remote(row.remote);
  return finish(m);
}

Result<ListingRow> decode_listing_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::ListingRow>(bytes, "listing row"));
  ListingRow row;
  DL_TRY(row.hash, get_id<RecordHash>(m.hash(), "listing row: hash"));
  DL_TRY(row.version, get_id<VersionId>(m.version(), "listing row: version"));
  row.null = m.null();
  row.size = m.size();
  row.etag = m.etag();
  row.hlc = {m.hlc()};
  row.storage_class = m.storage_class();
  for (int k : m.checksum_kinds()) row.checksum_kinds.push_back(static_cast<ChecksumKind>(k));
  row.checksum_composite = m.checksum_composite();
  row.conflicts = m.conflicts();
  row.remote = m.remote();
  return row;
}

Bytes encode(const KeyStateRow& row) {
  pb::KeyStateRow m;
  put_key_state(row.state, m.mutable_state());
  put_ids(row.nulls, m.mutable_nulls());
  return finish(m);
}

Result<KeyStateRow> decode_key_state_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::KeyStateRow>(bytes, "key state row"));
  KeyStateRow row;
  DL_TRY(row.state, get_key_state(m.state()));
  DL_TRY(row.nulls, get_ids<RecordHash>(m.nulls(), "key state row: null version"));
  return row;
}

Bytes encode(const VersionRow& row) {
  pb::VersionRow m;
  m.set_record(row.record);
  m.set_status(static_cast<pb::Status>(row.status));
  m.set_shown(row.shown);
  m.set_csn(row.csn);
  if (!row.attributes.empty()) put_attribute_state(row.attributes, m.mutable_attributes());
  if (row.shown_attributes) put_attribute_state(*row.shown_attributes, m.mutable_shown_attributes());
  for (const auto& p : row.body) {
    auto* piece = m.add_body();
    piece->set_blob(p.blob.bytes());
    piece->set_offset(p.offset);
    piece->set_length(p.length);
  }
  m.set_body_here(row.body_here);
  return finish(m);
}

Result<VersionRow> decode_version_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::VersionRow>(bytes, "version row"));
  VersionRow row;
  row.record = m.record();
  DL_TRY(row.status, get_status(m.status()));
  row.shown = m.shown();
  row.csn = m.csn();
  DL_TRY(row.attributes, get_attribute_state(m.attributes()));
  if (m.has_shown_attributes()) {
    DL_TRY(row.shown_attributes, get_attribute_state(m.shown_attributes()));
  }
  for (const auto& p : m.body()) {
    DL_TRY(BlobId blob, get_id<BlobId>(p.blob(), "version row: blob"));
    row.body.push_back({blob, p.offset(), p.length()});
  }
  row.body_here = m.body_here();
  return row;
}

Bytes encode(const EntryRow& row) {
  pb::EntryRow m;
  m.set_key(row.key);
  m.set_hash(row.hash.bytes());
  return finish(m);
}

Result<EntryRow> decode_entry_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::EntryRow>(bytes, "entry row"));
  DL_TRY(auto hash, get_id<RecordHash>(m.hash(), "entry row: hash"));
  return EntryRow{m.key(), hash};
}

Bytes encode(const JournalRow& row) {
  pb::JournalRow m;
  m.set_hash(row.hash.bytes());
  m.set_voided(row.voided);
  return finish(m);
}

Result<JournalRow> decode_journal_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::JournalRow>(bytes, "journal row"));
  DL_TRY(auto hash, get_id<RecordHash>(m.hash(), "journal row: hash"));
  return JournalRow{hash, m.voided()};
}

Bytes encode(const SpaceRow& row) {
  pb::SpaceRow m;
  m.set_epoch(row.epoch);
  m.set_csn(row.csn);
  m.set_decided_csn(row.decided_csn);
  m.set_floor(row.floor);
  m.set_safe(row.safe);
  m.set_fingerprint(row.fingerprint.bytes());
  m.set_hlc(row.hlc.packed);
  m.set_deleted(row.deleted);
  m.set_newest(row.newest);
  m.set_followed(row.followed);
  return finish(m);
}

Result<SpaceRow> decode_space_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::SpaceRow>(bytes, "space row"));
  SpaceRow row;
  row.epoch = m.epoch();
  row.csn = m.csn();
  row.decided_csn = m.decided_csn();
  row.floor = m.floor();
  row.safe = m.safe();
  DL_TRY(row.fingerprint, get_id<Sha256>(m.fingerprint(), "space row: fingerprint"));
  row.hlc = {m.hlc()};
  row.deleted = m.deleted();
  row.newest = m.newest();
  row.followed = m.followed();
  return row;
}

Bytes encode(const OriginRow& row) {
  pb::OriginRow m;
  m.set_received(row.received);
  m.set_given(row.given);
  m.set_scanned(row.scanned);
  put_decided(row.decided, m.mutable_decided());
  m.set_decided_csn(row.decided_csn);
  m.set_sealed(row.sealed);
  m.set_seal(put_id_or_empty(row.seal));
  m.set_history_sealed(row.history_sealed);
  return finish(m);
}

Result<OriginRow> decode_origin_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::OriginRow>(bytes, "origin row"));
  OriginRow row;
  row.received = m.received();
  row.given = m.given();
  row.scanned = m.scanned();
  DL_TRY(row.decided, get_decided(m.decided()));
  row.decided_csn = m.decided_csn();
  row.sealed = m.sealed();
  DL_TRY(row.seal, get_id_or_zero<Sha256>(m.seal(), "origin row: seal"));
  row.history_sealed = m.history_sealed();
  return row;
}

Bytes encode(const PeerRow& row) {
  pb::PeerRow m;
  m.set_epoch(row.epoch);
  m.set_csn(row.csn);
  for (const auto& j : row.journals) {
    auto* to = m.add_journals();
    to->set_origin(j.origin.bytes());
    to->set_acknowledged(j.acknowledged);
  }
  return finish(m);
}

Result<PeerRow> decode_peer_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::PeerRow>(bytes, "peer row"));
  PeerRow row;
  row.epoch = m.epoch();
  row.csn = m.csn();
  for (const auto& j : m.journals()) {
    DL_TRY(auto origin, get_id<NodeId>(j.origin(), "peer row: origin"));
    row.journals.push_back({origin, j.acknowledged()});
  }
  return row;
}

Bytes encode(const PendingRow& row) {
  pb::PendingRow m;
  m.set_status(static_cast<pb::Status>(row.status));
  m.set_csn(row.csn);
  m.set_reason(row.reason);
  return finish(m);
}

Result<PendingRow> decode_pending_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::PendingRow>(bytes, "pending row"));
  DL_TRY(auto status, get_status(m.status()));
  return PendingRow{status, m.csn(), m.reason()};
}

Bytes encode(const PlaceRow& row) {
  pb::PlaceRow m;
  if (row.version_key) m.set_version_key(*row.version_key);
  if (row.record) m.set_record(*row.record);
  if (row.tombstone) {
    auto* t = m.mutable_tombstone();
    t->set_key(row.tombstone->key);
    put_ids(row.tombstone->parents, t->mutable_parents());
    t->set_csn(row.tombstone->csn);
    t->set_voided(row.tombstone->voided);
  }
  return finish(m);
}

Result<PlaceRow> decode_place_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::PlaceRow>(bytes, "place row"));
  PlaceRow row;
  if (m.has_version_key()) row.version_key = m.version_key();
  if (m.has_record()) row.record = m.record();
  if (m.has_tombstone()) {
    Tombstone t;
    t.key = m.tombstone().key();
    DL_TRY(t.parents, get_ids<RecordHash>(m.tombstone().parents(), "tombstone: parent"));
    t.csn = m.tombstone().csn();
    t.voided = m.tombstone().voided();
    row.tombstone = std::move(t);
  }
  if (!row.version_key && !row.record && !row.tombstone) return corrupt("place row: no place");
  return row;
}

Bytes encode(const ViewRow& row) {
  pb::ViewRow m;
  put_key_state(row.state, m.mutable_state());
  put_ids(row.hidden, m.mutable_hidden());
  put_ids(row.changed, m.mutable_changed());
  m.set_top(row.top.packed);
  m.set_arriving(row.arriving);
  return finish(m);
}

Result<ViewRow> decode_view_row(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::ViewRow>(bytes, "view row"));
  ViewRow row;
  DL_TRY(row.state, get_key_state(m.state()));
  DL_TRY(row.hidden, get_ids<RecordHash>(m.hidden(), "view row: hidden"));
  DL_TRY(row.changed, get_ids<RecordHash>(m.changed(), "view row: changed"));
  row.top = {m.top()};
  row.arriving = m.arriving();
  return row;
}

}  // namespace dl::format

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "format/record.h"

// Values of the rows that the journal owns (proto/row.proto, docs/internals/record.md "Rows"). encode() never fails;
// decoders accept any bytes: kCorrupt when it is no such row, kUnsupported for a newer format.
namespace dl::format {

template <class T>
struct Setter {
  RecordHash by;
  Hlc hlc;
  T value{};
  bool operator==(const Setter&) const = default;
};
// What the setters of one field left that no later setter had seen. `dropped`: setters that were seen by another
// before they arrived here; they have no effect when they do.
template <class T>
struct FieldState {
  std::vector<Setter<T>> setters;
  std::vector<RecordHash> dropped;
  bool empty() const { return setters.empty() && dropped.empty(); }
  bool operator==(const FieldState&) const = default;
};
struct AttributeState {
  FieldState<std::vector<Header>> tags;
  FieldState<Retention> retention;
  FieldState<bool> hold;
  FieldState<Bytes> acl;
  bool empty() const { return tags.empty() && retention.empty() && hold.empty() && acl.empty(); }
  bool operator==(const AttributeState&) const = default;
};

struct KeyState {
  struct Waiting {
    RecordHash target;
    AttributeState attributes;
    bool operator==(const Waiting&) const = default;
  };
  std::optional<RecordHash> current;
  std::vector<RecordHash> conflicts;  // heads beside the current
  std::vector<RecordHash> awaited;    // ancestors that may still be committed
  std::vector<Waiting> waiting;       // attributes of versions that are not committed yet
  uint64_t csn = 0;
  bool empty() const { return !current && conflicts.empty() && awaited.empty() && waiting.empty(); }
  bool operator==(const KeyState&) const = default;
};

struct ListingRow {
  RecordHash hash;
  VersionId version;
  bool null = false;
  uint64_t size = 0;
  std::string etag;
  Hlc hlc;
  std::string storage_class;
  std::vector<ChecksumKind> checksum_kinds;
  bool checksum_composite = false;
  uint32_t conflicts = 0;
  bool remote = false;
  bool operator==(const ListingRow&) const = default;
};

struct KeyStateRow {
  KeyState state;
  std::vector<RecordHash> nulls;  // live null versions; local
  bool operator==(const KeyStateRow&) const = default;
};

enum class Status : uint8_t { kCommitted = 1, kTentative = 2, kHeld = 3, kRefused = 4 };

struct BodyPiece {  // storage::BlobPiece, as a row holds it
  BlobId blob;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const BodyPiece&) const = default;
};

struct VersionRow {
  Bytes record;
  Status status = Status::kTentative;
  bool shown = false;
  uint64_t csn = 0;
  AttributeState attributes;
  std::optional<AttributeState> shown_attributes;
  std::vector<BodyPiece> body;
  bool body_here = false;
  bool operator==(const VersionRow&) const = default;
};

struct EntryRow {
  Bytes key;
  RecordHash hash;
  bool operator==(const EntryRow&) const = default;
};

struct JournalRow {
  RecordHash hash;
  bool voided = false;
  bool operator==(const JournalRow&) const = default;
};

struct SpaceRow {
  uint64_t epoch = 1;
  uint64_t csn = 0;
  uint64_t decided_csn = 0;
  uint64_t floor = 0;
  uint64_t safe = 0;
  Sha256 fingerprint;
  Hlc hlc;
  bool deleted = false;
  uint64_t newest = 0;
  bool followed = false;
  bool operator==(const SpaceRow&) const = default;
};

// A growing set of places in a journal.
struct DecidedSet {
  struct Interval {
    uint64_t from = 0, to = 0;  // both inclusive
    bool operator==(const Interval&) const = default;
  };
  uint64_t prefix = 0;              // 1..prefix
  std::vector<Interval> intervals;  // ascending, disjoint, not touching each other or the prefix
  bool contains(uint64_t oseq) const;
  void add(uint64_t from, uint64_t to);
  void add(const DecidedSet& other);
  bool operator==(const DecidedSet&) const = default;
};

struct OriginRow {
  uint64_t received = 0;
  uint64_t given = 0;
  uint64_t scanned = 0;
  DecidedSet decided;
  uint64_t decided_csn = 0;
  uint64_t sealed = 0;
  Sha256 seal;
  uint64_t history_sealed = 0;
  bool operator==(const OriginRow&) const = default;
};

struct PeerRow {
  struct Journal {
    NodeId origin;
    uint64_t acknowledged = 0;
    bool operator==(const Journal&) const = default;
  };
  uint64_t epoch = 0, csn = 0;
  std::vector<Journal> journals;
  bool operator==(const PeerRow&) const = default;
};

struct PendingRow {
  Status status = Status::kTentative;
  uint64_t csn = 0;     // of the verdict
  uint32_t reason = 0;  // journal::Reason
  bool operator==(const PendingRow&) const = default;
};

struct Tombstone {
  Bytes key;
  std::vector<RecordHash> parents;
  uint64_t csn = 0;
  bool voided = false;
  bool operator==(const Tombstone&) const = default;
};
// Exactly one of the three.
struct PlaceRow {
  std::optional<Bytes> version_key;
  std::optional<Bytes> record;
  std::optional<Tombstone> tombstone;
  bool operator==(const PlaceRow&) const = default;
};

struct ViewRow {
  KeyState state;
  std::vector<RecordHash> hidden;
  std::vector<RecordHash> changed;
  Hlc top;
  uint32_t arriving = 0;
  bool operator==(const ViewRow&) const = default;
};

Bytes encode(const AttributeState& state);
Bytes encode(const KeyState& state);
Bytes encode(const ListingRow& row);
Bytes encode(const KeyStateRow& row);
Bytes encode(const VersionRow& row);
Bytes encode(const EntryRow& row);
Bytes encode(const JournalRow& row);
Bytes encode(const SpaceRow& row);
Bytes encode(const OriginRow& row);
Bytes encode(const PeerRow& row);
Bytes encode(const PendingRow& row);
Bytes encode(const PlaceRow& row);
Bytes encode(const ViewRow& row);

Result<ListingRow> decode_listing_row(BytesView bytes);
Result<KeyStateRow> decode_key_state_row(BytesView bytes);
Result<VersionRow> decode_version_row(BytesView bytes);
Result<EntryRow> decode_entry_row(BytesView bytes);
Result<JournalRow> decode_journal_row(BytesView bytes);
Result<SpaceRow> decode_space_row(BytesView bytes);
Result<OriginRow> decode_origin_row(BytesView bytes);
Result<PeerRow> decode_peer_row(BytesView bytes);
Result<PendingRow> decode_pending_row(BytesView bytes);
Result<PlaceRow> decode_place_row(BytesView bytes);
Result<ViewRow> decode_view_row(BytesView bytes);

}  // namespace dl::format

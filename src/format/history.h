#pragma once

#include <cstdint>
#include <vector>

#include "format/rows.h"

// A piece of a space's history (proto/history.proto): made by journal::read_history, taken by journal::apply_history,
// carried in the parts of History frames.
namespace dl::format {

// A piece holds at least one entry with all that belongs to it, however large; senders aim far below.
inline constexpr size_t kMaxHistoryPieceBytes = 64u << 20;

enum class EntryKind : uint8_t {
  kRow = 1,   // the version's row is in `rows`
  kEnd = 2,   // ended: a tombstone
  kHeld = 3,  // verdicts
  kRefused = 4,
  kKey = 5,     // only the key's state changed
  kLifted = 6,  // the same, and a verdict on a purge or attributes is gone if there was one
};

struct HistoryEntry {
  uint64_t csn = 0;
  Bytes key;
  RecordHash hash;
  EntryKind kind = EntryKind::kRow;
  std::vector<RecordHash> parents;  // kEnd
  uint32_t reason = 0;              // kHeld, kRefused
  bool operator==(const HistoryEntry&) const = default;
};
struct HistoryRow {
  Bytes record;
  uint64_t csn = 0;
  AttributeState attributes;
  bool operator==(const HistoryRow&) const = default;
};
struct HistoryState {
  Bytes key;
  KeyState state;
  bool operator==(const HistoryState&) const = default;
};
struct HistoryDecided {
  NodeId origin;
  DecidedSet set;
  bool operator==(const HistoryDecided&) const = default;
};
struct HistoryPiece {
  uint64_t epoch = 0, from = 0, to = 0;  // covers (from, to]
  bool last = false;
  std::vector<HistoryEntry> entries;  // ascending csn
  std::vector<HistoryRow> rows;
  std::vector<HistoryState> states;
  std::vector<HistoryDecided> decided;  // last piece
  Sha256 fingerprint;                   // last piece: of the source at `to`
  bool operator==(const HistoryPiece&) const = default;
};

Bytes encode_history(const HistoryPiece& piece);
// Accepts any bytes. Errors: kCorrupt, kUnsupported, kTooLarge.
Result<HistoryPiece> decode_history(BytesView bytes);

}  // namespace dl::format

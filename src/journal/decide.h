#pragma once

#include <optional>
#include <vector>

#include "format/record.h"
#include "format/rows.h"
#include "journal/rules.h"

// The one rule of what a record does to its key (docs/internals/record.md, "decide"). The home commits with it, every
// node overlays its tentative records with it. Pure: it sees the world through KeyRows alone.
namespace dl::journal {

struct RowFacts {
  RecordHash hash;
  format::RecordKind kind = format::RecordKind::kObject;
  Hlc hlc;
  NodeId origin;
};

// The live versions of one key and what is known of other records. What decide adds, ends and changes is seen by its
// later calls.
class KeyRows {
 public:
  virtual ~KeyRows() = default;
  // A live version (object or marker) of the key.
  virtual Result<std::optional<RowFacts>> find_row(const RecordHash& hash) = 0;
  // The live version with the highest (stamp, origin, hash).
  virtual Result<std::optional<RowFacts>> highest_row() = 0;
  // Of a known record or a tombstone; empty when unknown.
  virtual Result<std::vector<RecordHash>> parents_of(const RecordHash& hash) = 0;
  // It was ended or refused: it will not come back.
  virtual Result<bool> is_gone(const RecordHash& hash) = 0;
  // It may still be committed: unknown, undecided or held. Never true of a row or of what is gone.
  virtual Result<bool> is_open(const RecordHash& hash) = 0;
  // Of a live version. Precondition: find_row(hash).
  virtual Result<format::AttributeState> attributes_of(const RecordHash& hash) = 0;
  // What locks are measured against: the home's clock, or for an overlay the record's own stamp.
  virtual WallTime now() const = 0;

  virtual Result<void> add_row(const RecordHash& hash, const format::Record& record) = 0;
  virtual Result<void> end_row(const RecordHash& hash) = 0;  // also one that is not here yet
  virtual Result<void> set_attributes(const RecordHash& hash, format::AttributeState state) = 0;
};

struct Decision {
  bool refused = false;             // purge of a locked version: nothing changed
  std::vector<RecordHash> touched;  // versions added, ended or changed, in this order of happening
};

// Precondition: the record was not decided before and is not gone. `state` and `rows` are changed together.
Result<Decision> decide(format::KeyState& state, const RecordHash& hash, const format::Record& record, KeyRows& rows,
                        const Rules& rules = {});

// Ancestry that became known late (records of several journals come in any order): heads that turn out to be ancestors
// of other heads are heads no longer, and open ancestors are awaited. decide does it for a record that was awaited; the
// home when the parents of an awaited or ended record become known.
Result<void> settle_heads(format::KeyState& state, KeyRows& rows);

// How far the walk through ancestors without a row goes. Past it a record counts as not known: a visible conflict,
// never a loss.
inline constexpr size_t kMaxWalk = 100'000;

}  // namespace dl::journal

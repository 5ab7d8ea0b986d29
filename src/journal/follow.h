#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "format/history.h"
#include "journal/receive.h"
#include "journal/space.h"

// Following the home's history, and what a sync session asks of a space: heads, journals, bodies wanted, cursors.
// Reads take any View; changes run inside a step.
namespace dl::journal {

// Where a node is in a space's history. `decided_csn` is where it last knew the whole decided set: equal to csn after a
// last piece.
struct Cursor {
  uint64_t epoch = 1;
  uint64_t csn = 0;
  uint64_t decided_csn = 0;
  bool operator==(const Cursor&) const = default;
};
struct SpacePosition {
  Cursor cursor;
  Sha256 fingerprint;  // of the live set; equal at the same csn, if both are complete
  bool complete = false;
  bool followed = false;  // a last piece was taken once: all that the home had then is here
};
Result<SpacePosition> read_position(const storage::View& view, const Space& space);

// Whether an empty history is told as a last piece without an entry: to a follower that never had a last piece.
enum class IfEmpty : uint8_t { kNothing, kPiece };
// The next piece for a follower at `from`: about `max_bytes`, at least one entry. The home and any follower can serve
// it. nullopt: this node knows nothing newer. Errors: kConflict when `from` is of a later epoch.
Result<std::optional<format::HistoryPiece>> read_history(const storage::View& view, const Space& space,
                                                         const Cursor& from, size_t max_bytes,
                                                         IfEmpty if_empty = IfEmpty::kNothing);

struct Applied {
  Cursor cursor;
  bool complete = false;  // this was the last piece
  bool equal = true;      // the fingerprints agreed where they can be compared; false is an alarm
};
// Applies a piece; again and in any order is harmless. Versions that it ends lose their body at once; bodies of new
// ones are remote until they come. Errors, none of which changes anything: kConflict: a gap, or this node is the home;
// kUnsupported: a later epoch (the hub was restored); kCorrupt.
Result<Applied> apply_history(storage::Batch& batch, const Space& space, const format::HistoryPiece& piece,
                              const Moment& now);

struct JournalHead {
  NodeId origin;
  uint64_t received = 0;  // gap-free
  uint64_t given = 0;     // own journal
  uint64_t decided = 0;   // all up to here are
  uint64_t sealed = 0;    // up to here it is signed by its node; of another's journal: checked
};
Result<std::vector<JournalHead>> journal_heads(const storage::View& view, const Space& space);

// Items [from, ...) of a journal, up to max_items and about max_bytes; empty at its end. A device's own journal only
// as far as it is marked given.
Result<std::vector<JournalItem>> read_journal(const storage::View& view, const Space& space, const NodeId& origin,
                                              uint64_t from, size_t max_items, size_t max_bytes);
// Own records up to `oseq` may leave this node from now on. Must be durable before any of them enters a frame: what was
// given is never voided.
Result<void> mark_given(storage::Batch& batch, const Space& space, uint64_t oseq);
// A peer holds a journal up to here durably, or has followed this far. For status; sessions rest on Hello.
Result<void> acknowledged(storage::Batch& batch, const Space& space, const NodeId& peer, const NodeId& origin,
                          uint64_t oseq);
Result<void> acknowledged_history(storage::Batch& batch, const Space& space, const NodeId& peer, const Cursor& cursor);
Result<format::PeerRow> read_peer(const storage::View& view, const Space& space, const NodeId& peer);

// Records whose body is not here, held ones too.
struct Wanted {
  RecordHash hash;
  Bytes key;
  uint64_t size = 0;
  bool committed = false;  // remote at a follower: the home has it
  NodeId origin;
  Sha256 body_hash;
  bool multipart = false;
};
enum class Order : uint8_t { kNewestFirst, kOldestFirst };  // oldest first costs a scan of all
// `fits` chooses which ones count (those that a peer can have); empty: all.
Result<std::vector<Wanted>> wanted(const storage::View& view, const Space& space, size_t max,
                                   Order order = Order::kNewestFirst,
                                   const std::function<bool(const Wanted&)>& fits = {});
// nullopt: its body is here, or it is not known, or it ended.
Result<std::optional<Wanted>> find_wanted(const storage::View& view, const Space& space, const RecordHash& hash);

// The body of a record that is here, for a peer that wants it. nullopt: not here (any more).
struct BodySource {
  format::Record record;
  std::vector<storage::BlobPiece> pieces;
  std::optional<format::BodyManifest> manifest;
};
Result<std::optional<BodySource>> find_body(const storage::View& view, const Space& space, const RecordHash& hash);

}  // namespace dl::journal

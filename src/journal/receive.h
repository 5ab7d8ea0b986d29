#pragma once

#include <optional>
#include <vector>

#include "format/frames.h"
#include "journal/commit.h"
#include "journal/space.h"

// What other nodes' journals bring, and the home's loop over it: receive, give bodies, commit what is ready. All run
// inside a step. Seals and membership are checked before.
namespace dl::journal {

// One place of a journal as it travels: the record's bytes, or only its hash where the writer voided it or where it was
// ended and forgotten.
using format::JournalItem;

struct Received {
  uint64_t received = 0;  // the journal is here up to this place, gap-free
  size_t fresh = 0;       // places that were not known before
};

// Takes items [from, from + size) of another node's journal. Places that are known already are compared and skipped.
// Non-home: tentative records join the view at once (objects when their body is here). Home: nothing is committed yet,
// see commit_ready. Records that arrive for a deleted bucket, or that carry an envelope, are held.
// Errors, none of which changes anything: kForeign: a fork, a place has another record already, or it is this node's
// own journal and the other has more of it (take a new incarnation); kConflict: a gap before `from`; kCorrupt: bytes
// that are no record, or not of this space and journal.
Result<Received> receive_records(storage::Batch& batch, const Space& space, const NodeId& origin, uint64_t from,
                                 const std::vector<JournalItem>& items, const Moment& now);

// A body that came with sync: written anew, or pieces of blobs that are here already.
struct ArrivedBody {
  Sha256 body_hash;  // as computed from the bytes (over the part list for multipart): compared with the record
  std::optional<storage::WrittenBody> fresh;
  std::vector<storage::BlobPiece> pieces;
  std::optional<format::BodyManifest> manifest;
};
// Gives a record its body. At the home the record is committed at that moment unless earlier records of its journal
// are still to be looked at. Returns false when the record does not want one (it has it, or was ended): the bytes then
// belong to nobody. Errors: kNotFound: no such record; kCorrupt: hash or size differ from the record's.
Result<bool> body_arrived(storage::Batch& batch, const Space& space, const RecordHash& hash, ArrivedBody body,
                          const Moment& now);

// Home: commits up to `max` ready records of all journals, in order within each, past those whose body is late.
// Returns how many were looked at; fewer than `max`: nothing ready is left.
Result<size_t> commit_ready(storage::Batch& batch, const Space& space, size_t max, const Moment& now);

// Home: holds or refuses a record that is not committed. Both leave every view; the bytes stay in the inbox.
// Errors: kNotFound; kConflict: committed or ended already.
Result<void> set_verdict(storage::Batch& batch, const Space& space, const RecordHash& hash, format::Status status,
                         Reason reason);

// Home: holds up to `max` records of that journal which were looked at and still wait for their body: their device will
// not bring it (lost). Returns whether there may be more. Records and bodies stay in the inbox.
Result<bool> hold_waiting(storage::Batch& batch, const Space& space, const NodeId& origin, Reason reason, size_t max);

// Home: where the journal ends, when all of it is decided and no record of it waits for its body, held ones included:
// its writer may let go of its copy. nullopt: not yet.
Result<std::optional<uint64_t>> settled_at(const storage::View& view, const Space& space, const NodeId& origin);

// Home: a held record is committed after all, now or when its body is here. If it was ended meanwhile it stays ended
// (returns false). Errors: kNotFound; kConflict: it is not held.
Result<bool> accept_held(storage::Batch& batch, const Space& space, const RecordHash& hash, const Moment& now);

// Home: an ancestor whose origin is lost is waited for no longer. Errors: kNotFound: the key does not await it.
Result<void> give_up(storage::Batch& batch, const Space& space, BytesView key, const RecordHash& hash);

// Held and refused records of a space, by key: the inbox.
struct InboxItem {
  RecordHash hash;
  format::Status status = format::Status::kHeld;
  Reason reason = Reason::kNone;
  std::optional<format::Record> record;  // nullopt: only its verdict came this far
};
Result<void> scan_inbox(const storage::View& view, const Space& space,
                        const std::function<Result<storage::Scan>(const InboxItem&)>& fn);

}  // namespace dl::journal

#pragma once

#include "journal/space.h"

// The beginning and end of a space at this node.
namespace dl::journal {

// The node holds the space from now on. Idempotent.
Result<void> create_space(storage::Batch& batch, const Space& space);

// Home: the bucket is deleted; records that arrive from now on are held with their bodies, and nothing is refused or
// lost. Errors: kConflict while the space holds anything. Idempotent.
Result<void> close_space(storage::Batch& batch, const Space& space);

// Takes up to `max` rows of the space off this node (unassigned), each with what hangs on it, and returns whether there
// may be more. Bodies are freed at `due`; uploads in progress go too. Its own journal goes as well: the caller makes
// sure that the home decided all of it and holds its bodies. After the last call the node holds nothing of the space
// but the place where its own journal ended (its number, the hashes of its last record and the last seal): when the
// space is created here again, the journal of this node goes on behind it, and no place is ever given twice.
Result<bool> drop_space(storage::Batch& batch, const Space& space, size_t max, WallTime due);

}  // namespace dl::journal

#pragma once

#include "journal/work.h"

// The view of a key: committed state, then its tentative records on top. For the sources of this room.
namespace dl::journal {

// Makes the view of a key anew from its committed state and its tentative records, and its listing row. Called after
// any change to either. At the home the view is the committed state.
Result<void> recompute_view(Work& work, BytesView key);

// The same at the home when nothing became pending: the listing row alone, while nothing is arriving for the key.
Result<void> view_after_commit(Work& work, BytesView key);

// The same for a record of this node that was just written above everything the view was made of: costs what the record
// changes, not what the key holds. Precondition: not home; admitted and pending.
Result<void> extend_view(Work& work, const RecordHash& hash, const format::Record& record);

}  // namespace dl::journal

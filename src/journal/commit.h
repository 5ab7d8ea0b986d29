#pragma once

#include "journal/work.h"

// What the home does with a record: decide, write what it did, one entry a version. For the sources of this room.
namespace dl::journal {

// Why a record is held or refused; stored in the verdict (numbers never change).
enum class Reason : uint32_t {
  kNone = 0,
  kLocked = 1,         // purge of a locked version
  kBucketDeleted = 2,  // the bucket was deleted when it arrived
  kEnvelope = 3,       // made by a newer version of the program
  kAuthor = 4,         // author removed, or not allowed
  kDevice = 5,         // device lost
  kLabel = 6,
  kQuota = 7,
  kMassDelete = 8,
  kAccepted = 9,  // held until its body is at the home, then committed
  kNoTrace = 10,  // follower: the home is past it, but neither row, end nor verdict came; kept, never dropped
};

// Versions that a synced record ended keep their body this long at the home.
inline constexpr Millis kUndoWindow{7ll * 24 * 3600 * 1000};

// Commits a known, undecided record: key state, rows, entries, decided set, listing. `due`: when ended bodies are
// freed. A purge of a locked version gets the verdict "refused" instead. Precondition: home.
Result<void> commit_record(Work& work, const RecordHash& hash, const Moment& now, WallTime due);

// Marks the record's place in its journal as decided, at the present csn.
Result<void> mark_decided(Work& work, const format::Record& record);

// The parents of an awaited or ended record became known: the key's heads may change. Precondition: home.
Result<void> learn_parents(Work& work, const RecordHash& hash, BytesView key, const Moment& now);

// Writes a verdict with its entry. Precondition: home; the record is known and neither committed nor ended.
Result<void> write_verdict(Work& work, const Known& known, format::Status status, Reason reason);

}  // namespace dl::journal

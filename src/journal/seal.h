#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/space.h"

// Seals: a node's signature over a range of its journal, or the home's over a range of its history. Made outside the
// write path, so a View reads and one step stores. Crash safety never rests on them.
namespace dl::journal {

using SignFn = std::function<Result<Bytes>(BytesView message)>;
// Errors: kForeign when the signature is not of the device's key.
using VerifyFn = std::function<Result<void>(BytesView message, BytesView signature)>;

// The root of a run of record hashes: SHA-256 chained from zero.
Sha256 chain_root(const std::vector<RecordHash>& hashes);

// How much one seal covers, so that its records always fit one frame: places, and bytes of items (at least one).
struct SealLimits {
  size_t places = 1000;
  size_t bytes = 48 * 1024;
};
// The next seal of this node's own journal: what was written since the last one, within the limits. nullopt: nothing to
// seal. `incarnation` goes into the first seal only.
Result<std::optional<format::Seal>> build_seal(const storage::View& view, const Space& space,
                                               const format::Incarnation& incarnation, const SealLimits& limits,
                                               const SignFn& sign);
// The next seal of the home's history: everything committed since the last one.
Result<std::optional<format::Seal>> build_history_seal(const storage::View& view, const Space& space,
                                                       const format::Incarnation& incarnation, const SignFn& sign);

// Stores a seal, own or received, behind the last one of its chain; the same again is harmless.
// Errors: kConflict: it does not follow the last one.
Result<void> store_seal(storage::Batch& batch, const Space& space, const format::Seal& seal);

// Seals of a journal (or a history) whose range ends at or above `from`, ascending.
Result<std::vector<format::Seal>> read_seals(const storage::View& view, const Space& space, const NodeId& origin,
                                             bool history, uint64_t from, size_t max);

// Whether a received seal fits: the signature, its place behind `last` (nullptr: it is the first and must carry an
// incarnation of this origin), and the root over the hashes of its range. Errors: kForeign; kCorrupt.
Result<void> verify_seal(const format::Seal& seal, const format::Seal* last, const std::vector<RecordHash>& hashes,
                         const VerifyFn& verify);
// Whether `seals` cover items [from, ...) of another node's journal just so: all of them, each signed, each behind the
// one before and the first behind what is stored here. `device` is whose key `verify` knows. Errors: kForeign.
Result<void> verify_seals(const storage::View& view, const Space& space, const NodeId& origin, const DeviceId& device,
                          uint64_t from, const std::vector<JournalItem>& items, const std::vector<format::Seal>& seals,
                          const VerifyFn& verify);
// The same for a history seal, whose root is over the fingerprint of the live set at its end.
Result<void> verify_history_seal(const format::Seal& seal, const format::Seal* last, const Sha256& fingerprint,
                                 const VerifyFn& verify);
// The hash that the next seal names as its predecessor.
Sha256 hash_seal(const format::Seal& seal);

}  // namespace dl::journal

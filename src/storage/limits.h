#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"

// Bounds of the storage room. What an operator may change is a field of a Limits struct and starts from these.
namespace dl::storage {

inline constexpr size_t kMaxQueuedSteps = 4096;             // of one partition; the next commit gets kBusy
inline constexpr size_t kMaxGroupSteps = 1024;              // one write and one sync for at most so many
inline constexpr size_t kMaxGroupBytes = 8u << 20;          // no further step joins a group that holds this much
inline constexpr size_t kMaxStepBytes = 32u << 20;          // a step that writes more fails with kTooLarge
inline constexpr Millis kTick{100};                         // how often an idle committer looks after its store
inline constexpr uint64_t kInlineBodyBytes = 16 * 1024;     // larger bodies lie in segments
inline constexpr uint64_t kMaxInlineBodyBytes = 1u << 20;   // what that may be set to
inline constexpr uint64_t kMaxBlobBytes = 64ull << 20;      // a longer body is several blobs
inline constexpr uint64_t kMaxSegmentBytes = 256ull << 20;  // then the next segment is begun
inline constexpr size_t kSlabBytes = 64 * 1024;             // sealed as one unit, and the least that a read decrypts
inline constexpr size_t kMaxReclaimed = 256;                // blobs freed in one step

// Keys from here on are the store's own: they are never shown, and a put there is our bug.
inline constexpr BytesView kEndOfKeys = "\xff";

}  // namespace dl::storage

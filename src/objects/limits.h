#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/limits.h"

// Bounds of the room. Those of the interface are in base/limits.h.
namespace dl::objects::limits {

using namespace dl::limits;

// A body moves through this much memory a request, whatever its size.
inline constexpr size_t kTransferBytes = 256 * 1024;
// A body up to this is hashed and stored on the event loop: a trip to the pool costs more than the work.
inline constexpr size_t kOnLoopBytes = 16 * 1024;
// How often a write is decided again because control state moved under it.
inline constexpr int kMaxRenewals = 5;
// How long a GET waits for a body that is on its way.
inline constexpr Millis kBodyWait{30'000};
// How long one commit may take before its writer is told that it is open.
inline constexpr Millis kCommitWait{60'000};
// How long a repeated CompleteMultipartUpload is answered like the first.
inline constexpr Millis kRepeatWindow = std::chrono::hours(24);
// DeleteObjects: keys a request.
inline constexpr size_t kMaxDeletes = 1000;

}  // namespace dl::objects::limits

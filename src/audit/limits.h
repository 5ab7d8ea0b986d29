#pragma once

#include <chrono>
#include <cstddef>

namespace dl::audit::limits {

inline constexpr size_t kMaxQueued = 10'000;           // records of reads and refusals that wait
inline constexpr size_t kMaxQueuedBytes = 8u << 20;    // of these
inline constexpr size_t kMaxGroup = 1'000;             // records written by one step
inline constexpr std::chrono::milliseconds kWait{50};  // before they are written; half of the 100 ms that are promised

}  // namespace dl::audit::limits

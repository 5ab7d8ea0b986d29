#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace dl::compute {

inline constexpr size_t kMaxNameBytes = 63;
inline constexpr size_t kMaxWords = 1024;             // command and arguments
inline constexpr size_t kMaxEnvironment = 512;        // variables
inline constexpr size_t kMaxProcessBytes = 1u << 20;  // command, arguments and environment in bytes
inline constexpr size_t kMaxStagedObjects = 100'000;  // in or out
inline constexpr uint64_t kMinMemoryBytes = 4ull << 20;
inline constexpr uint64_t kDefaultPids = 4096;
inline constexpr uint64_t kWantedOpenFiles = 65'536;
inline constexpr int kWantedOomScore = 300;  // a container dies before the node does
inline constexpr uint64_t kDefaultMaxLogBytes = 16ull << 20;
inline constexpr size_t kMaxLogPieceBytes = 1u << 20;   // of the file, read at once
inline constexpr size_t kMinLogPieceBytes = 64u << 10;  // the supervisor writes lines of at most 8 KiB
inline constexpr uint32_t kDefaultJobRestarts = 6;

inline constexpr Millis kFirstBackOff{1'000};
inline constexpr Millis kLongestBackOff{5 * 60'000};
inline constexpr Millis kCalmRun{10 * 60'000};  // having run so long, the next failure counts as the first
inline constexpr Millis kRetry{5'000};          // looks again for what is missing
inline constexpr Millis kStopGrace{10'000};     // between TERM and KILL
inline constexpr Millis kRuntimeCall{60'000};   // deadline of one call of crun or conmon

}  // namespace dl::compute

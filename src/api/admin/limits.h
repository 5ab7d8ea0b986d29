#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

// Bounds of the administration API.
namespace dl::api::admin::limits {

inline constexpr size_t kMaxBodyBytes = 1 << 20;  // of a JSON request
inline constexpr size_t kMaxDepth = 8;
inline constexpr size_t kMaxQueryFields = 32;
inline constexpr size_t kMaxPage = 1000;           // rows of one answer
inline constexpr size_t kMaxLogBytes = 256 << 10;  // of one answer with a job's output
inline constexpr uint64_t kMaxInviteSeconds = 30ull * 24 * 3600;
inline constexpr size_t kMaxCommandWords = 256;  // of a job
inline constexpr size_t kMaxEnvironment = 256;
inline constexpr Millis kMaxTimeout = std::chrono::hours(24 * 366);

}  // namespace dl::api::admin::limits

#pragma once

#include <cstddef>
#include <cstdint>

// Bounds of the interface that several rooms share. A room's own are in its own limits.h.
namespace dl::limits {

inline constexpr uint64_t kMaxObjectBytes = 5ull << 40;
inline constexpr uint64_t kMinPartBytes = 5ull << 20;
inline constexpr uint64_t kMaxPartBytes = 5ull << 30;
inline constexpr uint32_t kMaxParts = 10'000;
inline constexpr size_t kMaxKeyBytes = 1024;
inline constexpr size_t kMaxUserMetadataBytes = 2048;
inline constexpr size_t kMaxListing = 1000;
inline constexpr size_t kStreamChunkBytes = 64 * 1024;

}  // namespace dl::limits

#pragma once

#include <cstddef>
#include <cstdint>

// Bounds of a session, each way.
namespace dl::sync {

inline constexpr uint64_t kWindowBytes = 4ull << 20;     // unacknowledged, a class
inline constexpr size_t kStretchBytes = 256 * 1024;      // of history in one piece
inline constexpr size_t kMaxStretchBytes = 64ull << 20;  // a piece may be larger for one entry with many conflicts
inline constexpr size_t kChunkBytes = 2ull << 20;        // of a large body, durable at once
inline constexpr size_t kMaxWants = 256;                 // bodies asked for and not yet here
inline constexpr size_t kMaxManifestBytes = 1ull << 20;  // 10,000 parts and their wrapping
inline constexpr size_t kMaxQueuedWants = 4096;          // of the other side
inline constexpr size_t kMaxHelloSpaces = 2'000;

}  // namespace dl::sync

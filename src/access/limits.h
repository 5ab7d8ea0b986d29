#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Bounds of what a request may ask this room to look at. Each has a test at the limit and one past it.
namespace dl::access::limits {

inline constexpr size_t kMaxPathBytes = 8 * 1024;
inline constexpr size_t kMaxQueryBytes = 16 * 1024;
inline constexpr size_t kMaxQueryParams = 100;
inline constexpr size_t kMaxHeaders = 200;
inline constexpr size_t kMaxSignedHeaders = 100;
inline constexpr size_t kMaxAccessKeyBytes = 128;
inline constexpr size_t kMaxCachedKeys = 4096;
inline constexpr std::chrono::minutes kMaxSkew{15};
inline constexpr std::chrono::seconds kMaxPresignedExpiry{7 * 24 * 3600};

inline constexpr size_t kMaxChunkLineBytes = 256;  // of a chunk's header line
inline constexpr size_t kMaxTrailerBytes = 4 * 1024;
inline constexpr size_t kMaxTrailers = 8;

inline constexpr size_t kMaxPolicyBytes = 20 * 1024;
inline constexpr size_t kMaxStatements = 100;
inline constexpr size_t kMaxPatternBytes = 2048;
inline constexpr size_t kMaxJsonDepth = 8;

}  // namespace dl::access::limits

#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::registry {

inline constexpr uint64_t kMaxManifestBytes = 4ull << 20;  // manifests, indexes and configs
inline constexpr size_t kMaxLayers = 128;
inline constexpr size_t kMaxIndexEntries = 1024;
inline constexpr size_t kMaxIndexDepth = 3;  // an index in an index in an index
inline constexpr size_t kMaxJsonDepth = 32;
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 4095;
inline constexpr uint64_t kDefaultMaxImageBytes = 16ull << 30;     // a setting: all parts of one image
inline constexpr uint64_t kDefaultMaxUnpackedBytes = 64ull << 30;  // a setting
inline constexpr uint64_t kDefaultMaxEntries = 2'000'000;          // a setting: files of all layers

}  // namespace dl::registry

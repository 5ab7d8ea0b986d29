#pragma once

#include <cstddef>

#include "base/limits.h"

namespace dl::api::s3::limits {

using namespace dl::limits;

inline constexpr size_t kMaxXmlBytes = 4 * 1024 * 1024;  // CompleteMultipartUpload of 10,000 parts with checksums
inline constexpr size_t kMaxXmlDepth = 8;
inline constexpr size_t kMaxXmlElements = 100'000;
inline constexpr size_t kMaxQueryPairs = 64;
inline constexpr size_t kMaxDeletes = 1000;
inline constexpr size_t kMinBucketName = 3, kMaxBucketName = 63;

}  // namespace dl::api::s3::limits

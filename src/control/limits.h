#pragma once

#include <cstddef>

// Bounds of control state. A user names the thing that is at its bound in the error.
namespace dl::control {

inline constexpr size_t kMaxUsers = 10'000;
inline constexpr size_t kMaxKeysPerUser = 2;
inline constexpr size_t kMaxPoliciesPerUser = 4;
inline constexpr size_t kMaxPolicyBytes = 3'000;  // four of them fit the 16 KiB of a row
inline constexpr size_t kMaxBuckets = 10'000;
inline constexpr size_t kMaxBucketName = 63;
inline constexpr size_t kMaxDevices = 1'000;
inline constexpr size_t kMaxBucketsPerDevice = 100;
inline constexpr size_t kMaxEverPerDevice = 600;  // assigned, and former ones; 16 bytes each fit a row
inline constexpr size_t kMaxWorkloads = 10'000;

}  // namespace dl::control

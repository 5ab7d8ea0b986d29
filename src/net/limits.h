#pragma once

#include <cstddef>
#include <cstdint>

// Bounds of this room; each has a test at the limit and one past it.
namespace dl::net::limits {

inline constexpr size_t kMaxHeadBytes = 32 * 1024;         // request line and headers, 431 beyond
inline constexpr size_t kMaxHeaders = 100;                 // 431 beyond
inline constexpr size_t kMaxTargetBytes = 16 * 1024;       // 414 beyond
inline constexpr size_t kMaxMethodBytes = 32;              // 501 beyond
inline constexpr size_t kReadAheadBytes = 64 * 1024;       // read from a peer before a handler asks for it
inline constexpr size_t kMaxDrainBytes = 1024 * 1024;      // unread body that is read off to keep a connection
inline constexpr size_t kMaxChunkLineBytes = 1024;         // chunk size and its extensions
inline constexpr size_t kMaxTrailerBytes = 8 * 1024;       // all trailer lines of a body
inline constexpr uint64_t kMaxChunkBytes = 1ull << 62;     // a larger chunk size is malformed
inline constexpr size_t kTlsRecordBytes = 16 * 1024;       // payload of one TLS record
inline constexpr size_t kMaxCertificateBytes = 64 * 1024;  // a PEM chain or key handed to us

}  // namespace dl::net::limits

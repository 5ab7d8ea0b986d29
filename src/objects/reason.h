#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace dl::objects {

// What the front door needs to know beyond Error's code. Travels in Error::reason.
enum class Reason : uint16_t {
  kNone = 0,
  kNoSuchBucket,
  kNoSuchKey,
  kNoSuchVersion,
  kNoSuchUpload,
  kBucketNotEmpty,
  kBucketNotReady,    // assigned here, its first complete history is not: 503 with Retry-After
  kBucketExists,      // owned by the caller's node: BucketAlreadyOwnedByYou
  kMethodNotAllowed,  // GET of a delete marker by version
  kDeleteMarker,      // GET of a key whose current version is a marker
  kPreconditionFailed,
  kInvalidRange,
  kInvalidPart,
  kInvalidPartOrder,
  kInvalidPartNumber,
  kEntityTooSmall,
  kEntityTooLarge,
  kKeyTooLong,
  kIncompleteBody,
  kBadDigest,              // Content-MD5
  kContentSha256Mismatch,  // x-amz-content-sha256
  kChecksumMismatch,
  kBodyRemote,    // not here, no link: InvalidObjectState
  kBodyOnItsWay,  // not here within the wait: 503
  kNotAtHub,      // durable here, the home has not committed it within the wait: 503
  kStale,         // control state moved: decide again
  kDamaged,       // what is stored of this version cannot be read; asking again does not help
};

inline Error refuse(Code code, Reason reason, std::string message, std::string next = {}) {
  Error e = error(code, std::move(message), std::move(next));
  e.reason = static_cast<uint16_t>(reason);
  return e;
}
inline Reason reason_of(const Error& e) { return static_cast<Reason>(e.reason); }

}  // namespace dl::objects

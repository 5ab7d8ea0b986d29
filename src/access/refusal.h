#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::access {

// Why a request was not let in, as finely as a front door tells it. Travels in Error::reason; the numbers lie apart
// from those of other rooms.
enum class Refusal : uint16_t {
  kNone = 0,
  kAnonymous = 1000,      // no signature at all
  kTwoSignatures,         // header and query at once
  kUnsupportedAlgorithm,  // SigV2, SigV4A, HTTP Basic, ...
  kMalformedHeader,       // Authorization or a header it needs
  kMalformedQuery,        // X-Amz-* query parameters, path or query encoding
  kHeadersNotSigned,      // host or a present x-amz-* header is not in SignedHeaders
  kWrongRegion,           // the scope names another region than this node's
  kWrongService,
  kUnknownKey,
  kDisabledKey,        // the key or its user
  kLeasePast,          // a device without contact for too long holds no key of that day
  kBeforeLease,        // a day before the first one that a device holds a key of
  kSessionToken,       // temporary credentials are not issued here
  kSkewed,             // over 15 minutes from the node's clock
  kExpired,            // a presigned URL past its time
  kBadSignature,       // of the request
  kBadPayloadHash,     // x-amz-content-sha256 is missing or no known value
  kBadChunkSignature,  // of a chunk or of the trailers
  kBadChunkFraming,    // aws-chunked syntax
  kIncompleteBody,     // decoded length is not the declared one
  kBadPolicy,          // a policy document that is malformed or uses what is not offered
  kPolicy,             // no policy allows it, or one denies it
  kLocalUser,          // on the local socket: neither this node's user nor root
};

// A stable name for audit records and logs: "wrong-region".
std::string_view refusal_name(Refusal r);
Error refuse(Refusal r, std::string message, std::string next = {});
// kNone when the error comes from elsewhere.
Refusal refusal_of(const Error& e);

}  // namespace dl::access

#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "access/encoding.h"
#include "base/bytes.h"
#include "base/clock.h"

// The signing side of Signature Version 4: for the command line, tests and measurements.
namespace dl::access {

struct Credentials {
  std::string access_key, secret;
  std::string region, service = "s3";
};

struct OutgoingRequest {
  std::string method;
  Bytes path = "/";                                          // decoded
  std::vector<QueryParam> query;                             // decoded
  std::vector<std::pair<std::string, std::string>> headers;  // host is among them; all are signed
  std::string payload = "UNSIGNED-PAYLOAD";                  // x-amz-content-sha256: hash, or a marker
};

struct SignedRequest {
  std::string target;  // encoded path and query, for the request line
  std::vector<std::pair<std::string, std::string>>
      headers;            // all, with x-amz-date, x-amz-content-sha256, Authorization
  std::string signature;  // the seed of signed chunks
};
// Precondition: a host header.
SignedRequest sign(const OutgoingRequest& request, const Credentials& credentials, WallTime now);

// The target with the signature in its query; `headers` must be sent with it. Expiry: 1 s to 7 days.
std::string presign(const OutgoingRequest& request, const Credentials& credentials, WallTime now,
                    std::chrono::seconds expires);

// Wraps a body as aws-chunked with signed chunks of `chunk` bytes; the request was signed with
// STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or with ...-TRAILER when there are trailers.
Bytes sign_chunks(BytesView body, size_t chunk, const std::vector<std::pair<std::string, std::string>>& trailers,
                  const SignedRequest& request, const Credentials& credentials, WallTime now);

}  // namespace dl::access

#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

// AWS Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html): whether a
// request was signed by the holder of a key, in its header or its query. Pure: facts about keys and the time are handed
// in. Stricter than AWS where leniency gives two readings of one request.
namespace dl::access {

struct HeaderView {
  std::string_view name, value;
};

// A request as it came, nothing decoded. Views live as long as the caller's request.
struct RequestView {
  std::string_view method;
  std::string_view raw_path;   // before '?'
  std::string_view raw_query;  // after it
  std::span<const HeaderView> headers;
};

// First value of that name, without case.
std::optional<std::string_view> find_header(std::span<const HeaderView> headers, std::string_view name);

// What the signature says about the body.
enum class Payload : uint8_t {
  kHashed,                 // its SHA-256 is signed: to be compared once the body is there
  kUnsigned,               // UNSIGNED-PAYLOAD
  kStreamSigned,           // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  kStreamSignedTrailer,    // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
  kStreamUnsignedTrailer,  // STREAMING-UNSIGNED-PAYLOAD-TRAILER
};
inline bool is_stream(Payload p) { return p != Payload::kHashed && p != Payload::kUnsigned; }

struct Scope {
  std::string access_key;
  uint32_t day = 0;  // since 1970-01-01
  std::string region, service;
  std::string text() const;  // "20130524/us-east-1/s3/aws4_request"
};

// A request whose signature holds.
struct Verified {
  Scope scope;
  WallTime time;         // as signed
  std::string amz_date;  // the same, in its form of 16 characters
  bool presigned = false;
  Payload payload = Payload::kUnsigned;
  std::string payload_hash;           // kHashed: 64 lower-case hexadecimal digits
  uint64_t decoded_length = 0;        // streams: x-amz-decoded-content-length
  std::vector<std::string> trailers;  // streams with trailer: names announced by x-amz-trailer, lower case
  Bytes signing_key;                  // of the scope, for the chunks
  std::string signature;              // of the request: the first chunk's predecessor
};

enum class KeyStanding : uint8_t {
  kUsable,
  kUnknown,
  kDisabled,     // the key or its user
  kLeasePast,    // a device: that day is after the last one it holds a key of
  kBeforeLease,  // a device: that day is before the first one
};

// What a node knows about keys, at one moment. Const calls are thread-safe.
class KeySource {
 public:
  virtual ~KeySource() = default;
  virtual KeyStanding standing(std::string_view access_key, uint32_t day) const = 0;
  // HMAC(HMAC("AWS4" + secret, day), region): at the hub from the secret, at a device as its projection holds it.
  // Asked only when usable and not cached. One access key never gets another secret.
  virtual Result<Bytes> day_region_key(std::string_view access_key, uint32_t day, std::string_view region) const = 0;
};

struct Expected {
  std::string region;
  std::vector<std::string> services;  // that this door speaks: {"s3"}, {"demilune"}
};

// Holds the signing keys of recent scopes, so that a request costs one HMAC and two hashes. Thread-safe.
class Verifier {
 public:
  // Errors: those of access/refusal.h; wrong region is told before the key is looked at, as AWS does.
  Result<Verified> verify(const RequestView& request, const Expected& expected, WallTime now, const KeySource& keys);

 private:
  Result<Bytes> signing_key(const Scope& scope, const KeySource& keys);
  std::mutex m_;
  uint32_t newest_day_ = 0;
  std::unordered_map<std::string, Bytes> cache_;  // "access key/scope"
};

// The last two steps of the key derivation: from a day and region key to the signing key of a service.
Bytes service_signing_key(BytesView day_region_key, std::string_view service);
// The first two: what KeySource hands out.
Bytes day_region_key(std::string_view secret, uint32_t day, std::string_view region);

}  // namespace dl::access

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/encoding.h"
#include "access/sigv4.h"

// Inside this room: the canonical form that verifying and signing share.
namespace dl::access {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string lower(std::string_view text);
bool is_hex64(std::string_view text);  // 64 lower-case hexadecimal digits

struct CanonicalHeader {
  std::string name;        // lower case
  std::string_view value;  // as received
};
// Blanks at both ends off, runs of blanks to one.
std::string trim_all(std::string_view value);

struct CanonicalRequest {
  std::string_view method;
  std::string path;                      // encoded
  std::string query;                     // canonical
  std::vector<CanonicalHeader> headers;  // signed ones, sorted by name
  std::string_view payload;              // hash or marker
};
std::string signed_names(const std::vector<CanonicalHeader>& headers);  // "host;x-amz-date"
std::string canonical_text(const CanonicalRequest& request);
// Over the canonical request; 64 hexadecimal digits.
std::string request_signature(const CanonicalRequest& request, std::string_view amz_date, const Scope& scope,
                              BytesView signing_key);

}  // namespace dl::access

#include "access/sigv4.h"

#include <algorithm>
#include <charconv>

#include "access/amz_time.h"
#include "access/canonical.h"
#include "access/limits.h"
#include "access/refusal.h"
#include "crypto/hash.h"

namespace dl::access {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
         });
}

bool has_upper(std::string_view name) {
  return std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

size_t count_header(std::span<const HeaderView> headers, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const HeaderView& h) { return same_name(h.name, name); }));
}

std::optional<std::string_view> find_param(const std::vector<QueryParam>& params, std::string_view name) {
  for (const QueryParam& p : params)
    if (p.name == name) return p.value;
  return std::nullopt;
}

// What a request claims, from header or query alike, nothing believed yet.
struct Claim {
  bool presigned = false;
  Refusal malformed = Refusal::kMalformedHeader;  // how this door calls a claim that cannot be read
  std::string credential, signed_headers, signature;
};

Error malformed(const Claim& claim, std::string message) { return refuse(claim.malformed, std::move(message)); }

Result<Claim> claim_of_header(std::string_view value) {
  Claim claim;
  if (!value.starts_with(kAlgorithm) || value.size() == kAlgorithm.size() || value[kAlgorithm.size()] != ' ')
    return refuse(Refusal::kUnsupportedAlgorithm, "the Authorization header is not of AWS4-HMAC-SHA256",
                  "sign with Signature Version 4");
  std::string_view rest = value.substr(kAlgorithm.size());
  while (!rest.empty()) {
    size_t end = std::min(rest.find(','), rest.size());
    std::string piece = trim_all(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    size_t equals = piece.find('=');
    if (equals == std::string::npos) return malformed(claim, "the Authorization header has a part without '='");
    std::string name = piece.substr(0, equals);
    std::string* field = name == "Credential"      ? &claim.credential
                         : name == "SignedHeaders" ? &claim.signed_headers
                         : name == "Signature"     ? &claim.signature
                                                   : nullptr;
    if (!field || !field->empty())
      return malformed(claim, "the Authorization header has an unknown part, or one twice: " + name.substr(0, 40));
    *field = piece.substr(equals + 1);
  }
  return claim;
}

Result<Claim> claim_of_query(const std::vector<QueryParam>& params) {
  Claim claim{.presigned = true, .malformed = Refusal::kMalformedQuery};
  if (find_param(params, "X-Amz-Algorithm") != kAlgorithm)
    return refuse(Refusal::kUnsupportedAlgorithm, "X-Amz-Algorithm is not AWS4-HMAC-SHA256",
                  "sign with Signature Version 4");
  claim.credential = find_param(params, "X-Amz-Credential").value_or("");
  claim.signed_headers = find_param(params, "X-Amz-SignedHeaders").value_or("");
  claim.signature = find_param(params, "X-Amz-Signature").value_or("");
  return claim;
}

Result<Claim> find_claim(const RequestView& request, const std::vector<QueryParam>& params) {
  size_t in_header = count_header(request.headers, "authorization");
  bool in_query = find_param(params, "X-Amz-Algorithm") || find_param(params, "X-Amz-Signature") ||
                  find_param(params, "X-Amz-Credential");
  if (in_header + (in_query ? 1 : 0) > 1)
    return refuse(Refusal::kTwoSignatures, "a request carries one signature, in its header or in its query");
  if (in_header) return claim_of_header(*find_header(request.headers, "authorization"));
  if (in_query) return claim_of_query(params);
  if (find_param(params, "AWSAccessKeyId") && find_param(params, "Signature"))
    return refuse(Refusal::kUnsupportedAlgorithm, "Signature Version 2 is not accepted", "sign with Version 4");
  return refuse(Refusal::kAnonymous, "the request is not signed", "sign it with an access key");
}

bool is_scope_word(std::string_view s) {
  return !s.empty() && s.size() <= 64 && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

Result<Scope> parse_scope(const Claim& claim) {
  std::vector<std::string_view> parts;
  std::string_view rest = claim.credential;
  for (size_t slash; (slash = rest.find('/')) != std::string_view::npos && parts.size() < 6;) {
    parts.push_back(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
  }
  parts.push_back(rest);
  if (parts.size() != 5 || parts[4] != "aws4_request")
    return malformed(claim, "the credential is not KEY/YYYYMMDD/REGION/SERVICE/aws4_request");
  auto day = parse_day(parts[1]);
  bool key_ok = parts[0].size() <= limits::kMaxAccessKeyBytes && !parts[0].empty() &&
                std::all_of(parts[0].begin(), parts[0].end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!day || !key_ok || !is_scope_word(parts[2]) || !is_scope_word(parts[3]))
    return malformed(claim, "the credential's key, day, region or service cannot be read");
  return Scope{std::string(parts[0]), *day, std::string(parts[2]), std::string(parts[3])};
}

// The headers that the claim names: lower case, sorted, none twice, each exactly once in the request; host and every
// x-amz-* and x-demilune-* header of the request among them, because these change what is done.
Result<std::vector<CanonicalHeader>> signed_headers(const RequestView& request, const Claim& claim) {
  std::vector<CanonicalHeader> out;
  std::string_view rest = claim.signed_headers;
  while (true) {
    size_t end = std::min(rest.find(';'), rest.size());
    std::string name(rest.substr(0, end));
    if (name.empty() || has_upper(name) || name.find_first_of(" \t:,") != std::string::npos)
      return malformed(claim, "SignedHeaders are lower-case names with ';' between them");
    if (!out.empty() && name <= out.back().name) return malformed(claim, "SignedHeaders are not sorted");
    if (out.size() == limits::kMaxSignedHeaders) return malformed(claim, "SignedHeaders names over 100 headers");
    size_t count = count_header(request.headers, name);
    if (count != 1)
      return malformed(
          claim, "the signed header '" + name.substr(0, 64) + "' is " + (count ? "given more than once" : "missing"));
    out.push_back({name, *find_header(request.headers, name)});
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  auto is_signed = [&](std::string_view name) {
    return std::any_of(out.begin(), out.end(), [&](const CanonicalHeader& h) { return same_name(h.name, name); });
  };
  if (!is_signed("host")) return refuse(Refusal::kHeadersNotSigned, "the host header is not signed");
  for (const HeaderView& h : request.headers) {
    if (!same_name(h.name.substr(0, 6), "x-amz-") && !same_name(h.name.substr(0, 11), "x-demilune-")) continue;
    std::string name = lower(h.name);
    if (is_signed(name)) continue;
    bool says_nothing = claim.presigned && name == "x-amz-content-sha256" && h.value == kUnsignedPayload;
    if (!says_nothing || count_header(request.headers, name) != 1)
      return refuse(Refusal::kHeadersNotSigned, "the header '" + name.substr(0, 64) + "' is not signed");
  }
  return out;
}

bool names_header(const std::vector<CanonicalHeader>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const CanonicalHeader& h) { return h.name == name; });
}

Result<WallTime> header_time(const RequestView& request, const std::vector<CanonicalHeader>& headers) {
  if (auto text = find_header(request.headers, "x-amz-date")) {
    auto t = parse_amz_date(*text);
    if (!t) return refuse(Refusal::kMalformedHeader, "x-amz-date is not of the form 20130524T000000Z");
    return *t;
  }
  auto text = find_header(request.headers, "date");
  if (!text || !names_header(headers, "date"))
    return refuse(Refusal::kMalformedHeader, "the request has no signed x-amz-date or Date header");
  auto t = parse_http_date(*text);
  if (!t) t = parse_amz_date(*text);
  if (!t) return refuse(Refusal::kMalformedHeader, "the Date header cannot be read");
  return *t;
}

Result<void> check_header_time(WallTime signed_at, WallTime now) {
  auto off = signed_at > now ? signed_at - now : now - signed_at;
  if (off <= limits::kMaxSkew) return {};
  return refuse(Refusal::kSkewed,
                "the request was signed at " + amz_date(signed_at) + ", the clock here says " + amz_date(now),
                "set the clocks; 15 minutes of difference are allowed");
}

Result<WallTime> check_query_time(const std::vector<QueryParam>& params, WallTime now) {
  auto signed_at = parse_amz_date(find_param(params, "X-Amz-Date").value_or(""));
  if (!signed_at) return refuse(Refusal::kMalformedQuery, "X-Amz-Date is not of the form 20130524T000000Z");
  std::string_view text = find_param(params, "X-Amz-Expires").value_or("");
  uint32_t seconds = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (bad != std::errc{} || end != text.data() + text.size() || seconds == 0 ||
      std::chrono::seconds(seconds) > limits::kMaxPresignedExpiry)
    return refuse(Refusal::kMalformedQuery, "X-Amz-Expires is not a number of seconds from 1 to 604800");
  if (*signed_at > now + limits::kMaxSkew)
    return refuse(Refusal::kSkewed,
                  "the URL was signed at " + amz_date(*signed_at) + ", the clock here says " + amz_date(now));
  if (now > *signed_at + std::chrono::seconds(seconds))
    return refuse(Refusal::kExpired, "the presigned URL has expired", "make a new one");
  return *signed_at;
}

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    size_t end = std::min(list.find(','), list.size());
    std::string name = lower(trim_all(list.substr(0, end)));
    if (!name.empty()) out.push_back(std::move(name));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

Result<void> read_stream_headers(const RequestView& request, Verified& out) {
  auto text = find_header(request.headers, "x-amz-decoded-content-length");
  if (!text) return refuse(Refusal::kBadPayloadHash, "a streamed body needs x-amz-decoded-content-length");
  auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), out.decoded_length);
  if (bad != std::errc{} || end != text->data() + text->size() || text->empty())
    return refuse(Refusal::kBadPayloadHash, "x-amz-decoded-content-length is not a number of bytes");
  if (out.payload == Payload::kStreamSigned) return {};
  out.trailers = split_names(find_header(request.headers, "x-amz-trailer").value_or(""));
  if (out.trailers.empty() || out.trailers.size() > limits::kMaxTrailers)
    return refuse(Refusal::kBadPayloadHash, "a streamed body with trailers needs x-amz-trailer with 1 to 8 names");
  return {};
}

Result<void> read_payload(const RequestView& request, std::string_view text, Verified& out) {
  if (is_hex64(text)) {
    out.payload = Payload::kHashed;
    out.payload_hash = text;
    return {};
  }
  if (text == kUnsignedPayload) {
    out.payload = Payload::kUnsigned;
    return {};
  }
  if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    out.payload = Payload::kStreamSigned;
  } else if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    out.payload = Payload::kStreamSignedTrailer;
  } else if (text == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    out.payload = Payload::kStreamUnsignedTrailer;
  } else {
    return refuse(Refusal::kBadPayloadHash,
                  "x-amz-content-sha256 is neither a lower-case SHA-256, UNSIGNED-PAYLOAD, nor a STREAMING form "
                  "that is known here");
  }
  return read_stream_headers(request, out);
}

Result<std::string> payload_text(const RequestView& request, const Claim& claim, const std::vector<QueryParam>& params,
                                 const std::vector<CanonicalHeader>& headers) {
  auto header = find_header(request.headers, "x-amz-content-sha256");
  if (!claim.presigned) {
    if (!header) return refuse(Refusal::kBadPayloadHash, "the header x-amz-content-sha256 is missing");
    return std::string(*header);
  }
  auto param = find_param(params, "X-Amz-Content-Sha256");
  bool signed_header = header && names_header(headers, "x-amz-content-sha256");
  if (param && signed_header && *param != *header)
    return refuse(Refusal::kMalformedQuery, "header and query name different payload hashes");
  if (param) return std::string(*param);
  return std::string(signed_header ? *header : kUnsignedPayload);
}

Result<void> check_scope(const Scope& scope, const Expected& expected) {
  if (std::find(expected.services.begin(), expected.services.end(), scope.service) == expected.services.end())
    return refuse(Refusal::kWrongService, "the credential is for the service '" + scope.service + "'",
                  "sign for the service '" + (expected.services.empty() ? "" : expected.services[0]) + "'");
  if (scope.region != expected.region)
    return refuse(Refusal::kWrongRegion,
                  "the region '" + scope.region + "' is wrong; expecting '" + expected.region + "'",
                  "set the region to '" + expected.region + "'");
  return {};
}

Result<void> check_standing(const Scope& scope, const KeySource& keys) {
  switch (keys.standing(scope.access_key, scope.day)) {
    case KeyStanding::kUsable:
      return {};
    case KeyStanding::kUnknown:
      return refuse(Refusal::kUnknownKey, "no such access key here");
    case KeyStanding::kDisabled:
      return refuse(Refusal::kDisabledKey, "the access key or its user is disabled");
    case KeyStanding::kLeasePast:
      return refuse(Refusal::kLeasePast,
                    "this device was without contact to its hub for too long: it holds no key of that day",
                    "bring it in contact with the hub; the local administrator still works");
    case KeyStanding::kBeforeLease:
      return refuse(Refusal::kBeforeLease,
                    "the signature's day, " + amz_date(WallTime(std::chrono::days(scope.day))).substr(0, 8) +
                        ", is before the first one that this device holds a key of",
                    "check the clock of this device and that of the client");
  }
  return refuse(Refusal::kUnknownKey, "no such access key here");
}

}  // namespace

std::optional<std::string_view> find_header(std::span<const HeaderView> headers, std::string_view name) {
  for (const HeaderView& h : headers)
    if (same_name(h.name, name)) return h.value;
  return std::nullopt;
}

Result<Bytes> Verifier::signing_key(const Scope& scope, const KeySource& keys) {
  std::string name = scope.access_key + "/" + scope.text();
  {
    std::lock_guard lock(m_);
    auto it = cache_.find(name);
    if (it != cache_.end()) return it->second;
  }
  DL_TRY(Bytes of_region, keys.day_region_key(scope.access_key, scope.day, scope.region));
  Bytes key = service_signing_key(of_region, scope.service);
  std::lock_guard lock(m_);
  if (scope.day > newest_day_ || cache_.size() >= limits::kMaxCachedKeys) cache_.clear();
  newest_day_ = std::max(newest_day_, scope.day);
  cache_.emplace(std::move(name), key);
  return key;
}

Result<Verified> Verifier::verify(const RequestView& request, const Expected& expected, WallTime now,
                                  const KeySource& keys) {
  if (request.headers.size() > limits::kMaxHeaders)
    return refuse(Refusal::kMalformedHeader, "the request has over 200 headers");
  if (request.raw_path.size() > limits::kMaxPathBytes || !request.raw_path.starts_with('/'))
    return refuse(Refusal::kMalformedQuery, "the path does not start with '/', or is over 8 KiB");
  DL_TRY(Bytes path, uri_decode(request.raw_path));
  DL_TRY(auto params, parse_query(request.raw_query));
  DL_TRY(Claim claim, find_claim(request, params));
  DL_TRY(Scope scope, parse_scope(claim));
  if (!is_hex64(claim.signature)) return malformed(claim, "the signature is not 64 lower-case hexadecimal digits");
  DL_TRY(auto headers, signed_headers(request, claim));
  if (find_header(request.headers, "x-amz-security-token") || find_param(params, "X-Amz-Security-Token"))
    return refuse(Refusal::kSessionToken, "session tokens are not issued here");
  DL_OK(check_scope(scope, expected));

  Verified out{.scope = scope, .presigned = claim.presigned, .signature = claim.signature};
  if (claim.presigned) {
    DL_TRY(out.time, check_query_time(params, now));
  } else {
    DL_TRY(out.time, header_time(request, headers));
    DL_OK(check_header_time(out.time, now));
  }
  if (day_of(out.time) != scope.day) return malformed(claim, "the credential's day is not the day of the request");
  out.amz_date = amz_date(out.time);
  DL_TRY(std::string payload, payload_text(request, claim, params, headers));
  DL_OK(read_payload(request, payload, out));
  DL_OK(check_standing(scope, keys));
  DL_TRY(out.signing_key, signing_key(scope, keys));

  if (claim.presigned) std::erase_if(params, [](const QueryParam& p) { return p.name == "X-Amz-Signature"; });
  CanonicalRequest canonical{request.method, uri_encode(path, Slash::kKeep), canonical_query(params),
                             std::move(headers), payload};
  std::string signature = request_signature(canonical, out.amz_date, scope, out.signing_key);
  if (!equal_constant_time(signature, claim.signature))
    return refuse(Refusal::kBadSignature, "the signature does not match the request and the key",
                  "check the secret key and how the client signs");
  return out;
}

}  // namespace dl::access

#include "access/sign.h"

#include <algorithm>

#include <fmt/format.h>

#include "access/amz_time.h"
#include "access/canonical.h"
#include "access/chunked.h"
#include "access/limits.h"
#include "base/assert.h"
#include "crypto/hash.h"

namespace dl::access {
namespace {

Bytes signing_key(const Credentials& c, uint32_t day) {
  return service_signing_key(day_region_key(c.secret, day, c.region), c.service);
}

Scope scope_of(const Credentials& c, WallTime now) { return {c.access_key, day_of(now), c.region, c.service}; }

std::vector<CanonicalHeader> canonical_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::vector<CanonicalHeader> out;
  for (const auto& [name, value] : headers) out.push_back({lower(name), value});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  DL_REQUIRE(std::any_of(out.begin(), out.end(), [](const auto& h) { return h.name == "host"; }),
             "a signed request needs its host header");
  return out;
}

std::string target_of(const std::string& path, const std::string& query) {
  return query.empty() ? path : path + "?" + query;
}

}  // namespace

SignedRequest sign(const OutgoingRequest& request, const Credentials& credentials, WallTime now) {
  Scope scope = scope_of(credentials, now);
  SignedRequest out;
  out.headers = request.headers;
  out.headers.emplace_back("x-amz-date", amz_date(now));
  out.headers.emplace_back("x-amz-content-sha256", request.payload);
  CanonicalRequest canonical{request.method, uri_encode(request.path, Slash::kKeep), canonical_query(request.query),
                             canonical_headers(out.headers), request.payload};
  out.signature = request_signature(canonical, amz_date(now), scope, signing_key(credentials, scope.day));
  out.target = target_of(canonical.path, canonical.query);
  out.headers.emplace_back(
      "Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, scope.access_key,
                                   scope.text(), signed_names(canonical.headers), out.signature));
  return out;
}

std::string presign(const OutgoingRequest& request, const Credentials& credentials, WallTime now,
                    std::chrono::seconds expires) {
  DL_REQUIRE(expires.count() >= 1 && expires <= limits::kMaxPresignedExpiry, "a presigned URL lives 1 s to 7 days");
  Scope scope = scope_of(credentials, now);
  CanonicalRequest canonical{
      request.method, uri_encode(request.path, Slash::kKeep), {}, canonical_headers(request.headers), request.payload};
  std::vector<QueryParam> query = request.query;
  query.push_back({"X-Amz-Algorithm", std::string(kAlgorithm)});
  query.push_back({"X-Amz-Credential", scope.access_key + "/" + scope.text()});
  query.push_back({"X-Amz-Date", amz_date(now)});
  query.push_back({"X-Amz-Expires", std::to_string(expires.count())});
  query.push_back({"X-Amz-SignedHeaders", signed_names(canonical.headers)});
  if (request.payload != kUnsignedPayload) query.push_back({"X-Amz-Content-Sha256", request.payload});
  canonical.query = canonical_query(query);
  std::string signature = request_signature(canonical, amz_date(now), scope, signing_key(credentials, scope.day));
  return target_of(canonical.path, canonical.query) + "&X-Amz-Signature=" + signature;
}

Bytes sign_chunks(BytesView body, size_t chunk, const std::vector<std::pair<std::string, std::string>>& trailers,
                  const SignedRequest& request, const Credentials& credentials, WallTime now) {
  DL_REQUIRE(chunk > 0, "a chunk has at least one byte");
  ChunkSigner signer(signing_key(credentials, day_of(now)), amz_date(now), scope_of(credentials, now).text(),
                     request.signature);
  Bytes out;
  do {
    BytesView piece = body.substr(0, chunk);
    body.remove_prefix(piece.size());
    std::string signature = signer.chunk(crypto::sha256(piece));
    out += fmt::format("{:x};chunk-signature={}\r\n", piece.size(), signature);
    out.append(piece).append(piece.empty() ? "" : "\r\n");
    if (piece.empty()) break;
  } while (true);
  std::string canonical;
  for (const auto& [name, value] : trailers) {
    out.append(name).append(":").append(value).append("\r\n");
    canonical.append(lower(name)).append(":").append(trim_all(value)).append("\n");
  }
  if (!trailers.empty()) out += "x-amz-trailer-signature:" + signer.trailer(crypto::sha256(canonical)) + "\r\n";
  return out + "\r\n";
}

}  // namespace dl::access

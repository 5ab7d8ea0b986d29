#include "access/canonical.h"

#include <algorithm>

#include "access/amz_time.h"
#include "crypto/hash.h"

namespace dl::access {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_hex64(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

namespace {

bool is_trimmed(std::string_view value) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (value.empty()) return true;
  return !blank(value.front()) && !blank(value.back()) && value.find("  ") == std::string_view::npos;
}

}  // namespace

std::string trim_all(std::string_view value) {
  if (is_trimmed(value)) return std::string(value);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  std::string out;
  out.reserve(value.size());
  for (char c : value)
    if (c != ' ' || out.empty() || out.back() != ' ') out.push_back(c);
  return out;
}

std::string signed_names(const std::vector<CanonicalHeader>& headers) {
  std::string out;
  for (const CanonicalHeader& h : headers) {
    if (!out.empty()) out.push_back(';');
    out += h.name;
  }
  return out;
}

std::string canonical_text(const CanonicalRequest& r) {
  std::string out;
  out.reserve(1024);
  out.append(r.method).append("\n").append(r.path).append("\n").append(r.query).append("\n");
  for (const CanonicalHeader& h : r.headers) {
    out.append(h.name).append(":");
    is_trimmed(h.value) ? out.append(h.value) : out.append(trim_all(h.value));
    out.append("\n");
  }
  out.append("\n").append(signed_names(r.headers)).append("\n").append(r.payload);
  return out;
}

std::string request_signature(const CanonicalRequest& request, std::string_view amz_date, const Scope& scope,
                              BytesView signing_key) {
  std::string to_sign(kAlgorithm);
  to_sign.append("\n").append(amz_date).append("\n").append(scope.text()).append("\n");
  to_sign += crypto::sha256(canonical_text(request)).hex();
  return crypto::hmac_sha256(signing_key, to_sign).hex();
}

std::string Scope::text() const { return day_text(day) + "/" + region + "/" + service + "/aws4_request"; }

Bytes day_region_key(std::string_view secret, uint32_t day, std::string_view region) {
  Sha256 of_day = crypto::hmac_sha256("AWS4" + std::string(secret), day_text(day));
  return crypto::hmac_sha256(of_day.view(), region).bytes();
}

Bytes service_signing_key(BytesView day_region_key, std::string_view service) {
  Sha256 of_service = crypto::hmac_sha256(day_region_key, service);
  return crypto::hmac_sha256(of_service.view(), "aws4_request").bytes();
}

}  // namespace dl::access

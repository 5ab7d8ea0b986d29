#include "bench/load/signer.h"

#include <cctype>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "crypto/hash.h"

namespace dl::bench {

void Signer::refresh() {
  auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (now == now_) return;
  now_ = now;
  std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  amz_date_ = fmt::format("{:%Y%m%dT%H%M%SZ}", utc);
  if (amz_date_.starts_with(day_) && !day_.empty()) return;
  day_ = amz_date_.substr(0, 8);
  scope_ = day_ + "/" + target_.region + "/s3/aws4_request";
  key_ = "AWS4" + target_.secret_key;
  for (std::string_view part : {std::string_view(day_), std::string_view(target_.region), std::string_view("s3"),
                                std::string_view("aws4_request")})
    key_ = crypto::hmac_sha256(key_, part).bytes();
}

std::string Signer::head(const Parts& p) {
  refresh();
  constexpr std::string_view kSigned = "host;x-amz-content-sha256;x-amz-date";
  std::string canonical =
      fmt::format("{}\n{}\n{}\nhost:{}\nx-amz-content-sha256:{}\nx-amz-date:{}\n\n{}\n{}", p.method, p.path, p.query,
                  target_.address(), p.payload_hash, amz_date_, kSigned, p.payload_hash);
  std::string text = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", amz_date_, scope_, crypto::sha256(canonical).hex());
  std::string head = fmt::format(
      "{} {}{}{} HTTP/1.1\r\nHost: {}\r\nx-amz-content-sha256: {}\r\nx-amz-date: {}\r\nAuthorization: AWS4-HMAC-SHA256 "
      "Credential={}/{}, SignedHeaders={}, Signature={}\r\n{}",
      p.method, p.path, p.query.empty() ? "" : "?", p.query, target_.address(), p.payload_hash, amz_date_,
      target_.access_key, scope_, kSigned, crypto::hmac_sha256(key_, text).hex(), p.more);
  if (p.method == "PUT" || p.method == "POST") head += fmt::format("Content-Length: {}\r\n", p.body_size);
  return head + "\r\n";
}

std::string query_value(std::string_view raw) {
  std::string out;
  for (char c : raw) {
    bool is_plain = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace dl::bench

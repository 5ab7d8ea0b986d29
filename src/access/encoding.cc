#include "access/encoding.h"

#include <algorithm>

#include "access/limits.h"
#include "access/refusal.h"

namespace dl::access {
namespace {

bool unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<Bytes> decode(std::string_view text, bool plus_is_blank) {
  Bytes out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '+' && plus_is_blank) {
      out.push_back(' ');
      continue;
    }
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return refuse(Refusal::kMalformedQuery, "a '%' without two hexadecimal digits in the URL");
    out.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return out;
}

}  // namespace

std::string uri_encode(BytesView raw, Slash slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(raw.size() + raw.size() / 4);
  for (char c : raw) {
    auto u = static_cast<unsigned char>(c);
    if (unreserved(u) || (c == '/' && slash == Slash::kKeep)) {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(kDigits[u >> 4]);
    out.push_back(kDigits[u & 15]);
  }
  return out;
}

Result<Bytes> uri_decode(std::string_view text) { return decode(text, false); }

Result<std::vector<QueryParam>> parse_query(std::string_view raw) {
  if (raw.size() > limits::kMaxQueryBytes) return refuse(Refusal::kMalformedQuery, "the query is over 16 KiB");
  std::vector<QueryParam> out;
  while (!raw.empty()) {
    size_t end = std::min(raw.find('&'), raw.size());
    std::string_view piece = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (piece.empty()) continue;
    if (out.size() == limits::kMaxQueryParams)
      return refuse(Refusal::kMalformedQuery, "the query has over 100 parameters");
    size_t equals = std::min(piece.find('='), piece.size());
    DL_TRY(Bytes name, decode(piece.substr(0, equals), true));
    DL_TRY(Bytes value, decode(piece.substr(std::min(equals + 1, piece.size())), true));
    // No operation needs a name twice, and two readers could pick different ones.
    for (const QueryParam& p : out)
      if (p.name == name) return refuse(Refusal::kMalformedQuery, "a query parameter is given twice");
    out.push_back({std::move(name), std::move(value)});
  }
  return out;
}

std::string canonical_query(const std::vector<QueryParam>& params) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(params.size());
  for (const QueryParam& p : params)
    encoded.emplace_back(uri_encode(p.name, Slash::kEncode), uri_encode(p.value, Slash::kEncode));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out.push_back('&');
    out += name;
    out.push_back('=');
    out += value;
  }
  return out;
}

Result<BucketAndKey> split_path(std::string_view raw_path) {
  if (raw_path.size() > limits::kMaxPathBytes) return refuse(Refusal::kMalformedQuery, "the path is over 8 KiB");
  if (raw_path.empty() || raw_path[0] != '/')
    return refuse(Refusal::kMalformedQuery, "the request names no path that starts with '/'");
  DL_TRY(Bytes path, uri_decode(raw_path.substr(1)));
  size_t slash = path.find('/');
  if (slash == Bytes::npos) return BucketAndKey{std::move(path), {}};
  return BucketAndKey{path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace dl::access

#pragma once

#include <optional>
#include <string_view>

#include "net/http.h"

// Small words of the HTTP grammar (RFC 9110 section 5.6), shared by parser, server and client.
namespace dl::net {

inline char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline bool equal_no_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (lower_ascii(a[i]) != lower_ascii(b[i])) return false;
  return true;
}

// tchar of RFC 9110 section 5.6.2.
bool is_token_char(char c);
bool is_token(std::string_view text);
// May stand in a header's value: tab, space, visible ASCII and bytes above it; never CR, LF, NUL or another control.
bool is_value_char(char c);
bool is_header_value(std::string_view text);
std::string_view trim_blanks(std::string_view text);
// Whether a comma-separated header, over all its lines, names the token.
bool header_has_token(const HttpHeaders& headers, std::string_view name, std::string_view token);
// Decimal digits only, at most 2^63 - 1; nullopt otherwise.
std::optional<uint64_t> parse_decimal(std::string_view text);
// The standard's name of a status; "Unknown" when it has none.
std::string_view reason_phrase(int status);
// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(WallTime time);

}  // namespace dl::net

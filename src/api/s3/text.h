#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

// The small words of HTTP and S3: numbers, quotes, times.
namespace dl::api::s3 {

// Decimal digits only.
std::optional<uint64_t> parse_number(std::string_view text);
std::string unquote(std::string_view etag);  // without W/ and quotes
std::string quote(std::string_view etag);
bool is_utf8(std::string_view bytes);
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);

// "Tue, 15 Nov 1994 08:12:31 GMT", the two obsolete forms of RFC 9110 section 5.6.7 too. nullopt when it is none.
std::optional<WallTime> parse_http_date(std::string_view text);
std::string http_date(WallTime t);
// "2009-10-12T17:50:30.000Z"
std::string iso_time(WallTime t);

}  // namespace dl::api::s3

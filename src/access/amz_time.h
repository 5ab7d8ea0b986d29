#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace dl::access {

std::string amz_date(WallTime t);                                // "20130524T000000Z"
std::optional<WallTime> parse_amz_date(std::string_view text);   // that form only, a real date, years 1970 to 9999
std::optional<WallTime> parse_http_date(std::string_view text);  // "Fri, 24 May 2013 00:00:00 GMT" (RFC 9110, 5.6.7)
std::string day_text(uint32_t day);                              // "20130524" of days since 1970-01-01
std::optional<uint32_t> parse_day(std::string_view text);        // the reverse
uint32_t day_of(WallTime t);

}  // namespace dl::access

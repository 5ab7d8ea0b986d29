#include "access/amz_time.h"

#include <array>
#include <chrono>

#include <fmt/format.h>

namespace dl::access {
namespace {

using namespace std::chrono;

// nullopt unless all are decimal digits.
std::optional<unsigned> number(std::string_view digits) {
  unsigned v = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    v = v * 10 + static_cast<unsigned>(c - '0');
  }
  return v;
}

std::optional<sys_days> date(std::optional<unsigned> y, std::optional<unsigned> m, std::optional<unsigned> d) {
  if (!y || !m || !d || *y < 1970) return std::nullopt;
  year_month_day ymd{year(static_cast<int>(*y)), month(*m), day(*d)};
  if (!ymd.ok()) return std::nullopt;
  return sys_days(ymd);
}

std::optional<WallTime> at(std::optional<sys_days> d, std::optional<unsigned> h, std::optional<unsigned> m,
                           std::optional<unsigned> s) {
  if (!d || !h || !m || !s || *h > 23 || *m > 59 || *s > 59) return std::nullopt;
  return WallTime(*d) + hours(*h) + minutes(*m) + seconds(*s);
}

}  // namespace

std::string amz_date(WallTime t) {
  auto days = floor<std::chrono::days>(t);
  hh_mm_ss time(floor<seconds>(t - days));
  return fmt::format("{}T{:02}{:02}{:02}Z", day_text(day_of(t)), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

std::optional<WallTime> parse_amz_date(std::string_view s) {
  if (s.size() != 16 || s[8] != 'T' || s[15] != 'Z') return std::nullopt;
  auto d = date(number(s.substr(0, 4)), number(s.substr(4, 2)), number(s.substr(6, 2)));
  return at(d, number(s.substr(9, 2)), number(s.substr(11, 2)), number(s.substr(13, 2)));
}

std::optional<WallTime> parse_http_date(std::string_view s) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (s.size() != 29 || s.substr(3, 2) != ", " || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[19] != ':' ||
      s[22] != ':' || s.substr(25) != " GMT")
    return std::nullopt;
  std::optional<unsigned> m;
  for (unsigned i = 0; i < kMonths.size(); i++)
    if (s.substr(8, 3) == kMonths[i]) m = i + 1;
  auto d = date(number(s.substr(12, 4)), m, number(s.substr(5, 2)));
  return at(d, number(s.substr(17, 2)), number(s.substr(20, 2)), number(s.substr(23, 2)));
}

std::string day_text(uint32_t days_since_epoch) {
  year_month_day ymd{sys_days(days(days_since_epoch))};
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                     static_cast<unsigned>(ymd.day()));
}

std::optional<uint32_t> parse_day(std::string_view s) {
  if (s.size() != 8) return std::nullopt;
  auto d = date(number(s.substr(0, 4)), number(s.substr(4, 2)), number(s.substr(6, 2)));
  if (!d) return std::nullopt;
  return static_cast<uint32_t>(d->time_since_epoch().count());
}

uint32_t day_of(WallTime t) { return static_cast<uint32_t>(floor<days>(t).time_since_epoch().count()); }

}  // namespace dl::access

#include "api/s3/text.h"

#include <charconv>

#include <fmt/format.h>

namespace dl::api::s3 {
namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Fields {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0;
};

Fields fields_of(WallTime t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(t - day));
  return {int(date.year()),          unsigned(date.month()),      unsigned(date.day()),
          int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count())};
}

std::optional<WallTime> time_of(const Fields& f) {
  using namespace std::chrono;
  const year_month_day date(year(f.year), month(f.month), day(f.day));
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
  return sys_days(date) + hours(f.hour) + minutes(f.minute) + seconds(f.second);
}

// Cuts words off the front of a date.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : rest_(text) {}
  bool skip(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool skip_to(char c) {
    const size_t at = rest_.find(c);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + 1);
    return true;
  }
  bool number(size_t digits, int& out) {
    if (rest_.size() < digits) return false;
    auto n = parse_number(rest_.substr(0, digits));
    if (!n) return false;
    out = static_cast<int>(*n);
    rest_.remove_prefix(digits);
    return true;
  }
  bool month(unsigned& out) {
    for (unsigned i = 0; i < 12; ++i)
      if (skip(kMonths[i])) {
        out = i + 1;
        return true;
      }
    return false;
  }
  bool clock(Fields& f) {
    return number(2, f.hour) && skip(":") && number(2, f.minute) && skip(":") && number(2, f.second);
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<WallTime> parse_imf(std::string_view text) {
  Cutter c(text);
  Fields f;
  int day = 0;
  if (!c.skip_to(' ') || !c.number(2, day) || !c.skip(" ") || !c.month(f.month) || !c.skip(" ") ||
      !c.number(4, f.year) || !c.skip(" ") || !c.clock(f) || !c.skip(" GMT") || !c.done())
    return std::nullopt;
  f.day = static_cast<unsigned>(day);
  return time_of(f);
}

std::optional<WallTime> parse_rfc850(std::string_view text) {
  Cutter c(text);
  Fields f;
  int day = 0;
  if (!c.skip_to(' ') || !c.number(2, day) || !c.skip("-") || !c.month(f.month) || !c.skip("-") ||
      !c.number(2, f.year) || !c.skip(" ") || !c.clock(f) || !c.skip(" GMT") || !c.done())
    return std::nullopt;
  f.day = static_cast<unsigned>(day);
  f.year += f.year < 70 ? 2000 : 1900;
  return time_of(f);
}

std::optional<WallTime> parse_asctime(std::string_view text) {
  Cutter c(text);
  Fields f;
  int day = 0;
  if (!c.skip_to(' ') || !c.month(f.month) || !c.skip(" ")) return std::nullopt;
  if (!(c.skip(" ") ? c.number(1, day) : c.number(2, day)) || !c.skip(" ") || !c.clock(f) || !c.skip(" ") ||
      !c.number(4, f.year) || !c.done())
    return std::nullopt;
  f.day = static_cast<unsigned>(day);
  return time_of(f);
}

}  // namespace

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t n = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string unquote(std::string_view etag) {
  etag = trim(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

std::string quote(std::string_view etag) { return '"' + std::string(etag) + '"'; }

bool is_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    const size_t length = c < 0x80                ? 1
                          : c >= 0xc2 && c < 0xe0 ? 2
                          : c >= 0xe0 && c < 0xf0 ? 3
                          : c >= 0xf0 && c < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || i + length > bytes.size()) return false;
    for (size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(bytes[i + k]) & 0xc0) != 0x80) return false;
    const auto second = length > 1 ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    const bool overlong = (c == 0xe0 && second < 0xa0) || (c == 0xf0 && second < 0x90);
    const bool surrogate = c == 0xed && second >= 0xa0;
    if (overlong || surrogate || (c == 0xf4 && second >= 0x90)) return false;
    i += length;
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  if (auto t = parse_imf(text)) return t;
  if (auto t = parse_rfc850(text)) return t;
  return parse_asctime(text);
}

std::string http_date(WallTime t) {
  const Fields f = fields_of(t);
  const auto weekday = std::chrono::weekday(std::chrono::floor<std::chrono::days>(t)).c_encoding();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday], f.day, kMonths[f.month - 1], f.year,
                     f.hour, f.minute, f.second);
}

std::string iso_time(WallTime t) {
  const Fields f = fields_of(t);
  const auto millis = (t - std::chrono::floor<std::chrono::seconds>(t)).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", f.year, f.month, f.day, f.hour, f.minute, f.second,
                     millis);
}

}  // namespace dl::api::s3

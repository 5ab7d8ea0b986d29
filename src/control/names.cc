#include <algorithm>
#include <chrono>
#include <cstdio>

#include "control/control.h"
#include "control/limits.h"
#include "crypto/hash.h"

namespace dl::control {
namespace {

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool digit(char c) { return c >= '0' && c <= '9'; }

bool looks_like_ip(std::string_view name) {
  int dots = 0;
  for (char c : name) {
    if (c == '.')
      dots++;
    else if (!digit(c))
      return false;
  }
  return dots == 3;
}

}  // namespace

bool valid_user_name(std::string_view name) {
  constexpr std::string_view kOther = "+=,.@_-";
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [&](char c) {
    return lower_or_digit(c) || (c >= 'A' && c <= 'Z') || kOther.find(c) != std::string_view::npos;
  });
}

bool valid_device_name(std::string_view name, std::string_view hub_region) {
  if (name.empty() || name.size() > 63 || name == hub_region) return false;
  if (name.front() == '-' || name.back() == '-') return false;
  if (!std::all_of(name.begin(), name.end(), [](char c) { return lower_or_digit(c) || c == '-'; })) return false;
  return !std::all_of(name.begin(), name.end(), digit);
}

bool valid_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > kMaxBucketName) return false;
  if (!lower_or_digit(name.front()) || !lower_or_digit(name.back())) return false;
  if (!std::all_of(name.begin(), name.end(), [](char c) { return lower_or_digit(c) || c == '.' || c == '-'; }))
    return false;
  if (name.find("..") != std::string_view::npos || looks_like_ip(name)) return false;
  return !name.starts_with("xn--") && !name.ends_with("-s3alias") && !name.ends_with("--ol-s3");
}

std::string day_string(uint32_t day) {
  std::chrono::year_month_day ymd{std::chrono::sys_days(std::chrono::days(day))};
  char text[16];
  std::snprintf(text, sizeof text, "%04d%02u%02u", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                static_cast<unsigned>(ymd.day()));
  return text;
}

Bytes day_region_key(BytesView secret, uint32_t day, std::string_view region) {
  Bytes start = "AWS4" + Bytes(secret);
  return crypto::hmac_sha256(crypto::hmac_sha256(start, day_string(day)).view(), region).bytes();
}

}  // namespace dl::control

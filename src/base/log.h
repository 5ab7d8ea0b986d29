#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace dl {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// One line to stderr: time, level, room, text. Never a secret, never a user's bytes unescaped. Thread-safe.
void log_line(LogLevel level, std::string_view room, std::string_view text);
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
// For tests: counts lines of level error since the start.
uint64_t error_lines();

template <class... A>
void log_debug(std::string_view room, fmt::format_string<A...> f, A&&... a) {
  if (log_enabled(LogLevel::kDebug)) log_line(LogLevel::kDebug, room, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_info(std::string_view room, fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kInfo, room, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_warn(std::string_view room, fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kWarn, room, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_error(std::string_view room, fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::kError, room, fmt::format(f, std::forward<A>(a)...));
}

}  // namespace dl

#pragma once

#include <string_view>

namespace dl {

// Prints to stderr and aborts. A broken invariant of ours must never reach the disk.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line, std::string_view message);

}  // namespace dl

// Always on, for our own bugs; never for user input, which gets an Error.
#define DL_ASSERT(condition, message) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::dl::assert_failed(#condition, __FILE__, __LINE__, message))
// The caller's fault, checked at a room's door.
#define DL_REQUIRE(condition, message) DL_ASSERT(condition, message)

#pragma once

#include <string>

namespace dl::bench {

// Prints why and ends the program with 1. For what makes a measurement impossible; a bad answer is counted instead.
[[noreturn]] void fail(const std::string& why);

}  // namespace dl::bench

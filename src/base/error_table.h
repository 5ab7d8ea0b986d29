#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

namespace dl {

// One row per Code: the stable number users see as DL-nnnn, the exit status of a command that ends with it, and what
// `demilune explain` prints. Numbers are never reused.
struct ErrorInfo {
  Code code;
  int number;       // DL-nnnn
  int exit_status;  // contract: 1 other, 2 usage, 3 partial, 4 not found, 5 denied, 6 conflict, 7 unreachable, 8 timed
                    // out
  std::string_view name;
  std::string_view meaning;
  std::string_view next;
};

std::span<const ErrorInfo> error_table();
const ErrorInfo& error_info(Code code);
// nullptr when no row has that number.
const ErrorInfo* find_error_info(int number);

}  // namespace dl

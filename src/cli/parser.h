#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/command.h"

namespace dl::cli {

struct Parsed {
  const Command* command = nullptr;
  Args args;
  GlobalOptions global;
};
struct HelpText {
  std::string text;
};
struct UsageError {
  std::string message;
  std::string next;
};

// argv without the program's name. Reads DEMILUNE_DATA_DIR through `environment`.
std::variant<Parsed, HelpText, UsageError> parse(
    std::vector<std::string> words, const std::function<std::optional<std::string>(const char*)>& environment);

}  // namespace dl::cli

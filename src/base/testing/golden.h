#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "base/hex.h"

namespace dl::testing {

// The repository's root, found upwards of the test program.
inline std::filesystem::path repository_root() {
  auto at = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  while (!std::filesystem::exists(at / "tests" / "format")) {
    DL_REQUIRE(at != at.root_path(), "run the tests from a build directory inside the repository");
    at = at.parent_path();
  }
  return at;
}

// The bytes of tests/format/NAME.hex: hexadecimal digits; blanks, line ends and everything after '#' do not count.
// Compared, never written: a change of format is a decision.
inline Bytes golden(const std::string& name) {
  std::ifstream file(repository_root() / "tests" / "format" / (name + ".hex"));
  DL_REQUIRE(file.good(), "no golden bytes: tests/format/" + name + ".hex");
  std::string digits, line;
  while (std::getline(file, line))
    for (char c : line.substr(0, line.find('#')))
      if (c != ' ' && c != '\t' && c != '\r') digits.push_back(c);
  return from_hex(digits).value();
}

}  // namespace dl::testing

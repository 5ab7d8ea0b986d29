#pragma once

#include <string>
#include <vector>

#include "storage/file_system.h"

namespace dl::compute {

struct DoctorCheck {
  std::string name;  // "root", "crun", "conmon", "control groups", ...
  bool ok = false;
  bool needed = true;   // false: workloads run without it, with less
  std::string finding;  // what is there or what is missing
  std::string next;     // what to do; empty when ok
};

// What this machine needs to run workloads. Changes nothing. `root` stands before every path, for tests.
std::vector<DoctorCheck> check_compute(storage::FileSystem& fs, const std::string& root = "");
// True when all that is needed is there.
bool is_ready(const std::vector<DoctorCheck>& checks);

}  // namespace dl::compute

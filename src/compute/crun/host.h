#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "compute/crun/cgroup.h"
#include "storage/file_system.h"

namespace dl::compute {

// What this process may hand on to a container. Asking crun for more makes it fail.
struct HostFacts {
  Cgroups cgroups;
  uint64_t capabilities = 0;  // bit n: capability n, permitted and in the bounding set
  uint64_t open_files = 0;    // our hard limit
  int oom_score = 0;
  bool overlay = false;  // the kernel knows overlay file systems
  std::string boot_id;

  bool may_raise_limits() const;  // CAP_SYS_RESOURCE
};

// From /proc and /sys below `root` ("" on a real machine).
Result<HostFacts> read_host_facts(storage::FileSystem& fs, const std::string& root = "");

}  // namespace dl::compute

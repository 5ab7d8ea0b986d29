#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/file_system.h"

namespace dl::compute {

enum class CgroupLayout : uint8_t { kNone, kV1, kV2, kHybrid };
std::string_view cgroup_layout_name(CgroupLayout layout);

// How the machine's control groups are mounted.
struct Cgroups {
  CgroupLayout layout = CgroupLayout::kNone;
  std::string unified;                           // where version 2 is mounted: v2 and hybrid
  std::map<std::string, std::string> hierarchy;  // v1 and hybrid: controller to mount point
  std::set<std::string> v2_controllers;          // v2 only
  bool v1_swap_limit = false;                    // the kernel accounts swap

  bool has(std::string_view controller) const;
  bool operator==(const Cgroups&) const = default;
};

// The mounts of /proc/self/mountinfo below /sys/fs/cgroup; nothing else is read. Pure.
Cgroups parse_cgroup_mounts(std::string_view mountinfo);
// The same, and what the mounted trees tell. `root` stands before every path: "" on a real machine.
Result<Cgroups> read_cgroups(storage::FileSystem& fs, const std::string& root = "");

// How often the kernel's out-of-memory killer ended a process in that group; nullopt when it cannot be told.
std::optional<uint64_t> count_oom_kills(storage::FileSystem& fs, const Cgroups& cgroups, const std::string& path);
// Removes the empty group `path` everywhere. Groups in use stay.
void remove_cgroup(storage::FileSystem& fs, const Cgroups& cgroups, const std::string& path);

}  // namespace dl::compute

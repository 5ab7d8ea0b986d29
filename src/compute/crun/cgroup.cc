#include "compute/crun/cgroup.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "compute/process.h"

namespace dl::compute {
namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (true) {
    size_t cut = text.find(at);
    out.push_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return out;
    text.remove_prefix(cut + 1);
  }
}

// The number behind "NAME " at the start of a line.
std::optional<uint64_t> find_counter(std::string_view text, std::string_view name) {
  for (std::string_view line : split(text, '\n')) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    uint64_t value = 0;
    line.remove_prefix(name.size() + 1);
    auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (failed == std::errc()) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view cgroup_layout_name(CgroupLayout layout) {
  switch (layout) {
    case CgroupLayout::kNone:
      return "none";
    case CgroupLayout::kV1:
      return "version 1";
    case CgroupLayout::kV2:
      return "version 2";
    case CgroupLayout::kHybrid:
      return "hybrid";
  }
  return "unknown";
}

bool Cgroups::has(std::string_view controller) const {
  if (layout == CgroupLayout::kV2) return v2_controllers.contains(std::string(controller));
  return hierarchy.contains(std::string(controller));
}

Cgroups parse_cgroup_mounts(std::string_view mountinfo) {
  // 36 35 98:0 /root /mount/point options [optional fields] - type source super-options
  Cgroups out;
  for (std::string_view line : split(mountinfo, '\n')) {
    auto fields = split(line, ' ');
    auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 7 || fields.end() - dash < 4) continue;
    std::string_view point = fields[4], type = dash[1];
    if (point != "/sys/fs/cgroup" && !point.starts_with("/sys/fs/cgroup/")) continue;
    if (type == "cgroup2") out.unified = point;
    if (type != "cgroup") continue;
    for (std::string_view option : split(dash[3], ','))
      if (option != "rw" && option != "ro") out.hierarchy[std::string(option)] = point;
  }
  bool v1 = !out.hierarchy.empty();
  if (v1) out.layout = out.unified.empty() ? CgroupLayout::kV1 : CgroupLayout::kHybrid;
  if (!v1 && out.unified == "/sys/fs/cgroup") out.layout = CgroupLayout::kV2;
  return out;
}

Result<Cgroups> read_cgroups(storage::FileSystem& fs, const std::string& root) {
  DL_TRY(auto mounts, read_pseudo_file(fs, root + "/proc/self/mountinfo", 4u << 20));
  Cgroups out = parse_cgroup_mounts(mounts);
  if (!root.empty()) {
    out.unified = out.unified.empty() ? "" : root + out.unified;
    for (auto& [controller, point] : out.hierarchy) point = root + point;
  }
  if (out.layout == CgroupLayout::kV2) {
    DL_TRY(auto names, read_pseudo_file(fs, out.unified + "/cgroup.controllers"));
    while (names.ends_with('\n')) names.pop_back();
    for (std::string_view name : split(names, ' '))
      if (!name.empty()) out.v2_controllers.emplace(name);
  }
  auto memory = out.hierarchy.find("memory");
  if (memory != out.hierarchy.end()) {
    auto swap = fs.exists(memory->second + "/memory.memsw.limit_in_bytes");
    out.v1_swap_limit = swap.ok() && *swap;
  }
  return out;
}

std::optional<uint64_t> count_oom_kills(storage::FileSystem& fs, const Cgroups& cgroups, const std::string& path) {
  std::string file;
  if (cgroups.layout == CgroupLayout::kV2) {
    file = cgroups.unified + path + "/memory.events";
  } else {
    auto memory = cgroups.hierarchy.find("memory");
    if (memory == cgroups.hierarchy.end()) return std::nullopt;
    file = memory->second + path + "/memory.oom_control";
  }
  auto text = read_pseudo_file(fs, file);
  return text.ok() ? find_counter(*text, "oom_kill") : std::nullopt;
}

void remove_cgroup(storage::FileSystem& fs, const Cgroups& cgroups, const std::string& path) {
  std::set<std::string> trees;
  for (const auto& [controller, point] : cgroups.hierarchy) trees.insert(point);
  if (!cgroups.unified.empty()) trees.insert(cgroups.unified);
  // A group that is not there or still in use is nothing to report: what runs in it is told by the container's state.
  for (const auto& tree : trees) (void)fs.remove_dir(tree + path).ok();
}

}  // namespace dl::compute

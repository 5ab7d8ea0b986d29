#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compute/crun/host.h"
#include "compute/runtime.h"

// The configuration that crun gets (OCI runtime-spec 1.0). What is decided here is pure; its JSON is in oci_json.h.
namespace dl::compute {

struct OciMount {
  std::string destination, type, source;
  std::vector<std::string> options;
};
struct OciConfig {
  std::vector<std::string> args, env;
  std::string cwd, hostname, root;
  bool read_only_root = false;
  uint32_t uid = 0, gid = 0;
  std::vector<std::string> capabilities;
  uint64_t open_files = 0;
  int oom_score = 0;
  std::vector<OciMount> mounts;
  std::vector<std::string> namespaces;
  std::string cgroup_path;
  std::optional<uint64_t> memory_bytes;  // with as much swap as nothing: memory+swap is the same number
  bool limit_swap = false;
  std::optional<uint64_t> cpu_quota_micros;  // of a period of 100 ms
  std::optional<uint64_t> pids;
  std::vector<std::string> clamps;  // what was wanted and cannot be given here
};

inline constexpr uint64_t kCpuPeriodMicros = 100'000;

std::string cgroup_path_of(const ContainerRef& ref);  // "/demilune/<id>"

// `root`: the tree that becomes "/". Never asks for more than `host` has: capabilities, limits and the out-of-memory
// score are cut down and each cut is told in clamps.
OciConfig make_oci_config(const ContainerPlan& plan, const HostFacts& host, const std::string& root);

}  // namespace dl::compute

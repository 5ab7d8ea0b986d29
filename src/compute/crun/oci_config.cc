#include "compute/crun/oci_config.h"

#include <algorithm>

#include <fmt/format.h>

#include "compute/limits.h"

namespace dl::compute {
namespace {

struct Capability {
  int number;
  std::string_view name;
};
// Enough for ordinary images to set up files and users of their own and to serve low ports; nothing that reaches out of
// the container.
constexpr Capability kCapabilities[] = {
    {0, "CAP_CHOWN"},    {1, "CAP_DAC_OVERRIDE"}, {3, "CAP_FOWNER"},
    {4, "CAP_FSETID"},   {5, "CAP_KILL"},         {10, "CAP_NET_BIND_SERVICE"},
    {31, "CAP_SETFCAP"}, {6, "CAP_SETGID"},       {8, "CAP_SETPCAP"},
    {7, "CAP_SETUID"},   {18, "CAP_SYS_CHROOT"},
};

void add_capabilities(OciConfig& out, const HostFacts& host) {
  for (const auto& capability : kCapabilities) {
    if (host.capabilities >> capability.number & 1)
      out.capabilities.emplace_back(capability.name);
    else
      out.clamps.push_back(fmt::format("{} is not given: the node has not got it", capability.name));
  }
}

void add_process_limits(OciConfig& out, const HostFacts& host) {
  out.open_files = kWantedOpenFiles;
  if (out.open_files > host.open_files && !host.may_raise_limits()) {
    out.open_files = host.open_files;
    out.clamps.push_back(
        fmt::format("open files: {} instead of {}: the node's own hard limit", host.open_files, kWantedOpenFiles));
  }
  out.oom_score = kWantedOomScore;
  if (out.oom_score < host.oom_score && !host.may_raise_limits()) {
    out.oom_score = host.oom_score;
    out.clamps.push_back(
        fmt::format("oom score: {} instead of {}: not below the node's own", host.oom_score, kWantedOomScore));
  }
}

void add_resources(OciConfig& out, const ContainerPlan& plan, const HostFacts& host) {
  auto can = [&](std::string_view controller, std::string_view limit) {
    if (host.cgroups.has(controller)) return true;
    out.clamps.push_back(
        fmt::format("the {} limit is not applied: this machine has no {} control group", limit, controller));
    return false;
  };
  if (plan.limits.memory_bytes > 0 && can("memory", "memory")) {
    out.memory_bytes = plan.limits.memory_bytes;
    out.limit_swap = host.cgroups.layout == CgroupLayout::kV2 || host.cgroups.v1_swap_limit;
    if (!out.limit_swap) out.clamps.push_back("swap is not limited: the kernel does not account it");
  }
  if (plan.limits.cpu_millis > 0 && can("cpu", "CPU"))
    out.cpu_quota_micros = std::max<uint64_t>(1'000, plan.limits.cpu_millis * kCpuPeriodMicros / 1'000);
  if (can("pids", "process")) out.pids = plan.limits.pids > 0 ? plan.limits.pids : kDefaultPids;
}

void add_mounts(OciConfig& out, const ContainerPlan& plan) {
  out.mounts = {
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
  };
  if (out.read_only_root) out.mounts.push_back({"/tmp", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=1777"}});
  for (const auto& bind : plan.binds)
    out.mounts.push_back(
        {bind.inside, "bind", bind.host, {"rbind", "rprivate", "nosuid", "nodev", bind.read_only ? "ro" : "rw"}});
}

}  // namespace

std::string cgroup_path_of(const ContainerRef& ref) { return "/demilune/" + ref.id; }

OciConfig make_oci_config(const ContainerPlan& plan, const HostFacts& host, const std::string& root) {
  OciConfig out{.args = plan.argv, .env = plan.env, .cwd = plan.working_dir, .hostname = plan.hostname, .root = root};
  out.read_only_root = plan.read_only_root;
  out.uid = plan.uid;
  out.gid = plan.gid;
  out.cgroup_path = cgroup_path_of(plan.ref);
  out.namespaces = {"pid", "ipc", "uts", "mount"};
  if (plan.network == format::NetworkMode::kNone) out.namespaces.push_back("network");
  add_capabilities(out, host);
  add_process_limits(out, host);
  add_resources(out, plan, host);
  add_mounts(out, plan);
  return out;
}

}  // namespace dl::compute

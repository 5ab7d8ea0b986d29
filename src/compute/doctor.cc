#include "compute/doctor.h"

#include <algorithm>

#include <fmt/format.h>

#include "compute/crun/crun_runtime.h"
#include "compute/crun/host.h"
#include "compute/process.h"

namespace dl::compute {
namespace {

constexpr int kCapSysAdmin = 21;

DoctorCheck program(storage::FileSystem& fs, const std::string& root, const std::string& name) {
  for (const char* dir : {"/usr/bin/", "/usr/local/bin/", "/usr/sbin/", "/usr/libexec/podman/", "/usr/lib/podman/"}) {
    auto there = fs.exists(root + dir + name);
    if (there.ok() && *there) return {.name = name, .ok = true, .finding = dir + name};
  }
  return {.name = name, .finding = "not installed", .next = "apt install " + name};
}

DoctorCheck root_user(storage::FileSystem& fs, const std::string& root) {
  DoctorCheck check{.name = "root", .next = "run the node as root; storage and sync work without"};
  auto status = read_pseudo_file(fs, root + "/proc/self/status");
  check.ok = status.ok() && status->find("\nUid:\t0\t0\t") != Bytes::npos;
  check.finding = check.ok ? "the node runs as root" : "the node does not run as root";
  if (check.ok) check.next.clear();
  return check;
}

DoctorCheck mount_right(const Result<HostFacts>& facts) {
  DoctorCheck check{.name = "mounts", .next = "run the node with CAP_SYS_ADMIN"};
  check.ok = facts.ok() && (facts->capabilities >> kCapSysAdmin & 1) != 0;
  check.finding = check.ok ? "private mount namespaces can be made" : "no right to make mount namespaces";
  if (check.ok) check.next.clear();
  return check;
}

DoctorCheck control_groups(const Result<HostFacts>& facts) {
  DoctorCheck check{.name = "control groups"};
  if (!facts.ok()) {
    check.finding = facts.error().message;
    check.next = "mount /proc and /sys";
    return check;
  }
  const auto& cgroups = facts->cgroups;
  check.ok = cgroups.layout != CgroupLayout::kNone;
  check.finding = check.ok ? fmt::format("{} layout", cgroup_layout_name(cgroups.layout)) : "not mounted";
  if (!check.ok) check.next = "mount the control groups below /sys/fs/cgroup";
  return check;
}

DoctorCheck limits(const Result<HostFacts>& facts) {
  DoctorCheck check{.name = "limits", .ok = facts.ok(), .needed = false};
  for (const char* controller : {"memory", "cpu", "pids"})
    if (facts.ok() && !facts->cgroups.has(controller)) {
      check.ok = false;
      check.finding += (check.finding.empty() ? "no control group for: " : ", ") + std::string(controller);
    }
  if (check.ok)
    check.finding = "memory, cpu and pids can be limited";
  else
    check.next = "enable these controllers in the kernel; without them such limits are not applied";
  return check;
}

DoctorCheck overlay(const Result<HostFacts>& facts) {
  DoctorCheck check{.name = "overlay", .ok = facts.ok() && facts->overlay, .needed = false};
  check.finding = check.ok ? "containers have a writable root" : "no overlay file system: roots are read-only";
  if (!check.ok) check.next = "modprobe overlay";
  return check;
}

}  // namespace

std::vector<DoctorCheck> check_compute(storage::FileSystem& fs, const std::string& root) {
  auto facts = read_host_facts(fs, root);
  return {root_user(fs, root), program(fs, root, "crun"), program(fs, root, "conmon"),
          mount_right(facts),  control_groups(facts),     limits(facts),
          overlay(facts)};
}

bool is_ready(const std::vector<DoctorCheck>& checks) {
  return std::ranges::all_of(checks, [](const DoctorCheck& check) { return check.ok || !check.needed; });
}

}  // namespace dl::compute

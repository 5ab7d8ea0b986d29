#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "compute/crun/oci_config.h"
#include "compute/crun/oci_json.h"
#include "compute/doctor.h"
#include "compute/limits.h"
#include "format/json.h"
#include "registry/testing/bed.h"

using namespace dl;
using namespace dl::compute;

namespace {

constexpr uint64_t kAllCapabilities = 0x1ffffffffff;
constexpr uint64_t kNoSysResource = kAllCapabilities & ~(1ull << 24);

constexpr std::string_view kV1Mounts =
    "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
constexpr std::string_view kUnifiedLeg = "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr std::string_view kV2Mounts = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

// A machine made of files.
struct FakeMachine {
  registry::testing::TempDir dir;
  storage::FileSystem& fs = storage::posix_file_system();

  void put(const std::string& path, const std::string& content) {
    std::string full = dir.path() + path;
    REQUIRE(storage::make_dirs(fs, full.substr(0, full.rfind('/')), 0755).ok());
    REQUIRE(storage::write_file_atomic(fs, full, content, 0644).ok());
  }
  explicit FakeMachine(std::string_view mounts, uint64_t capabilities = kAllCapabilities) {
    put("/proc/self/mountinfo", std::string(mounts));
    put("/proc/self/status",
        fmt::format("Name:\tdemilune\nUid:\t0\t0\t0\t0\nCapPrm:\t{0:016x}\nCapBnd:\t{0:016x}\n", capabilities));
    put("/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max open files            1024                 20000                files     \n");
    put("/proc/self/oom_score_adj", "-500\n");
    put("/proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n");
    put("/proc/sys/kernel/random/boot_id", "b007-1d\n");
  }
  HostFacts facts() { return read_host_facts(fs, dir.path()).value(); }
};

ContainerPlan plan() {
  return {.ref = {"abc-1", "/d/run-1"},
          .rootfs = "/images/x",
          .argv = {"sh", "-c", "true"},
          .env = {"A=\"1\"\n"},
          .hostname = "job",
          .binds = {{"/d/in", "/in", true}, {"/d/out", "/out", false}},
          .limits = {.memory_bytes = 64 << 20, .cpu_millis = 1500, .pids = 16}};
}

format::Json config_json(const OciConfig& config) { return format::parse_json(render_oci_config(config)).value(); }

bool mentions(const std::vector<std::string>& lines, std::string_view word) {
  return std::ranges::any_of(lines, [&](const auto& line) { return line.find(word) != std::string::npos; });
}

}  // namespace

TEST_CASE("the three layouts of control groups are told apart") {
  CHECK(parse_cgroup_mounts(kV1Mounts).layout == CgroupLayout::kV1);
  CHECK(parse_cgroup_mounts(std::string(kV1Mounts) + std::string(kUnifiedLeg)).layout == CgroupLayout::kHybrid);
  CHECK(parse_cgroup_mounts(kV2Mounts).layout == CgroupLayout::kV2);
  CHECK(parse_cgroup_mounts("").layout == CgroupLayout::kNone);
  CHECK(parse_cgroup_mounts("30 25 0:26 / /mnt/cg rw - cgroup2 cgroup2 rw\n").layout == CgroupLayout::kNone);
  auto v1 = parse_cgroup_mounts(kV1Mounts);
  CHECK(v1.hierarchy.at("cpu") == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(v1.has("pids"));
  CHECK_FALSE(v1.has("cpuset"));
}

TEST_CASE("on a version 2 machine limits are asked for and killed processes are counted there") {
  FakeMachine machine(kV2Mounts);
  machine.put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
  machine.put("/sys/fs/cgroup/demilune/abc-1/memory.events",
              "low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n");
  auto facts = machine.facts();
  CHECK(facts.cgroups.layout == CgroupLayout::kV2);
  CHECK(count_oom_kills(machine.fs, facts.cgroups, "/demilune/abc-1") == 2);
  CHECK_FALSE(count_oom_kills(machine.fs, facts.cgroups, "/demilune/other"));

  auto config = make_oci_config(plan(), facts, "/root");
  CHECK(config.limit_swap);
  CHECK(config.memory_bytes == 64 << 20);
  CHECK(config.cpu_quota_micros == 150'000);
  CHECK(config.pids == 16);
  auto json = config_json(config);
  auto& resources = *json.find("linux")->find("resources");
  CHECK(json.find("linux")->find("cgroupsPath")->as_string() == "/demilune/abc-1");
  CHECK(resources.find("memory")->find("limit")->as_int() == 64 << 20);
  CHECK(resources.find("memory")->find("swap")->as_int() == 64 << 20);
  CHECK(resources.find("cpu")->find("quota")->as_int() == 150'000);
  CHECK(resources.find("pids")->find("limit")->as_int() == 16);
}

TEST_CASE("on version 1 swap is limited where the kernel accounts it, else the clamp says so") {
  FakeMachine machine(kV1Mounts);
  machine.put("/sys/fs/cgroup/memory/demilune/abc-1/memory.oom_control",
              "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  auto without = make_oci_config(plan(), machine.facts(), "/root");
  CHECK_FALSE(without.limit_swap);
  CHECK(mentions(without.clamps, "swap"));
  CHECK(config_json(without).find("linux")->find("resources")->find("memory")->find("swap") == nullptr);
  machine.put("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "0\n");
  auto with = make_oci_config(plan(), machine.facts(), "/root");
  CHECK(with.limit_swap);
  CHECK_FALSE(mentions(with.clamps, "swap"));
  CHECK(count_oom_kills(machine.fs, machine.facts().cgroups, "/demilune/abc-1") == 1);
}

TEST_CASE("a limit without its controller is not asked for, and said so") {
  FakeMachine machine(kV2Mounts);
  machine.put("/sys/fs/cgroup/cgroup.controllers", "cpu\n");
  auto config = make_oci_config(plan(), machine.facts(), "/root");
  CHECK_FALSE(config.memory_bytes);
  CHECK_FALSE(config.pids);
  CHECK(config.cpu_quota_micros);
  CHECK(mentions(config.clamps, "memory limit is not applied"));
  CHECK(mentions(config.clamps, "process limit is not applied"));
}

TEST_CASE("nothing is asked for that the node itself has not got, and each cut is told") {
  FakeMachine machine(kV2Mounts, kNoSysResource & ~(1ull << 18));
  machine.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  machine.put("/proc/self/oom_score_adj", "700\n");
  auto config = make_oci_config(plan(), machine.facts(), "/root");
  CHECK(config.open_files == 20'000);
  CHECK(mentions(config.clamps, "open files: 20000 instead of 65536"));
  CHECK(config.oom_score == 700);
  CHECK(mentions(config.clamps, "oom score: 700 instead of 300"));
  CHECK_FALSE(mentions(config.capabilities, "CAP_SYS_CHROOT"));
  CHECK(mentions(config.clamps, "CAP_SYS_CHROOT is not given"));
  CHECK(mentions(config.capabilities, "CAP_CHOWN"));

  FakeMachine strong(kV2Mounts);
  strong.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  auto full = make_oci_config(plan(), strong.facts(), "/root");
  CHECK(full.open_files == kWantedOpenFiles);
  CHECK(full.clamps.empty());
}

TEST_CASE("no container gets a capability that reaches out of it") {
  FakeMachine machine(kV2Mounts);
  machine.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  auto config = make_oci_config(plan(), machine.facts(), "/root");
  for (const char* bad : {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_NET_ADMIN", "CAP_MKNOD",
                          "CAP_DAC_READ_SEARCH", "CAP_SYS_RAWIO", "CAP_BPF"})
    CHECK_FALSE(mentions(config.capabilities, bad));
  auto json = config_json(config);
  CHECK(json.find("process")->find("noNewPrivileges")->as_bool());
  CHECK_FALSE(json.find("linux")->find("maskedPaths")->items().empty());
  CHECK(json.find("linux")->find("seccomp")->find("syscalls")->items().size() == 3);
}

TEST_CASE("network none is a namespace of its own, host is not") {
  FakeMachine machine(kV1Mounts);
  auto p = plan();
  CHECK(mentions(make_oci_config(p, machine.facts(), "/r").namespaces, "network"));
  p.network = format::NetworkMode::kHost;
  CHECK_FALSE(mentions(make_oci_config(p, machine.facts(), "/r").namespaces, "network"));
}

TEST_CASE("binds, words and variables reach the configuration as they are") {
  FakeMachine machine(kV1Mounts);
  auto json = config_json(make_oci_config(plan(), machine.facts(), "/the/root"));
  CHECK(json.find("root")->find("path")->as_string() == "/the/root");
  CHECK(json.find("process")->find("env")->items()[0].as_string() == "A=\"1\"\n");
  CHECK(json.find("process")->find("args")->items().size() == 3);
  std::map<std::string, std::string> options;
  for (const auto& mount : json.find("mounts")->items())
    for (const auto& option : mount.find("options")->items())
      if (option.as_string() == "ro" || option.as_string() == "rw")
        options[mount.find("destination")->as_string()] = option.as_string();
  CHECK(options.at("/in") == "ro");
  CHECK(options.at("/out") == "rw");
}

TEST_CASE("answers of crun and conmon are read, and rubbish is an error") {
  CHECK(parse_crun_state(R"({"id":"x","status":"running"})").value() == "running");
  CHECK_FALSE(parse_crun_state("").ok());
  CHECK_FALSE(parse_crun_state(R"({"status":1})").ok());
  CHECK(parse_conmon_line(R"({"data": 4711})").value() == 4711);
  auto failed = parse_conmon_line(R"({"data": -1, "message": "executable not found\n"})");
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message.find("executable not found") != std::string::npos);
  CHECK_FALSE(parse_conmon_line("").ok());
  CHECK_FALSE(parse_conmon_line("[1]").ok());
}

TEST_CASE("doctor says what is missing and what to do") {
  FakeMachine machine(kV2Mounts);
  machine.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  machine.put("/usr/bin/crun", "");
  auto checks = check_compute(machine.fs, machine.dir.path());
  CHECK_FALSE(is_ready(checks));
  for (const auto& check : checks) {
    CAPTURE(check.name);
    CHECK(check.ok == (check.name != "conmon"));
    CHECK(check.next.empty() == check.ok);
  }
  machine.put("/usr/bin/conmon", "");
  CHECK(is_ready(check_compute(machine.fs, machine.dir.path())));
}

#include "compute/crun/oci_json.h"

#include <optional>

#include <fmt/format.h>

#include <boost/json.hpp>

namespace dl::compute {
namespace {

namespace json = boost::json;

constexpr const char* kMaskedPaths[] = {"/proc/acpi",
                                        "/proc/asound",
                                        "/proc/kcore",
                                        "/proc/keys",
                                        "/proc/latency_stats",
                                        "/proc/timer_list",
                                        "/proc/timer_stats",
                                        "/proc/sched_debug",
                                        "/sys/firmware",
                                        "/proc/scsi",
                                        "/sys/fs/selinux",
                                        "/proc/interrupts",
                                        "/sys/devices/virtual/powercap"};
constexpr const char* kReadOnlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

// Calls that change or look into the machine as a whole; most need capabilities that no container gets, and are refused
// here a second time.
constexpr const char* kRefusedCalls[] = {"acct",
                                         "add_key",
                                         "bpf",
                                         "clock_adjtime",
                                         "clock_settime",
                                         "create_module",
                                         "delete_module",
                                         "finit_module",
                                         "fsconfig",
                                         "fsmount",
                                         "fsopen",
                                         "fspick",
                                         "init_module",
                                         "ioperm",
                                         "iopl",
                                         "kcmp",
                                         "kexec_file_load",
                                         "kexec_load",
                                         "keyctl",
                                         "lookup_dcookie",
                                         "mount",
                                         "mount_setattr",
                                         "move_mount",
                                         "move_pages",
                                         "nfsservctl",
                                         "open_by_handle_at",
                                         "open_tree",
                                         "perf_event_open",
                                         "pivot_root",
                                         "process_vm_readv",
                                         "process_vm_writev",
                                         "ptrace",
                                         "quotactl",
                                         "reboot",
                                         "request_key",
                                         "setns",
                                         "settimeofday",
                                         "stime",
                                         "swapoff",
                                         "swapon",
                                         "sysfs",
                                         "umount",
                                         "umount2",
                                         "unshare",
                                         "userfaultfd",
                                         "vhangup",
                                         "vm86",
                                         "vm86old"};

template <class Range>
json::array list_of_texts(const Range& words) {
  json::array out;
  for (const auto& word : words) out.emplace_back(word);
  return out;
}

json::object render_seccomp() {
  constexpr uint64_t kNewUser = 0x10000000;  // CLONE_NEWUSER
  constexpr int kPermission = 1, kNoSuchCall = 38;
  json::object refuse{{"names", list_of_texts(kRefusedCalls)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", kPermission}};
  json::object new_user{
      {"names", json::array{"clone"}},
      {"action", "SCMP_ACT_ERRNO"},
      {"errnoRet", kPermission},
      {"args", json::array{json::object{
                   {"index", 0}, {"value", kNewUser}, {"valueTwo", kNewUser}, {"op", "SCMP_CMP_MASKED_EQ"}}}}};
  // Its flags lie in memory where a filter cannot look: programs fall back to clone.
  json::object clone3{{"names", json::array{"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", kNoSuchCall}};
  return {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", json::array{refuse, new_user, clone3}}};
}

json::object render_resources(const OciConfig& config) {
  json::array devices{json::object{{"allow", false}, {"access", "rwm"}}};
  auto allow = [&](int major, std::optional<int> minor) {
    json::object rule{{"allow", true}, {"type", "c"}, {"major", major}, {"access", "rwm"}};
    if (minor) rule["minor"] = *minor;
    devices.push_back(std::move(rule));
  };
  for (int memory : {3, 5, 7, 8, 9}) allow(1, memory);  // null, zero, full, random, urandom
  allow(5, 0);                                          // tty
  allow(5, 2);                                          // ptmx
  allow(136, std::nullopt);                             // pts
  json::object out{{"devices", std::move(devices)}};
  if (config.memory_bytes) {
    json::object memory{{"limit", *config.memory_bytes}};
    if (config.limit_swap) memory["swap"] = *config.memory_bytes;
    out["memory"] = std::move(memory);
  }
  if (config.cpu_quota_micros)
    out["cpu"] = json::object{{"quota", *config.cpu_quota_micros}, {"period", kCpuPeriodMicros}};
  if (config.pids) out["pids"] = json::object{{"limit", *config.pids}};
  return out;
}

json::object render_process(const OciConfig& config) {
  json::object capabilities;
  for (const char* set : {"bounding", "effective", "permitted"}) capabilities[set] = list_of_texts(config.capabilities);
  capabilities["inheritable"] = json::array{};
  capabilities["ambient"] = json::array{};
  json::object files{{"type", "RLIMIT_NOFILE"}, {"hard", config.open_files}, {"soft", config.open_files}};
  return {{"terminal", false},
          {"user", json::object{{"uid", config.uid}, {"gid", config.gid}}},
          {"args", list_of_texts(config.args)},
          {"env", list_of_texts(config.env)},
          {"cwd", config.cwd},
          {"capabilities", std::move(capabilities)},
          {"rlimits", json::array{std::move(files)}},
          {"oomScoreAdj", config.oom_score},
          {"noNewPrivileges", true}};
}

Result<json::object> parse_line(BytesView text, std::string_view what) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(text, failed, {}, options);
  if (failed || !value.is_object())
    return error(Code::kCorrupt, fmt::format("{} answered what is no JSON object: '{}'", what, text.substr(0, 200)));
  return std::move(value.get_object());
}

}  // namespace

Bytes render_oci_config(const OciConfig& config) {
  json::array mounts, namespaces;
  for (const auto& mount : config.mounts)
    mounts.push_back(json::object{{"destination", mount.destination},
                                  {"type", mount.type},
                                  {"source", mount.source},
                                  {"options", list_of_texts(mount.options)}});
  for (const auto& type : config.namespaces) namespaces.push_back(json::object{{"type", type}});
  json::object linux{{"cgroupsPath", config.cgroup_path},
                     {"resources", render_resources(config)},
                     {"namespaces", std::move(namespaces)},
                     {"maskedPaths", list_of_texts(kMaskedPaths)},
                     {"readonlyPaths", list_of_texts(kReadOnlyPaths)},
                     {"seccomp", render_seccomp()}};
  json::object out{{"ociVersion", "1.0.0"},
                   {"process", render_process(config)},
                   {"root", json::object{{"path", config.root}, {"readonly", config.read_only_root}}},
                   {"hostname", config.hostname},
                   {"mounts", std::move(mounts)},
                   {"linux", std::move(linux)}};
  return json::serialize(out);
}

Result<std::string> parse_crun_state(BytesView text) {
  DL_TRY(auto state, parse_line(text, "crun state"));
  const json::value* status = state.if_contains("status");
  if (!status || !status->is_string()) return error(Code::kCorrupt, "crun state answered without a status");
  return std::string(status->get_string());
}

Result<int> parse_conmon_line(BytesView text) {
  DL_TRY(auto line, parse_line(text, "conmon"));
  const json::value* data = line.if_contains("data");
  const json::value* message = line.if_contains("message");
  if (!data || !data->is_int64()) return error(Code::kCorrupt, "conmon answered without a number");
  if (data->get_int64() > 0) return static_cast<int>(data->get_int64());
  std::string why = message && message->is_string() ? std::string(message->get_string()) : "no reason given";
  while (why.ends_with('\n')) why.pop_back();
  return error(Code::kIo, fmt::format("the container could not be set up: {}", why));
}

}  // namespace dl::compute

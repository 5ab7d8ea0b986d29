#include "compute/crun/crun_runtime.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "compute/crun/oci_json.h"
#include "compute/limits.h"
#include "compute/process.h"
#include "registry/rooted_dir.h"

namespace dl::compute {
namespace {

const std::vector<std::string> kEnvironment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};

std::string exit_file(const ContainerRef& ref) { return ref.dir + "/exit/" + ref.id; }

// The words that tell the conmon of this container from any other process.
std::vector<std::string> conmon_words(const ContainerRef& ref) { return {"-c", ref.id, "-u", ref.id}; }

Command isolated(const HostFacts& facts, std::vector<std::string> argv) {
  Command command{.argv = std::move(argv), .env = kEnvironment, .own_mounts = true, .timeout = kRuntimeCall};
  if (facts.cgroups.layout == CgroupLayout::kHybrid)
    command.mounts.push_back({"none", facts.cgroups.unified, "tmpfs", "size=4k,mode=755"});
  return command;
}

// Overlay options are separated by commas, layers by colons.
std::string overlay_path(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (c == ',' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Error missing(std::string_view program) {
  return error(Code::kUnavailable, fmt::format("{} is not installed", program),
               fmt::format("apt install {}; demilune doctor says what else is missing", program));
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::ranges::replace(text, '\n', ';');
  return text.size() > 500 ? text.substr(0, 500) : text;
}

bool says_unknown(const Error& failed) {
  return failed.message.find("does not exist") != std::string::npos ||
         failed.message.find("No such file") != std::string::npos;
}

}  // namespace

std::string find_program(storage::FileSystem& fs, const std::string& name) {
  for (const char* dir : {"/usr/bin/", "/usr/local/bin/", "/usr/sbin/", "/usr/libexec/podman/", "/usr/lib/podman/"}) {
    auto there = fs.exists(dir + name);
    if (there.ok() && *there) return dir + name;
  }
  return {};
}

CrunRuntime::CrunRuntime(storage::FileSystem& fs, CrunSettings settings) : fs_(fs), settings_(std::move(settings)) {
  if (settings_.crun.empty()) settings_.crun = find_program(fs, "crun");
  if (settings_.conmon.empty()) settings_.conmon = find_program(fs, "conmon");
}

Result<HostFacts> CrunRuntime::host() const {
  if (settings_.crun.empty()) return missing("crun");
  if (settings_.conmon.empty()) return missing("conmon");
  DL_TRY(auto facts, read_host_facts(fs_));
  if (facts.cgroups.layout == CgroupLayout::kNone)
    return error(Code::kUnavailable, "control groups are not mounted below /sys/fs/cgroup",
                 "see what is missing with: demilune doctor");
  return facts;
}

Result<std::string> CrunRuntime::crun_call(const HostFacts& facts, std::vector<std::string> words) const {
  std::vector<std::string> argv{settings_.crun, "--cgroup-manager=cgroupfs", "--root=" + settings_.state_dir};
  argv.insert(argv.end(), words.begin(), words.end());
  DL_TRY(auto result, run_command(isolated(facts, std::move(argv))));
  if (result.exit_status != 0) return error(Code::kIo, fmt::format("crun {}: {}", words.front(), one_line(result.err)));
  return std::move(result.out);
}

Result<std::vector<std::string>> CrunRuntime::create(const ContainerPlan& plan) {
  DL_TRY(auto facts, host());
  DL_OK(storage::make_dirs(fs_, settings_.state_dir, 0700));
  for (const char* name : {"/exit", "/persist", "/merged", "/upper", "/work"})
    DL_OK(storage::make_dirs(fs_, plan.ref.dir + name, 0700));
  {
    DL_TRY(auto dir, registry::RootedDir::open(plan.ref.dir));
    DL_OK(dir.make_dir("upper", {.mode = 0755}));  // becomes the mode of "/"
  }
  bool overlay = facts.overlay;
  auto launched = launch(plan, facts, overlay);
  if (!launched.ok() && launched.error().code == Code::kUnsupported && overlay) {
    log_info("compute", "no overlay here, the root of {} is read-only: {}", plan.ref.id, launched.error().message);
    overlay = false;
    launched = launch(plan, facts, false);
  }
  if (!launched.ok()) {
    auto cleaned = remove(plan.ref);
    if (!cleaned.ok()) log_warn("compute", "{}: {}", plan.ref.id, cleaned.error().message);
  }
  return launched;
}

Result<std::vector<std::string>> CrunRuntime::launch(const ContainerPlan& plan, const HostFacts& facts,
                                                     bool overlay) const {
  const auto& ref = plan.ref;
  auto read_only = plan;
  read_only.read_only_root = true;
  auto config =
      overlay ? make_oci_config(plan, facts, ref.dir + "/merged") : make_oci_config(read_only, facts, plan.rootfs);
  DL_OK(storage::write_file_atomic(fs_, ref.dir + "/config.json", render_oci_config(config), 0600));
  Command command = isolated(facts, {settings_.conmon,
                                     "--api-version",
                                     "1",
                                     "-c",
                                     ref.id,
                                     "-u",
                                     ref.id,
                                     "-n",
                                     ref.id,
                                     "-r",
                                     settings_.crun,
                                     "--runtime-arg",
                                     "--cgroup-manager=cgroupfs",
                                     "--runtime-arg",
                                     "--root=" + settings_.state_dir,
                                     "-b",
                                     ref.dir,
                                     "-p",
                                     ref.dir + "/ctr.pid",
                                     "-P",
                                     ref.dir + "/conmon.pid",
                                     "--exit-dir",
                                     ref.dir + "/exit",
                                     "--persist-dir",
                                     ref.dir + "/persist",
                                     "-l",
                                     "k8s-file:" + log_path(ref),
                                     "--log-size-max",
                                     std::to_string(plan.max_log_bytes > 0 ? plan.max_log_bytes : kDefaultMaxLogBytes),
                                     "--full-attach"});
  if (overlay)
    command.mounts.push_back({"overlay", ref.dir + "/merged", "overlay",
                              fmt::format("lowerdir={},upperdir={},workdir={}", overlay_path(plan.rootfs),
                                          overlay_path(ref.dir + "/upper"), overlay_path(ref.dir + "/work"))});
  command.directory = ref.dir;  // where conmon leaves a file "oom"
  command.sync_line = true;
  DL_TRY(auto result, run_command(command));
  if (result.exit_status != 0)
    return error(Code::kIo, fmt::format("conmon ended with {}: {}", result.exit_status, one_line(result.err)));
  DL_OK(parse_conmon_line(result.sync));
  if (!overlay) config.clamps.push_back("the root file system is read-only: no overlay file system here");
  return config.clamps;
}

Result<void> CrunRuntime::start(const ContainerRef& ref) {
  DL_TRY(auto facts, host());
  DL_OK(crun_call(facts, {"start", ref.id}));
  return {};
}

int CrunRuntime::read_pid(const std::string& path) const {
  auto text = storage::read_file(fs_, path, 32);
  int pid = 0;
  if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

int CrunRuntime::conmon_pid(const ContainerRef& ref) const { return read_pid(ref.dir + "/conmon.pid"); }
int CrunRuntime::container_pid(const ContainerRef& ref) const { return read_pid(ref.dir + "/ctr.pid"); }
std::string CrunRuntime::log_path(const ContainerRef& ref) const { return ref.dir + "/ctr.log"; }

Result<std::string> CrunRuntime::crun_status(const ContainerRef& ref) const {
  DL_TRY(bool known, fs_.exists(settings_.state_dir + "/" + ref.id));
  if (!known) return std::string();
  DL_TRY(auto facts, host());
  auto text = crun_call(facts, {"state", ref.id});
  if (!text.ok() && says_unknown(text.error())) return std::string();
  if (!text.ok()) return std::move(text).error();
  return parse_crun_state(*text);
}

Result<Observation> CrunRuntime::exited(const ContainerRef& ref, const std::string& file) const {
  DL_TRY(auto text, storage::read_file(fs_, file, 32));
  Observation seen{.liveness = Liveness::kExited};
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seen.exit_code);
  if (failed != std::errc()) {
    // conmon creates the file, then writes it.
    if (text.empty() && process_runs(fs_, conmon_pid(ref), conmon_words(ref)))
      return Observation{.liveness = Liveness::kRunning};
    return Observation{.liveness = Liveness::kGone};
  }
  DL_TRY(seen.finished_millis, fs_.modified_millis(file));
  DL_TRY(auto cgroups, read_cgroups(fs_));
  DL_TRY(bool noticed, fs_.exists(ref.dir + "/oom"));
  seen.oom_killed = noticed || count_oom_kills(fs_, cgroups, cgroup_path_of(ref)).value_or(0) > 0;
  return seen;
}

Result<Observation> CrunRuntime::observe(const ContainerRef& ref) {
  DL_TRY(bool has_exited, fs_.exists(exit_file(ref)));
  if (has_exited) return exited(ref, exit_file(ref));
  if (process_runs(fs_, conmon_pid(ref), conmon_words(ref))) {
    // Until it is started crun keeps a fifo for it.
    DL_TRY(bool waits, fs_.exists(settings_.state_dir + "/" + ref.id + "/exec.fifo"));
    return Observation{.liveness = waits ? Liveness::kCreated : Liveness::kRunning};
  }
  // It may have written the file and ended between the two looks.
  DL_TRY(has_exited, fs_.exists(exit_file(ref)));
  if (has_exited) return exited(ref, exit_file(ref));
  DL_TRY(auto status, crun_status(ref));
  if (status == "running" || status == "paused" || status == "created")
    return Observation{.liveness = Liveness::kUnsupervised};
  DL_TRY(bool was_there, fs_.exists(ref.dir + "/conmon.pid"));
  return Observation{.liveness = was_there || !status.empty() ? Liveness::kGone : Liveness::kNone};
}

Result<void> CrunRuntime::signal(const ContainerRef& ref, int number) {
  DL_TRY(auto status, crun_status(ref));
  if (status != "running" && status != "paused" && status != "created") return {};
  DL_TRY(auto facts, host());
  auto sent = crun_call(facts, {"kill", ref.id, std::to_string(number)});
  if (sent.ok()) return {};
  DL_TRY(status, crun_status(ref));
  return status == "running" ? Result<void>(std::move(sent).error()) : Result<void>();
}

Result<void> CrunRuntime::remove(const ContainerRef& ref) {
  DL_TRY(bool known, fs_.exists(settings_.state_dir + "/" + ref.id));
  if (known) {
    DL_TRY(auto facts, host());
    auto deleted = crun_call(facts, {"delete", "--force", ref.id});
    if (!deleted.ok() && !says_unknown(deleted.error())) return std::move(deleted).error();
  }
  DL_TRY(auto cgroups, read_cgroups(fs_));
  remove_cgroup(fs_, cgroups, cgroup_path_of(ref));
  for (const char* name : {"/merged", "/upper", "/work"}) DL_OK(registry::remove_tree_no_follow(ref.dir + name));
  return {};
}

void CrunRuntime::remove_parent_group() const {
  auto cgroups = read_cgroups(fs_);
  if (cgroups.ok()) remove_cgroup(fs_, *cgroups, "/demilune");
}

}  // namespace dl::compute

#include "app/demo_node.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/thread.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

constexpr Millis kReadyDeadline{60'000};

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string tail_of(const std::string& text, size_t most = 1500) {
  return text.size() <= most ? text : "..." + text.substr(text.size() - most);
}

std::string word_after(const std::string& line, const std::string& mark) {
  size_t at = line.find(mark);
  if (at == std::string::npos) return {};
  at += mark.size();
  return line.substr(at, line.find_first_of(" \n", at) - at);
}

// The third word behind the name in /proc/PID/stat; the name may hold anything but ends with the last ')'.
pid_t parent_of(const std::string& stat) {
  size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  std::istringstream rest(stat.substr(at + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

}  // namespace

std::string find_aws() {
  if (::access("/usr/bin/aws", X_OK) == 0) return "/usr/bin/aws";
  return find_program("aws").value_or("");
}

DemoNode::DemoNode(Role role, std::string name, std::string work, std::string program)
    : role_(role),
      name_(std::move(name)),
      work_(std::move(work)),
      dir_(work_ + "/" + name_),
      program_(std::move(program)) {}

DemoNode::~DemoNode() {
  end_daemon();
  end_containers();
}

Result<void> DemoNode::start() {
  SpawnOptions o;
  auto listen = [](const std::string& known) {
    size_t scheme = known.find("://");
    return known.empty() ? std::string("127.0.0.1:0") : scheme == std::string::npos ? known : known.substr(scheme + 3);
  };
  o.argv = {program_, "up", "--data-dir", dir_, "--listen-data", listen(data_), "--listen-admin", listen(admin_)};
  if (role_ == Role::kHub) {
    o.argv.insert(o.argv.end(), {"--listen-link", listen(link_)});
    if (starts_ == 0) o.argv.insert(o.argv.end(), {"--admin-key-file", work_ + "/administrator.key"});
  }
  std::string log = fmt::format("{}/log/{}.{}.log", work_, name_, ++starts_);
  o.stderr_path = log;
  DL_TRY(auto process, Process::spawn(o));
  daemon_.emplace(std::move(process));
  auto ready = wait_until(
      name_ + " serves", kReadyDeadline,
      [&]() -> Result<bool> {
        if (slurp(log).find("\nready data=") != std::string::npos || slurp(log).starts_with("ready data=")) return true;
        if (!daemon_->running()) return error(Code::kIo, "the daemon has ended");
        return false;
      },
      Millis(50));
  if (!ready.ok()) {
    auto e = std::move(ready).error();
    return error(e.code,
                 fmt::format("starting {}: {}; the end of its log:\n{}", name_, e.message, tail_of(slurp(log))));
  }
  return read_ready_line(log);
}

Result<void> DemoNode::read_ready_line(const std::string& log) {
  std::string text = slurp(log);
  std::string line = text.substr(text.rfind("ready data="));
  data_ = word_after(line, "data=");
  admin_ = word_after(line, "admin=");
  link_ = word_after(line, "link=");
  if (data_.empty() || admin_.empty()) return error(Code::kInternal, "no addresses in the ready line: " + line);
  return {};
}

Result<void> DemoNode::kill() {
  if (!daemon_) return error(Code::kNotFound, name_ + " does not run");
  DL_OK(daemon_->signal(SIGKILL));
  DL_TRY(int status, daemon_->wait(Millis(20'000)));
  daemon_.reset();
  if (status != 128 + SIGKILL) return error(Code::kInternal, fmt::format("{} ended with {}", name_, status));
  return {};
}

void DemoNode::end_daemon() {
  if (!daemon_) return;
  if (daemon_->signal(SIGTERM).ok()) (void)daemon_->wait(Millis(10'000)).ok();
  daemon_.reset();
}

std::set<pid_t> DemoNode::container_processes() const {
  std::map<pid_t, pid_t> parents;
  std::set<pid_t> ours;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    parents[pid] = parent_of(slurp("/proc/" + name + "/stat"));
    std::string words = slurp("/proc/" + name + "/cmdline");
    std::string program = words.substr(0, words.find('\0'));
    if (program.ends_with("conmon") && words.find(dir_ + "/workloads/") != std::string::npos) ours.insert(pid);
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (auto [pid, parent] : parents)
      if (ours.contains(parent) && ours.insert(pid).second) grew = true;
  }
  return ours;
}

size_t DemoNode::end_containers() {
  auto all = container_processes();
  for (pid_t pid : all) ::kill(pid, SIGKILL);
  // conmon is nobody's child here: that it is gone is seen in /proc alone.
  StopSignal pause;
  for (int i = 0; i < 100 && !container_processes().empty(); i++) pause.wait_for(Millis(50));
  return all.size();
}

Result<format::Json> DemoNode::command(std::vector<std::string> words, Millis deadline) {
  SpawnOptions o;
  auto mark = std::find(words.begin(), words.end(), "--");
  std::string what = words[0] + (words.size() > 1 ? " " + words[1] : "");
  words.insert(mark, {"-o", "json", "--data-dir", dir_});
  o.argv = {program_};
  o.argv.insert(o.argv.end(), words.begin(), words.end());
  DL_TRY(auto done, run_tool(o, work_ + "/tmp", deadline));
  if (done.status != 0)
    return error(Code::kIo,
                 fmt::format("`demilune {}` at {} ended with {}: {}", what, name_, done.status, tail_of(done.err)));
  if (done.out.empty()) return format::Json::object();
  return format::parse_json(done.out, {.bytes = 64u << 20, .depth = 32, .members = 1u << 16});
}

std::map<std::string, std::string> DemoNode::aws_environment() const {
  return {{"AWS_ACCESS_KEY_ID", person_.key_id},
          {"AWS_SECRET_ACCESS_KEY", person_.secret},
          {"AWS_DEFAULT_REGION", region()},
          {"AWS_REGION", region()},
          {"AWS_CA_BUNDLE", ca_file()},
          {"AWS_CONFIG_FILE", work_ + "/tmp/aws.config"},
          {"AWS_SHARED_CREDENTIALS_FILE", work_ + "/tmp/aws.config"},
          {"AWS_PROFILE", "default"},
          {"AWS_EC2_METADATA_DISABLED", "true"},
          {"AWS_PAGER", ""}};
}

Result<std::string> DemoNode::aws(std::vector<std::string> words, Millis deadline) {
  SpawnOptions o;
  o.argv = {find_aws(), "--endpoint-url", data_};
  o.argv.insert(o.argv.end(), words.begin(), words.end());
  o.environment = aws_environment();
  DL_TRY(auto done, run_tool(o, work_ + "/tmp", deadline));
  if (done.status != 0)
    return error(Code::kIo, fmt::format("`aws {} {}` at {} ended with {}: {}", words[0], words[1], name_, done.status,
                                        tail_of(done.err)));
  return done.out;
}

Result<std::unique_ptr<DemoS3>> DemoNode::s3() const {
  DL_TRY(auto ca, storage::read_file(storage::posix_file_system(), ca_file(), 1 << 20));
  return DemoS3::connect(data_, ca, {person_.key_id, person_.secret, region(), "s3"});
}

}  // namespace dl::app

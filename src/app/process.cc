#include "app/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/thread.h"
#include "storage/file_system.h"

extern char** environ;

namespace dl::app {
namespace {

constexpr uint64_t kMaxOutput = 64ull << 20;

std::vector<std::string> environment_of(const SpawnOptions& options) {
  std::vector<std::string> list;
  for (char** e = environ; *e; e++) {
    std::string entry(*e);
    if (!options.environment.contains(entry.substr(0, entry.find('=')))) list.push_back(std::move(entry));
  }
  for (const auto& [name, value] : options.environment) list.push_back(name + "=" + value);
  return list;
}

std::vector<char*> pointers(std::vector<std::string>& list) {
  std::vector<char*> out;
  for (auto& s : list) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

// What the child reads: a file that is gone by name before it starts.
Result<int> input_file(const std::string& text) {
  char name[] = "/tmp/demilune-input-XXXXXX";
  int fd = ::mkostemp(name, O_CLOEXEC);
  if (fd < 0) return error(Code::kIo, std::string("a temporary file: ") + std::strerror(errno));
  ::unlink(name);
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::lseek(fd, 0, SEEK_SET) != 0) {
    ::close(fd);
    return error(Code::kIo, "writing a temporary file failed");
  }
  return fd;
}

}  // namespace

Result<Process> Process::spawn(const SpawnOptions& options) {
  DL_REQUIRE(!options.argv.empty(), "a program to run");
  auto arguments = options.argv;
  auto environment = environment_of(options);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  int in = -1;
  if (!options.stdin_text.empty()) {
    auto file = input_file(options.stdin_text);
    if (!file.ok()) {
      posix_spawn_file_actions_destroy(&actions);
      return std::move(file).error();
    }
    in = *file;
    posix_spawn_file_actions_adddup2(&actions, in, 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  auto to = [&](int fd, const std::string& path) {
    posix_spawn_file_actions_addopen(&actions, fd, path.empty() ? "/dev/null" : path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  };
  to(1, options.stdout_path);
  to(2, options.stderr_path);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = -1;
  int failed = posix_spawnp(&pid, arguments[0].c_str(), &actions, &attributes, pointers(arguments).data(),
                            pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (in >= 0) ::close(in);
  if (failed == ENOENT) return error(Code::kNotFound, "there is no program '" + options.argv[0] + "'");
  if (failed) return error(Code::kIo, "starting " + options.argv[0] + ": " + std::strerror(failed));
  return Process(pid);
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0 || status_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::running() {
  if (pid_ < 0 || status_) return false;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) == pid_) status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return !status_;
}

Result<void> Process::signal(int number) {
  if (!running()) return error(Code::kNotFound, "the process has ended");
  if (::kill(pid_, number) != 0) return error(Code::kIo, std::string("kill: ") + std::strerror(errno));
  return {};
}

Result<int> Process::wait(Millis deadline) {
  StopSignal pause;
  const auto end = system_clock().mono() + deadline;
  while (running()) {
    if (system_clock().mono() >= end)
      return error(Code::kTimeout, "process " + std::to_string(pid_) + " is still running");
    pause.wait_for(Millis(5));
  }
  return *status_;
}

Result<Output> run_program(SpawnOptions options, const std::string& scratch_dir, Millis deadline) {
  auto& fs = storage::posix_file_system();
  options.stdout_path = scratch_dir + "/program.out";
  options.stderr_path = scratch_dir + "/program.err";
  for (const auto& path : {options.stdout_path, options.stderr_path})
    if (auto there = fs.exists(path); there.ok() && *there) DL_OK(fs.remove(path));
  DL_TRY(auto process, Process::spawn(options));
  auto status = process.wait(deadline);
  if (!status.ok()) return std::move(status).error().within(options.argv[0]);
  Output output{*status, {}, {}};
  DL_TRY(output.out, storage::read_file(fs, options.stdout_path, kMaxOutput));
  DL_TRY(output.err, storage::read_file(fs, options.stderr_path, kMaxOutput));
  return output;
}

std::optional<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    auto colon = rest.find(':');
    std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return std::nullopt;
}

}  // namespace dl::app

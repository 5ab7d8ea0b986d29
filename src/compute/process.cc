#include "compute/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>

namespace dl::compute {
namespace {

constexpr size_t kMaxOutputBytes = 64 * 1024;
constexpr int kLowestOwnFd = 10;  // ours stay clear of the descriptors that the child rearranges
constexpr int kSyncFd = 3;

class Pipe {
 public:
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    close_read();
    close_write();
  }
  Result<void> open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return error(Code::kIo, fmt::format("pipe: {}", std::strerror(errno)));
    read_ = ::fcntl(ends[0], F_DUPFD_CLOEXEC, kLowestOwnFd);
    write_ = ::fcntl(ends[1], F_DUPFD_CLOEXEC, kLowestOwnFd);
    ::close(ends[0]);
    ::close(ends[1]);
    if (read_ < 0 || write_ < 0) return error(Code::kIo, fmt::format("pipe: {}", std::strerror(errno)));
    return {};
  }
  int read_end() const { return read_; }
  int write_end() const { return write_; }
  void close_read() { close_one(read_); }
  void close_write() { close_one(write_); }

 private:
  static void close_one(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int read_ = -1, write_ = -1;
};

// What the child tells before exec: where it failed.
struct ChildFailure {
  enum Where : int { kNamespace = 1, kMount, kExec, kSetUp } where;
  int number;
  int index;
};

// Everything that the child needs, laid out before fork: after it only system calls are allowed.
struct ChildPlan {
  const Command& command;
  std::vector<char*> argv, env;
  int stdin_fd, out_fd, err_fd, sync_fd, failure_fd;
};

[[noreturn]] void fail_child(const ChildPlan& plan, ChildFailure::Where where, int index = 0) {
  ChildFailure failure{where, errno, index};
  (void)!::write(plan.failure_fd, &failure, sizeof failure);
  ::_exit(127);
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  if (plan.command.own_mounts) {
    if (::unshare(CLONE_NEWNS) != 0) fail_child(plan, ChildFailure::kNamespace);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail_child(plan, ChildFailure::kNamespace);
  }
  int index = 0;
  for (const auto& call : plan.command.mounts) {
    if (::mount(call.source.c_str(), call.target.c_str(), call.type.c_str(), 0, call.options.c_str()) != 0)
      fail_child(plan, ChildFailure::kMount, index);
    ++index;
  }
  if (::chdir(plan.command.directory.empty() ? "/" : plan.command.directory.c_str()) != 0)
    fail_child(plan, ChildFailure::kSetUp);
  if (::dup2(plan.stdin_fd, 0) < 0 || ::dup2(plan.out_fd, 1) < 0 || ::dup2(plan.err_fd, 2) < 0)
    fail_child(plan, ChildFailure::kSetUp);
  if (::syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) != 0)
    fail_child(plan, ChildFailure::kSetUp);
  if (plan.sync_fd >= 0 && ::dup2(plan.sync_fd, kSyncFd) < 0) fail_child(plan, ChildFailure::kSetUp);
  ::execve(plan.argv[0], plan.argv.data(), plan.env.data());
  fail_child(plan, ChildFailure::kExec);
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

Error explain(const ChildFailure& failure, const Command& command) {
  std::string why = std::strerror(failure.number);
  switch (failure.where) {
    case ChildFailure::kNamespace:
      return error(Code::kUnsupported, fmt::format("no mount namespace of its own for {}: {}", command.argv[0], why),
                   "the node must run as root with CAP_SYS_ADMIN");
    case ChildFailure::kMount: {
      const auto& call = command.mounts[static_cast<size_t>(failure.index)];
      return error(Code::kUnsupported, fmt::format("mounting {} at {}: {}", call.type, call.target, why));
    }
    case ChildFailure::kExec:
      return error(failure.number == ENOENT ? Code::kNotFound : Code::kIo,
                   fmt::format("starting {}: {}", command.argv[0], why), "see what is missing with: demilune doctor");
    case ChildFailure::kSetUp:
      break;
  }
  return error(Code::kIo, fmt::format("starting {}: {}", command.argv[0], why));
}

// Reads what is there; false at the end.
bool drain(int fd, Bytes& out) {
  char buffer[4096];
  ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  size_t room = kMaxOutputBytes - std::min(kMaxOutputBytes, out.size());
  out.append(buffer, std::min(room, static_cast<size_t>(n)));
  return n > 0;
}

void drain_rest(int fd, Bytes& out) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  char buffer[4096];
  while (out.size() < kMaxOutputBytes) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return;
    out.append(buffer, std::min(kMaxOutputBytes - out.size(), static_cast<size_t>(n)));
  }
}

class Child {
 public:
  explicit Child(const Command& command) : command_(command) {}
  ~Child() {
    if (pidfd_ >= 0) ::close(pidfd_);
  }

  Result<void> start() {
    for (Pipe* pipe : {&out_, &err_, &sync_, &failure_}) DL_OK(pipe->open());
    std::vector<std::string> env = command_.env;
    if (command_.sync_line) env.push_back(fmt::format("_OCI_SYNCPIPE={}", kSyncFd));
    int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0) return error(Code::kIo, fmt::format("/dev/null: {}", std::strerror(errno)));
    ChildPlan plan{command_,
                   pointers_to(command_.argv),
                   pointers_to(env),
                   null_fd,
                   out_.write_end(),
                   err_.write_end(),
                   command_.sync_line ? sync_.write_end() : -1,
                   failure_.write_end()};
    pid_ = ::fork();
    if (pid_ == 0) run_child(plan);
    ::close(null_fd);
    if (pid_ < 0) return error(Code::kIo, fmt::format("fork: {}", std::strerror(errno)));
    for (Pipe* pipe : {&out_, &err_, &sync_, &failure_}) pipe->close_write();
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ >= 0) return {};
    Error failed = error(Code::kIo, fmt::format("pidfd: {}", std::strerror(errno)));
    ::kill(pid_, SIGKILL);
    reap();
    return failed;
  }

  Result<CommandResult> wait() {
    MonoTime deadline = system_clock().mono() + command_.timeout;
    while (!exited_ || wants_sync()) {
      auto left = std::chrono::duration_cast<Millis>(deadline - system_clock().mono());
      if (left.count() <= 0) return give_up();
      poll_once(left);
    }
    // What is in the pipes still counts; what a background process writes later does not.
    drain_rest(out_.read_end(), result_.out);
    drain_rest(err_.read_end(), result_.err);
    ChildFailure failure;
    if (::read(failure_.read_end(), &failure, sizeof failure) == sizeof failure) return explain(failure, command_);
    result_.sync.resize(std::min(result_.sync.find('\n'), result_.sync.size()));
    return std::move(result_);
  }

 private:
  bool wants_sync() const { return command_.sync_line && !sync_ended_ && result_.sync.find('\n') == Bytes::npos; }

  void poll_once(Millis timeout) {
    pollfd fds[4] = {{exited_ ? -1 : pidfd_, POLLIN, 0},
                     {out_ended_ ? -1 : out_.read_end(), POLLIN, 0},
                     {err_ended_ ? -1 : err_.read_end(), POLLIN, 0},
                     {wants_sync() ? sync_.read_end() : -1, POLLIN, 0}};
    if (::poll(fds, 4, static_cast<int>(std::min<int64_t>(timeout.count(), 60'000))) <= 0) return;
    if (fds[1].revents) out_ended_ = !drain(out_.read_end(), result_.out);
    if (fds[2].revents) err_ended_ = !drain(err_.read_end(), result_.err);
    if (fds[3].revents) sync_ended_ = !drain(sync_.read_end(), result_.sync);
    if (fds[0].revents) reap();
  }

  void reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    result_.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    exited_ = true;
  }

  Error give_up() {
    if (!exited_) {
      ::kill(pid_, SIGKILL);
      reap();
    }
    return error(Code::kTimeout,
                 fmt::format("{} did not end within {} s", command_.argv[0], command_.timeout.count() / 1000),
                 "the machine may be overloaded");
  }

  const Command& command_;
  Pipe out_, err_, sync_, failure_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool exited_ = false, out_ended_ = false, err_ended_ = false, sync_ended_ = false;
  CommandResult result_;
};

}  // namespace

Result<CommandResult> run_command(const Command& command) {
  DL_REQUIRE(!command.argv.empty(), "a command without a program");
  Child child(command);
  DL_OK(child.start());
  return child.wait();
}

Result<Bytes> read_pseudo_file(storage::FileSystem& fs, const std::string& path, size_t max_bytes) {
  DL_TRY(auto file, fs.open_read(path));
  Bytes out;
  Bytes buffer(4096, '\0');
  for (;;) {
    DL_TRY(size_t n, file->read_at(out.size(), buffer.data(), buffer.size()));
    if (n == 0) return out;
    out.append(buffer.data(), n);
    if (out.size() > max_bytes) return error(Code::kTooLarge, fmt::format("{} is too large", path));
  }
}

bool process_runs(storage::FileSystem& fs, int pid, const std::vector<std::string>& words) {
  if (pid <= 0) return false;
  auto line = read_pseudo_file(fs, fmt::format("/proc/{}/cmdline", pid));
  if (!line.ok() || line->empty()) return false;
  std::string wanted(1, '\0');
  for (const auto& word : words) wanted += word + '\0';
  return (std::string(1, '\0') + *line).find(wanted) != std::string::npos;
}

Result<void> signal_process(int pid, int signal) {
  if (pid <= 1) return error(Code::kInvalid, fmt::format("process {} is never signalled", pid));
  if (::kill(pid, signal) == 0) return {};
  if (errno == ESRCH) return error(Code::kNotFound, fmt::format("process {} is gone", pid));
  return error(Code::kIo, fmt::format("signal {} to process {}: {}", signal, pid, std::strerror(errno)));
}

}  // namespace dl::compute

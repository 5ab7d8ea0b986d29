#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// Other programs, as the demo runs them: nodes in the background, tools to their end.
namespace dl::app {

struct SpawnOptions {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH
  std::map<std::string, std::string> environment;  // added to ours
  std::string stdout_path;                         // empty: /dev/null
  std::string stderr_path;
  std::string stdin_text;
};

// A child in a process group of its own. Destroyed while it runs: it gets SIGKILL and is reaped.
class Process {
 public:
  static Result<Process> spawn(const SpawnOptions& options);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool running();
  Result<void> signal(int number);
  // Exit status, or 128 + signal. Errors: kTimeout (it goes on running).
  Result<int> wait(Millis deadline);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct Output {
  int status = 0;
  std::string out, err;
};
// Runs to the end. Errors: kTimeout (it is killed), kNotFound (no such program). Output over 64 MiB is cut.
Result<Output> run_program(SpawnOptions options, const std::string& scratch_dir, Millis deadline);

// The value of `name` in PATH, or nullopt.
std::optional<std::string> find_program(const std::string& name);

}  // namespace dl::app

#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "storage/file_system.h"

// The one place that starts and signals processes.
namespace dl::compute {

struct MountCall {
  std::string source, target, type, options;
};

struct Command {
  std::vector<std::string> argv;  // argv[0] is an absolute path
  std::vector<std::string> env;   // the whole environment, "NAME=value"
  std::string directory;          // working directory; empty: "/"
  // The command runs in a mount namespace of its own, which nothing outside sees, after these mounts.
  bool own_mounts = false;
  std::vector<MountCall> mounts;
  // A pipe is passed as descriptor 3, told by _OCI_SYNCPIPE; one line of it is waited for.
  bool sync_line = false;
  Millis timeout{60'000};
};

struct CommandResult {
  int exit_status = 0;  // 128 + signal when a signal ended it
  Bytes out, err;       // at most 64 KiB each, the rest is dropped
  Bytes sync;           // the line, without its end
};

// Runs to the end, every descriptor but 0-2 closed, stdin empty, default signals. What the command leaves behind in the
// background lives on. Errors: kTimeout (it was killed), kNotFound (no such program), kUnsupported (a mount was
// refused: the message names it), kIo.
Result<CommandResult> run_command(const Command& command);

// True when a process of that id runs (a zombie does not) and all words stand in its command line, in order.
bool process_runs(storage::FileSystem& fs, int pid, const std::vector<std::string>& words);
Result<void> signal_process(int pid, int signal);

// Files whose size is not told beforehand, such as those of /proc. Errors: kTooLarge, kNotFound, kIo.
Result<Bytes> read_pseudo_file(storage::FileSystem& fs, const std::string& path, size_t max_bytes = 256 * 1024);

}  // namespace dl::compute

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/workload.h"

namespace dl::compute {

// A container and the directory with all that belongs to it: runtime bundle, log, exit file.
struct ContainerRef {
  std::string id;   // [a-z0-9-], unique on the machine
  std::string dir;  // absolute; exists while the container may exist
};

struct BindMount {
  std::string host, inside;
  bool read_only = true;
};

struct ContainerPlan {
  ContainerRef ref;
  std::string rootfs;  // the image's tree: never written
  std::vector<std::string> argv, env;
  std::string working_dir = "/";
  uint32_t uid = 0, gid = 0;
  std::string hostname;
  std::vector<BindMount> binds;
  format::WorkloadLimits limits;
  format::NetworkMode network = format::NetworkMode::kNone;
  bool read_only_root = false;
  uint64_t max_log_bytes = 0;
};

enum class Liveness : uint8_t {
  kNone,          // there is no such container
  kCreated,       // set up, its program not started
  kRunning,       // runs, watched by its supervisor
  kExited,        // ended, its exit code is known
  kUnsupervised,  // runs, its supervisor is gone: its end will never be told
  kGone,          // it was there, it is not, and nobody knows how it ended
};

struct Observation {
  Liveness liveness = Liveness::kNone;
  int exit_code = 0;             // kExited: 128 + signal when a signal ended it
  bool oom_killed = false;       // the memory limit killed at least one of its processes
  uint64_t finished_millis = 0;  // kExited
};

// Runs containers that outlive this program. Thread-safe for different containers; every call blocks.
class Runtime {
 public:
  virtual ~Runtime() = default;
  // Sets the container up, its program waiting. Returns what was asked for and could not be given, one line each.
  // Errors: kUnavailable (the machine cannot run containers: says what is missing), kInvalid (the plan), kIo.
  virtual Result<std::vector<std::string>> create(const ContainerPlan& plan) = 0;
  virtual Result<void> start(const ContainerRef& ref) = 0;
  virtual Result<Observation> observe(const ContainerRef& ref) = 0;
  // To the container's first process. A container that is gone: nothing to do.
  virtual Result<void> signal(const ContainerRef& ref, int number) = 0;
  // Ends what still runs and frees all but the files in ref.dir that tell of it. Idempotent.
  virtual Result<void> remove(const ContainerRef& ref) = 0;
  // Where its output is kept, in the CRI log format (log_file.h).
  virtual std::string log_path(const ContainerRef& ref) const = 0;
};

}  // namespace dl::compute

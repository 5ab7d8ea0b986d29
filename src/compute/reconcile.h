#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "compute/runtime.h"
#include "format/workload.h"

// The life of one workload as a pure function: what is wanted, what was, what is seen now -> what is, and what to do.
// No I/O, no clock of its own; docs/internals/job-life.md has the picture.
namespace dl::compute {

enum class TaskKind : uint8_t {
  kLaunch,   // image, input, container, start
  kCollect,  // output into objects
  kCleanUp,  // frees what an ended attempt holds
};

// How a task that an earlier decision asked for ended.
struct TaskOutcome {
  TaskKind kind = TaskKind::kLaunch;
  std::optional<Error> failed;
  std::vector<std::string> clamps;         // kLaunch
  uint64_t objects = 0, object_bytes = 0;  // kCollect
};

// Deadlines by the monotonic clock; made again from the status when the program starts.
struct Timers {
  std::optional<MonoTime> timeout, kill, next;
};

struct Seen {
  Observation container;  // of the current attempt; kNone when there was none
  bool task_runs = false;
  std::optional<TaskOutcome> outcome;  // given exactly once
  WallTime wall;
  MonoTime mono;
  std::string boot_id;
};

enum class Action : uint8_t {
  kLaunch,      // start the task: attempt `status.attempt`
  kCollect,     // start the task
  kCleanUp,     // start the task
  kCancelTask,  // tell the running task to end early
  kTerminate,   // signal TERM to the container
  kKill,        // signal KILL
  kForget,      // nothing is left of it: erase its files and rows
};

struct Decision {
  format::WorkloadStatus status;
  Timers timers;
  std::vector<Action> actions;  // the status is made durable before they are done
};

struct ReconcileRules {
  Millis first_back_off, longest_back_off, calm_run, retry, stop_grace;
  uint32_t job_restarts;
};
ReconcileRules default_rules();

Decision reconcile(const format::WorkloadSpec& spec, const format::WorkloadStatus& status, const Timers& timers,
                   const Seen& seen, const ReconcileRules& rules);

// The wait before the start after `failures` failures in a row (1 or more).
Millis back_off(uint32_t failures, const ReconcileRules& rules);

}  // namespace dl::compute

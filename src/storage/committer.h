#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/thread.h"
#include "storage/commit_meter.h"
#include "storage/limits.h"
#include "storage/overlay.h"
#include "storage/partition.h"

namespace dl::storage {

// What a committer writes to. All calls come from one thread at a time, the committer's.
class Engine {
 public:
  virtual ~Engine() = default;
  // Asked before a step runs. Errors: kNoSpace (below the reserve), kUnavailable (closed, waiting for space).
  virtual Result<void> admit(Purpose purpose) = 0;
  // The newest state. Valid until the next apply() or tick(). Precondition: admit() said yes.
  virtual const View& newest() = 0;
  // Makes all of it durable, or fails: then what was to be written is open. Precondition: not empty.
  virtual Result<void> apply(const Overlay& rows) = 0;
  // Nothing was asked for during kTick: time for what is to be done in peace.
  virtual void tick() = 0;
  // About every kTick while there is work all the time. Not in the middle of a group.
  virtual void busy_tick() {}
};

struct CommitterLimits {
  size_t queued_steps = kMaxQueuedSteps;
  size_t group_steps = kMaxGroupSteps;
  size_t group_bytes = kMaxGroupBytes;
  size_t step_bytes = kMaxStepBytes;
  Millis tick = kTick;
};

// Group commit: takes the steps that wait, in arrival order, runs each over the store and the earlier steps of its
// group, writes all that succeeded as one, then answers. Knows nothing of what the rows mean. Thread-safe.
class Committer {
 public:
  enum class Mode {
    kThread,  // a thread of its own
    kInline,  // commit() runs the step at once, on the caller's thread: for simulators, which need one order of events
    kManual,  // nothing runs until run_one_group()
  };
  // `engine` outlives it.
  Committer(std::string name, Engine& engine, Mode mode, CommitterLimits limits = {});
  ~Committer();  // stop()

  // As Partition::commit. kBusy and kCancelled are answered on the caller's thread.
  void commit(Step step, Done done, Purpose purpose);
  // Runs what waits as one group; false when nothing did. Precondition: mode is not kThread.
  bool run_one_group();
  // Runs what is queued, then ends. Idempotent; not from a step or a done.
  void stop();

  const CommitMeter& meter() const { return meter_; }
  uint64_t groups() const { return groups_; }  // that wrote something
  uint64_t steps() const { return steps_; }    // that ran

 private:
  struct Waiting {
    Step step;
    Done done;
    Purpose purpose;
    MonoTime since{};
  };
  struct Ran {
    Done done;
    Result<void> result;
  };
  void run();
  bool run_group();
  std::optional<Waiting> take();
  // The steps that become durable together.
  struct Group {
    std::optional<OverlayBatch> rows;
    std::optional<Result<void>> admitted[2];  // by purpose; asked once a group, for it costs a system call
  };
  Result<void> run_step(Waiting& waiting, Group& group);

  Engine& engine_;
  const Mode mode_;
  const CommitterLimits limits_;
  std::mutex m_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  bool running_ = false;  // kInline: somebody is in the loop already
  std::atomic<uint64_t> groups_{0};
  std::atomic<uint64_t> steps_{0};
  CommitMeter meter_;
  Thread thread_;
};

}  // namespace dl::storage

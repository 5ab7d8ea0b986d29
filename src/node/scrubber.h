#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/thread.h"
#include "storage/local/store.h"

namespace dl::node {

// Bounds a rate: whoever waits what wait_for() says before each run of bytes takes at most `bytes_per_second`, whatever
// the sizes of the runs. One thread.
class Pace {
 public:
  explicit Pace(uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  std::chrono::nanoseconds wait_for(uint64_t bytes, MonoTime now);

 private:
  const uint64_t rate_;
  MonoTime free_{};  // from when on the next run may begin
};

// Reads all that is stored, over and over, at a bounded rate, and tells what is damaged. When the last whole reading
// ended is kept in row 7E "node/scrub", so that a start does not begin one that is not due; one that was cut off begins
// anew. A thread of its own; all calls are thread-safe.
class Scrubber {
 public:
  struct Config {
    storage::LocalStore* store = nullptr;     // outlives it
    storage::Partition* partition = nullptr;  // where the row lies
    const Clock* clock = nullptr;
    Millis interval{0};  // 0: never
    uint64_t bytes_per_second = 0;
    std::function<void(const storage::ScrubFinding&)> found;
  };
  struct Finished {
    WallTime when;
    uint64_t files = 0, bodies = 0, findings = 0;
    bool operator==(const Finished&) const = default;
  };

  explicit Scrubber(Config config) : config_(std::move(config)) {}
  ~Scrubber() { stop(); }
  // Errors: kCorrupt (the row), the store's.
  Result<void> start();
  void stop();  // before the store's

  // One whole reading on the caller's thread. Errors: the store's, kCancelled.
  Result<void> run();

  bool enabled() const { return config_.interval > Millis(0); }
  bool running() const { return running_; }
  uint64_t bytes() const { return bytes_; }  // read since the start
  std::optional<Finished> last() const;

 private:
  Millis until_due() const;
  Result<void> keep(const Finished& finished);

  const Config config_;
  StopSignal stopping_;
  Thread thread_;
  std::atomic<bool> running_{false};
  std::atomic<uint64_t> bytes_{0};
  mutable std::mutex m_;
  std::optional<Finished> last_;
};

}  // namespace dl::node

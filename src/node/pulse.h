#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/thread.h"
#include "storage/local/store.h"

namespace dl::node {

// Whether the store serves: asked every second on a thread of its own, with an empty step through each committer, so
// that who wants to know (a probe of anybody's) neither blocks nor works. Thread-safe.
class Pulse {
 public:
  // Both outlive it.
  Pulse(storage::LocalStore& store, const Clock& clock) : store_(store), clock_(clock) {}
  ~Pulse() { stop(); }
  void start();
  void stop();  // before the store's

  // As of the last beat. Errors: those of LocalStore::health; kUnavailable when a beat has not come back for
  // kMaxSilence.
  Result<void> ready() const;
  // One beat, on the caller's thread.
  void beat();

  static constexpr Millis kEvery{1'000};
  static constexpr Millis kMaxSilence{10'000};

 private:
  storage::LocalStore& store_;
  const Clock& clock_;
  StopSignal signal_;
  Thread thread_;
  mutable std::mutex m_;
  std::optional<MonoTime> last_;
  Result<void> found_;
};

}  // namespace dl::node

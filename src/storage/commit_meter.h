#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/metrics.h"

namespace dl::storage {

// What a committer says of its work, for metrics and for who decides whether more is let in. Written by the committer
// thread, but for `waiting`; read by any.
struct CommitMeter {
  Histogram group_steps{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}};
  // Of a step, from commit() to the start of its group.
  Histogram wait_seconds{fine_latency_bounds()};
  // Of a group that wrote: running its steps, and making them durable.
  Histogram group_seconds{fine_latency_bounds()}, sync_seconds{fine_latency_bounds()};
  std::atomic<uint64_t> waiting{0};  // steps in the queue
  // Since when the oldest step of the group that runs has waited; MonoTime's ticks, 0: none runs.
  std::atomic<MonoTime::rep> oldest{0};

  // How long the oldest step that is not answered has waited.
  Millis age(MonoTime now) const {
    auto since = oldest.load(std::memory_order_relaxed);
    if (since == 0) return Millis(0);
    return std::chrono::duration_cast<Millis>(now - MonoTime(MonoTime::duration(since)));
  }
};

}  // namespace dl::storage

#pragma once

#include <deque>
#include <mutex>

#include "audit/limits.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/thread.h"
#include "storage/partition.h"

namespace dl::audit {

// Records that no mutation carries (reads, refusals) on their way into a partition's log: written together, within
// 100 ms. A crash may lose these 100 ms; a full queue is told to the caller, who answers 503. Thread-safe.
class Queue {
 public:
  // The partition outlives it.
  explicit Queue(storage::Partition& partition, size_t limit = limits::kMaxQueued,
                 size_t limit_bytes = limits::kMaxQueuedBytes);
  ~Queue();  // stop()
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Errors: kBusy (full), kTooLarge, kCancelled (stopped).
  Result<void> submit(Bytes record);
  // Starts the thread that writes. Without it, flush() is the owner's affair (simulation).
  void start();
  // Writes what is queued, then ends. Before the partition's stop(). Idempotent.
  void stop();
  // Writes what is queued now and waits for it. On an error the records stay queued. Never on the committer thread.
  Result<void> flush();
  size_t queued() const;
  size_t queued_bytes() const;

 private:
  void run();
  Result<bool> flush_group();  // whether more waits
  storage::Partition& partition_;
  const size_t limit_, limit_bytes_;
  mutable std::mutex m_;
  std::deque<Bytes> records_;
  size_t bytes_ = 0;
  bool stopping_ = false;
  std::mutex writing_;  // one group at a time, in order
  StopSignal signal_;
  Thread thread_;
};

}  // namespace dl::audit

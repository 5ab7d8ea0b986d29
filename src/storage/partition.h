#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace dl::storage {

enum class Scan { kContinue, kStop };
using ScanFn = std::function<Result<Scan>(BytesView key, BytesView value)>;  // views live for the call only

// Ordered byte keys, to read. One thread at a time.
class View {
 public:
  virtual ~View() = default;
  // nullopt when absent. Errors: kCorrupt, kIo.
  virtual Result<std::optional<Bytes>> get(BytesView key) const = 0;
  // Ascending over [from, to); an empty `to` is the end of the partition. An error of fn ends the scan and is returned.
  virtual Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const = 0;
};

// What a step reads and writes: the store, then the earlier steps of the same group, then its own rows.
class Batch : public View {
 public:
  virtual void put(BytesView key, BytesView value) = 0;
  virtual void erase(BytesView key) = 0;
  virtual void erase_range(BytesView from, BytesView to) = 0;  // [from, to)
};

// Called once, on the committer thread, in arrival order. It reads, checks its conditions and puts rows, or fails
// alone: after an error none of its rows are written and the other steps of the group go on. It does no other I/O, no
// signing, no waiting.
using Step = std::move_only_function<Result<void>(Batch&)>;
// Called exactly once, on the committer thread, after the group is durable (or with the step's error). Must be quick:
// post on.
using Done = std::move_only_function<void(Result<void>)>;

// Why a commit is asked for decides which reserve of the disk it may use.
enum class Purpose {
  kWrite,  // refused with kNoSpace below the reserve (LocalLimits::reserve_bytes)
  kFree,   // deletes, audit, control, sync of deletions: may use the reserve
};

// One database: ordered keys and one committer thread. Thread-safe. A 200 for a write rests on done(ok).
class Partition {
 public:
  virtual ~Partition() = default;
  // The newest committed state. Errors: kCorrupt, kIo, kUnavailable (waiting for space to reopen).
  virtual Result<std::optional<Bytes>> get(BytesView key) const = 0;
  // A consistent state at the time of the call, for scans. Must not outlive the partition.
  virtual Result<std::unique_ptr<View>> snapshot() const = 0;
  // The newest state, cheaper than a snapshot: reads through it may see different commits. Must not outlive the
  // partition.
  virtual Result<std::unique_ptr<View>> newest_view() const { return snapshot(); }
  // As ChangeStamps::read; always nullopt in a partition that keeps none.
  virtual std::optional<uint64_t> stamp(BytesView row_key) const {
    (void)row_key;
    return std::nullopt;
  }
  // Errors at done: the step's; kNoSpace; kBusy (queue full); kUnavailable (reopening; the write is open: it may be
  // there afterwards); kCancelled (stopped before it ran).
  virtual void commit(Step step, Done done, Purpose purpose = Purpose::kWrite) = 0;
  // Blocks the calling thread. Never on the committer thread.
  Result<void> commit_wait(Step step, Purpose purpose = Purpose::kWrite);
  // Runs what is queued, makes it durable and ends the committer; later commits get kCancelled. Idempotent.
  virtual void stop() = 0;
};

}  // namespace dl::storage

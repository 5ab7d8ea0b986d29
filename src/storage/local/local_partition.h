#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "storage/change_stamps.h"
#include "storage/committer.h"
#include "storage/local/instance.h"

namespace dl::storage {

// A partition on disk: one database and one committer thread. A full disk closes the database and opens it again when
// there is space; any other error is the end of the process.
class LocalPartition : public Partition, private Engine {
 public:
  // Not open yet, known to be whole, nothing changed; a failed sync will go to `fatal`. Errors: Opening::examine's.
  static Result<std::unique_ptr<LocalPartition>> examine(InstancePlan plan, FatalHandler fatal);
  // Once, before anything else is asked of it. Errors: Opening::open's.
  Result<void> open();
  ~LocalPartition() override;

  Result<std::optional<Bytes>> get(BytesView key) const override;
  Result<std::unique_ptr<View>> snapshot() const override;
  Result<std::unique_ptr<View>> newest_view() const override;
  std::optional<uint64_t> stamp(BytesView row_key) const override { return stamps_.read(row_key); }
  void commit(Step step, Done done, Purpose purpose) override;
  void stop() override;

  // Writes the watermark if it is behind. Any thread.
  void flush_watermark();
  // Gives the space of deleted rows back: as soon as there are any when the disk is below its reserve, else when half
  // of what values take is garbage, and limits.least_garbage_bytes. What is written for it takes half of the free space
  // at most. True when something was moved. One thread at a time. Errors: Instance::reclaim_blob_files', kUnavailable.
  Result<bool> reclaim_space();
  // What of the database was met that cannot be read, while it goes on serving; since it was opened.
  std::optional<Error> damage() const;
  uint64_t unwritten_bytes() const;  // rows that only memory and the log have
  uint64_t compaction_debt() const;  // as Instance's
  // Ends a running reclaim_space soon; the next one does nothing until the partition is opened again.
  void stop_reclaiming() const;
  // Compares each table and blob file with its checksum; fn is told of each, whole or kCorrupt. `read` as in
  // Instance::verify_file. Errors: what stops it, kUnavailable.
  using CheckedFileFn = std::function<void(const std::string& name, const Result<void>& found)>;
  Result<void> verify_files(const Instance::ReadFn& read, const CheckedFileFn& fn) const;
  // Whether a write of `bytes` more leaves the reserve alone; what memory still has to write counts as written.
  // What was a disk with plenty of room 100 ms ago is one. Errors: kNoSpace, kIo.
  Result<void> check_reserve(uint64_t bytes) const;
  // Whether a write would be taken now. Errors: kIo, kUnavailable, kNoSpace.
  Result<void> health() const;
  // Not repairable while running: tells why and, unless a test's handler returns, ends the process.
  void die(const Error& why);

  const Committer& committer() const { return *committer_; }

 private:
  enum class State { kOpen, kFull, kDead };

  LocalPartition(InstancePlan plan, FatalHandler fatal);
  std::shared_ptr<Instance> find_instance() const;     // null while closed
  Result<void> look_at_reserve(uint64_t bytes) const;  // check_reserve, always asking the disk
  Result<std::shared_ptr<Instance>> instance() const;  // kUnavailable while closed
  Result<void> admit(Purpose purpose) override;
  const View& newest() override;
  Result<void> apply(const Overlay& rows) override;
  void tick() override;
  void busy_tick() override;
  Error fail_write(Error why);
  void close_for_space();
  void try_reopen();

  InstancePlan plan_;
  const FatalHandler fatal_;
  std::unique_ptr<Opening> opening_;  // until open()
  mutable std::mutex m_;
  std::shared_ptr<Instance> instance_;  // shared with running reads and snapshots
  State state_ = State::kOpen;
  std::unique_ptr<View> newest_;  // of instance_; the committer thread's, which alone closes it
  bool quiet_ = true;             // the newest commit is an empty one
  unsigned wait_ticks_ = 0, next_wait_ = 1;
  std::atomic<uint64_t> erased_{0};               // rows, since space was last looked for below the reserve
  mutable std::atomic<int64_t> plenty_until_{0};  // MonoTime: the disk had far more than the reserve
  ChangeStamps stamps_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace dl::storage

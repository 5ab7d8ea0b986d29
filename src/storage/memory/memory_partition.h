#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "storage/change_stamps.h"
#include "storage/committer.h"
#include "storage/partition.h"

namespace dl::storage {

// Rows with their past, as far back as a snapshot needs. Thread-safe.
class MemoryRows {
 public:
  std::optional<Bytes> get(BytesView key, uint64_t at) const;
  // The first row with key >= from (or > from) below `to`, as it was at `at`.
  enum class From { kAt, kAfter };
  std::optional<std::pair<Bytes, Bytes>> next(BytesView from, From how, BytesView to, uint64_t at) const;
  void apply(const Overlay& rows);
  uint64_t now() const;
  uint64_t pin();
  void unpin(uint64_t at);

 private:
  using History = std::map<uint64_t, std::optional<Bytes>>;  // by the number of the write
  void set(const Bytes& key, std::optional<Bytes> value);
  static const std::optional<Bytes>* find(const History& history, uint64_t at);
  mutable std::mutex m_;
  std::map<Bytes, History, std::less<>> rows_;
  std::multiset<uint64_t> pins_;
  uint64_t now_ = 0;
};

// The partition that tests and the simulator run on: same committer, same semantics, rows in a map that outlives it, so
// that "durable" means "in the map".
class MemoryPartition : public Partition, private Engine {
 public:
  MemoryPartition(std::string name, std::shared_ptr<MemoryRows> rows, Committer::Mode mode, CommitterLimits limits);
  ~MemoryPartition() override;
  Result<std::optional<Bytes>> get(BytesView key) const override;
  Result<std::unique_ptr<View>> snapshot() const override;
  Result<std::unique_ptr<View>> newest_view() const override;
  std::optional<uint64_t> stamp(BytesView row_key) const override { return stamps_.read(row_key); }
  void commit(Step step, Done done, Purpose purpose) override;
  void stop() override;

  Committer& committer() { return committer_; }
  // For tests: every admitted purpose in the list is refused with kNoSpace.
  void refuse_writes(bool refuse) { full_ = refuse; }

 private:
  Result<void> admit(Purpose purpose) override;
  const View& newest() override { return *newest_; }
  Result<void> apply(const Overlay& rows) override;
  void tick() override {}

  std::shared_ptr<MemoryRows> rows_;
  std::unique_ptr<View> newest_;
  std::atomic<bool> full_{false};
  ChangeStamps stamps_;
  Committer committer_;  // last: its thread uses the rest
};

}  // namespace dl::storage

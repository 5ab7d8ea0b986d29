#pragma once

#include <atomic>
#include <memory>

#include "storage/local/engine_counters.h"
#include "storage/local/limits.h"
#include "storage/local/rocks_files.h"

namespace rocksdb {
class Cache;
class Env;
class Statistics;
struct Options;
class Status;
}  // namespace rocksdb

namespace dl::storage {

// A background error of an instance: it is over, and never heals itself. But damage that a compaction met ends
// nothing: its inputs stay as they are, and all that can be read is served.
class InstanceFailure {
 public:
  void set(Error failed);
  std::optional<Error> get() const;
  void set_damage(Error met);
  std::optional<Error> damage() const;
  // The system refused a read of a table or blob file: a merge that fails then met damage, and that is no reason to
  // end.
  void set_unreadable() { unreadable_ = true; }
  bool is_damage(const rocksdb::Status& status) const;  // of a merge

 private:
  std::atomic<bool> unreadable_{false};
  mutable std::mutex m_;
  std::optional<Error> failed_, damage_;
};

enum class WalMode { kTolerateTail, kPointInTime };

std::shared_ptr<rocksdb::Cache> make_block_cache(uint64_t bytes);
// Counters only, a shard a core; timers would cost a clock a lookup.
std::shared_ptr<rocksdb::Statistics> make_statistics();
EngineCounters read_counters(const rocksdb::Statistics& statistics);
uint64_t cached_bytes(const rocksdb::Cache& cache);
rocksdb::Options rocks_options(rocksdb::Env* env, const LocalLimits& limits, WalMode wal,
                               std::shared_ptr<rocksdb::Cache> cache, std::shared_ptr<InstanceFailure> failure);
Error to_error(const rocksdb::Status& status);

}  // namespace dl::storage

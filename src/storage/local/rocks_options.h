#pragma once

#include <memory>

#include "storage/local/limits.h"
#include "storage/local/rocks_files.h"

namespace rocksdb {
class Cache;
class Env;
struct Options;
class Status;
}  // namespace rocksdb

namespace dl::storage {

// A background error of an instance: it is over, and never heals itself.
class InstanceFailure {
 public:
  void set(Error failed);
  std::optional<Error> get() const;

 private:
  mutable std::mutex m_;
  std::optional<Error> failed_;
};

enum class WalMode { kTolerateTail, kPointInTime };

std::shared_ptr<rocksdb::Cache> make_block_cache(uint64_t bytes);
uint64_t cached_bytes(const rocksdb::Cache& cache);
rocksdb::Options rocks_options(rocksdb::Env* env, const LocalLimits& limits, WalMode wal,
                               std::shared_ptr<rocksdb::Cache> cache, std::shared_ptr<InstanceFailure> failure);
Error to_error(const rocksdb::Status& status);

}  // namespace dl::storage

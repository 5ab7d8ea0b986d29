#include "storage/local/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <cstdarg>
#include <cstdio>

#include "base/log.h"
#include "storage/local/plant.h"

namespace dl::storage {
namespace {

// RocksDB's talk goes into our log, warnings at most: what is an error is decided by who sees the status.
class RocksLog : public rocksdb::Logger {
 public:
  RocksLog() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    log_debug("storage", "rocksdb: {}", line);
  }
};

class NoHealing : public rocksdb::EventListener {
 public:
  explicit NoHealing(std::shared_ptr<InstanceFailure> failure) : failure_(std::move(failure)) {}
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* automatic) override {
    *automatic = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    if (reason == rocksdb::BackgroundErrorReason::kCompaction && failure_->is_damage(*status)) {
      failure_->set_damage(to_error(*status));
      *status = rocksdb::Status::OK();  // whoever looks after compactions stops them (Instance::stop_compacting)
      return;
    }
    failure_->set(to_error(*status));
  }

 private:
  std::shared_ptr<InstanceFailure> failure_;
};

rocksdb::BlockBasedTableOptions table_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = std::move(cache);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  return table;
}

void set_safety(rocksdb::Options& o, [[maybe_unused]] WalMode wal) {
#ifndef DL_PLANT_DEFAULT_WAL_MODE  // storage_flip_planted: the log is read as RocksDB does unless told
  o.wal_recovery_mode = wal == WalMode::kTolerateTail ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                                      : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  o.track_and_verify_wals_in_manifest = true;
#endif
  o.verify_sst_unique_id_in_manifest = true;
  o.paranoid_checks = true;
  o.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  o.max_bgerror_resume_count = 0;
  o.recycle_log_file_num = 0;
  o.max_manifest_file_size = 1ull << 30;  // a roll at run time can leave "Missing WAL" for ever
}

void set_blob_files(rocksdb::Options& o, const LocalLimits& limits) {
  o.enable_blob_files = true;
  o.min_blob_size = 512;
  o.blob_file_size = limits.blob_file_bytes;
  // Not by every compaction: with any age cutoff each merge into a level would carry its bodies along again, and
  // RocksDB's own trigger looks at the oldest files only. Instance::reclaim_blob_files does it when half is garbage.
  o.enable_blob_garbage_collection = false;
  o.compression = rocksdb::kNoCompression;
  o.blob_compression_type = rocksdb::kNoCompression;
}

}  // namespace

void InstanceFailure::set(Error failed) {
  std::lock_guard lock(m_);
  if (!failed_) failed_ = std::move(failed);
}

// Should it be a write that was refused, then no harm is done either: what a merge writes is no part of the database
// before it ends, and its sync is looked at where it is made.
bool InstanceFailure::is_damage(const rocksdb::Status& status) const {
  return status.IsCorruption() || (status.IsIOError() && !status.IsNoSpace() && unreadable_);
}

void InstanceFailure::set_damage(Error met) {
  std::lock_guard lock(m_);
  if (!damage_) damage_ = std::move(met);
}

std::optional<Error> InstanceFailure::damage() const {
  std::lock_guard lock(m_);
  return damage_;
}

std::optional<Error> InstanceFailure::get() const {
  std::lock_guard lock(m_);
  return failed_;
}

// Two shards: with RocksDB's own choice (64 for 32 MiB) a filter of a large table is bigger than a shard, is never
// kept, and each read of a key that is not in the write buffer reads and checks it again (ten times the CPU of a GET).
std::shared_ptr<rocksdb::Cache> make_block_cache(uint64_t bytes) { return rocksdb::NewLRUCache(bytes, 1); }

std::shared_ptr<rocksdb::Statistics> make_statistics() {
  auto statistics = rocksdb::CreateDBStatistics();
  statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  return statistics;
}

EngineCounters read_counters(const rocksdb::Statistics& statistics) {
  EngineCounters out;
  out.cache_hits = statistics.getTickerCount(rocksdb::BLOCK_CACHE_HIT);
  out.cache_misses = statistics.getTickerCount(rocksdb::BLOCK_CACHE_MISS);
  out.flushed_bytes = statistics.getTickerCount(rocksdb::FLUSH_WRITE_BYTES);
  out.compacted_read_bytes = statistics.getTickerCount(rocksdb::COMPACT_READ_BYTES);
  out.compacted_written_bytes = statistics.getTickerCount(rocksdb::COMPACT_WRITE_BYTES);
  out.stalled_micros = statistics.getTickerCount(rocksdb::STALL_MICROS);
  return out;
}

uint64_t cached_bytes(const rocksdb::Cache& cache) { return cache.GetUsage(); }

rocksdb::Options rocks_options(rocksdb::Env* env, const LocalLimits& limits, WalMode wal,
                               std::shared_ptr<rocksdb::Cache> cache, std::shared_ptr<InstanceFailure> failure) {
  rocksdb::Options o;
  o.env = env;
  o.info_log = std::make_shared<RocksLog>();
  set_safety(o, wal);
  set_blob_files(o, limits);
  o.listeners.push_back(std::make_shared<NoHealing>(std::move(failure)));
  o.table_properties_collector_factories.push_back(rocksdb::NewCompactOnDeletionCollectorFactory(
      static_cast<size_t>(limits.deletion_window), static_cast<size_t>(limits.deletion_trigger), 0.5));
  // Spares searches of the write buffer for rows that are not there. A hint where the last row of a type went
  // (memtable_insert_with_hint_prefix_extractor) would spare more, but 7.8.3 ends in an assertion with it.
  o.memtable_whole_key_filtering = true;
  o.memtable_prefix_bloom_size_ratio = 0.02;
  o.write_buffer_size = limits.write_buffer_bytes;
  o.max_write_buffer_number = 3;
  o.max_total_wal_size = limits.wal_bytes;
  o.max_open_files = limits.max_open_files;
  o.max_background_jobs = 2;
  o.avoid_unnecessary_blocking_io =
      true;  // a reader on an event loop does not delete the files that it was the last to use
  o.manual_wal_flush = planted_early_ack();
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(std::move(cache))));
  return o;
}

Error to_error(const rocksdb::Status& status) {
  Code code = Code::kIo;
  if (status.IsCorruption()) code = Code::kCorrupt;
  if (status.IsNoSpace()) code = Code::kNoSpace;
  return error(code, "key-value engine: " + status.ToString());
}

}  // namespace dl::storage

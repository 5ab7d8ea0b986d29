#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "storage/committer.h"
#include "storage/limits.h"

namespace dl::storage {

// What an operator, or a test, may set of a local store.
struct LocalLimits {
  unsigned reserve_percent = 5;  // of the disk, kept for Purpose::kFree and the engine's own work; 0: none
  uint64_t reserve_floor_bytes = 256ull << 20;  // at least so much, but at most a quarter of the disk
  uint64_t reopen_free_bytes = 64ull << 20;     // so much must be free before a full store is opened again
  Millis close_deadline{30'000};                // for readers to let go of a store that is closed for want of space
  Millis watermark_interval{100};
  Millis reclaim_interval{1000};
  Millis orphan_age{3'600'000};       // a body that no step attached within this time after finish() is freed
  unsigned move_below_percent = 50;   // a segment with less live data than this is copied out, ...
  uint64_t move_bytes = 16ull << 20;  // ... so much in one reclaim_interval
  CommitterLimits committer;
  uint64_t inline_limit = kInlineBodyBytes;
  uint64_t blob_bytes = kMaxBlobBytes;        // plain; at most kMaxBlobBytes
  uint64_t segment_bytes = kMaxSegmentBytes;  // file
  uint64_t write_buffer_bytes = 32ull << 20;  // RocksDB, per partition; 3 of them
  uint64_t wal_bytes = 128ull << 20;
  uint64_t blob_file_bytes = 64ull << 20;
  uint64_t least_garbage_bytes = 64ull << 20;  // in blob files: so much may lie there before it is given back
  Millis compact_interval{3'000};
  uint64_t cache_bytes = 32ull << 20;  // shared by all partitions
  int max_open_files = 256;            // per partition
  uint64_t deletion_window = 16'384;   // rows in a row, of which ...
  uint64_t deletion_trigger = 4'096;   // ... so many deleted start a compaction

  // kInvalid: what an operator set is out of range.
  Result<void> check() const;
  uint64_t reserve_bytes(uint64_t disk_bytes) const {
    if (reserve_percent == 0) return 0;
    return std::max(disk_bytes / 100 * reserve_percent, std::min(disk_bytes / 4, reserve_floor_bytes));
  }
};

// Ends the process: after a failed sync nothing that is in memory may be trusted. Tests hand in one that returns; the
// partition is then dead and answers kIo.
using FatalHandler = std::function<void(const std::string& why)>;

}  // namespace dl::storage

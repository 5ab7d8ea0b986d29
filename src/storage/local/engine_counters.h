#pragma once

#include <cstdint>

namespace dl::storage {

// What the database of all partitions did since the start.
struct EngineCounters {
  uint64_t cache_hits = 0, cache_misses = 0;  // blocks: data, indexes, filters
  uint64_t flushed_bytes = 0;                 // rows that memory let go of
  uint64_t compacted_read_bytes = 0, compacted_written_bytes = 0;
  uint64_t stalled_micros = 0;  // writes were held back because merging was behind
};

}  // namespace dl::storage

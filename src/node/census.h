#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "storage/partition.h"

namespace dl::node {

// Counts what only the rows know: keys with conflicts, uploads in progress. Walks the rows a slice at a time, so that
// its cost is bounded however many there are; what it says is of the last whole walk. Thread-safe.
class Census {
 public:
  explicit Census(const storage::Partition& partition) : partition_(partition) {}
  // Looks at about `rows` more. Errors: the store's; the walk begins again.
  Result<void> step(size_t rows);

  struct Counts {
    uint64_t conflicts = 0;
    uint64_t uploads = 0;
    std::optional<WallTime> oldest_upload;
  };
  // nullopt before the first walk has ended.
  std::optional<Counts> counts() const;

 private:
  const storage::Partition& partition_;
  mutable std::mutex m_;
  Bytes at_;  // where the walk goes on; empty: at the beginning
  Counts so_far_;
  std::optional<Counts> last_;
};

}  // namespace dl::node

#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "storage/memory/memory_partition.h"
#include "storage/store.h"

namespace dl::storage {

// What stays when a MemoryStore goes: rows and large bodies of each partition. A store opened on it again finds all
// that was acknowledged.
struct MemoryDisk {
  struct Bodies {
    mutable std::mutex m;
    std::map<BlobId, Bytes> by_blob;
  };
  struct Part {
    std::shared_ptr<MemoryRows> rows = std::make_shared<MemoryRows>();
    std::shared_ptr<Bodies> bodies = std::make_shared<Bodies>();
  };
  std::map<std::string, Part, std::less<>> partitions;
};

struct MemoryOptions {
  Committer::Mode mode = Committer::Mode::kThread;  // kInline in a simulator: commit() runs at once
  CommitterLimits committer;
  uint64_t inline_limit = kInlineBodyBytes;
  uint64_t blob_bytes = kMaxBlobBytes;
};

// The twin of the local store for tests and the simulator: no files, no cipher, everything else the same.
class MemoryStore : public Store {
 public:
  // `clock` and `random` outlive it. Without a disk it has one of its own.
  MemoryStore(std::vector<std::string> partitions, const Clock& clock, Random& random, MemoryOptions options = {},
              std::shared_ptr<MemoryDisk> disk = nullptr);
  ~MemoryStore() override;
  Partition* find_partition(std::string_view name) override;
  BlobStore* find_blobs(std::string_view name) override;
  std::vector<std::string> partition_names() const override;
  void stop() override;

  MemoryPartition& memory_partition(std::string_view name);
  // Frees the bodies that are due by the clock; the local store does so in the background. Returns how many.
  Result<size_t> reclaim();

 private:
  class Blobs;
  struct Part;
  const Clock& clock_;
  std::shared_ptr<MemoryDisk> disk_;
  std::map<std::string, std::unique_ptr<Part>, std::less<>> parts_;
};

}  // namespace dl::storage

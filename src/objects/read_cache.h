#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "objects/types.h"
#include "storage/blob_store.h"

namespace dl::objects {

// The current versions that were read last: what describes them, and the bytes of small ones. An entry is good while
// the partition's stamp of its key is the one that it was read under (Partition::stamp), so nobody has to take anything
// out when an object changes. Thread-safe.
class ReadCache {
 public:
  struct Entry {
    uint64_t stamp = 0;
    ObjectInfo info;  // of the whole object
    std::vector<storage::BlobPiece> pieces;
    bool has_body = false;  // then `body` is all of it
    Bytes body;
    size_t cost() const;  // bytes of memory, about
  };

  // Holds at most about `bytes`; 0: nothing.
  explicit ReadCache(uint64_t bytes) : shard_bytes_(bytes / kShards) {}

  // nullptr when there is none with this stamp. `row`: any row key of the object; the same for all calls about it.
  std::shared_ptr<const Entry> find(BytesView row, uint64_t stamp);
  void put(BytesView row, std::shared_ptr<const Entry> entry);

  struct Stats {
    uint64_t bytes = 0, limit = 0, hits = 0, misses = 0;
  };
  Stats stats() const;

 private:
  static constexpr size_t kShards = 16;
  struct Held {
    Bytes row;
    std::shared_ptr<const Entry> entry;
    size_t cost = 0;
  };
  struct Shard {
    mutable std::mutex m;
    std::list<Held> by_use;                                                  // the newest first
    std::unordered_map<std::string_view, std::list<Held>::iterator> by_row;  // views of Held::row
    uint64_t bytes = 0;
    void drop(std::list<Held>::iterator at);
  };
  Shard& shard_of(BytesView row) { return shards_[std::hash<std::string_view>()(row) % kShards]; }

  const uint64_t shard_bytes_;
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> hits_{0}, misses_{0};
};

}  // namespace dl::objects

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "storage/local/limits.h"
#include "storage/local/rocks_options.h"
#include "storage/local/watermark.h"
#include "storage/overlay.h"
#include "storage/partition.h"

namespace rocksdb {
class DB;
class Iterator;
}  // namespace rocksdb

namespace dl::storage {

// What one partition's database is opened from. `fs` and `random` outlive the store.
struct InstancePlan {
  std::string name;
  FileSystem& fs;
  std::string dir;        // DIR/kv/NAME; exists
  std::string watermark;  // DIR/watermark/NAME; its directory exists
  Bytes key;              // 32 bytes
  Random& random;
  LocalLimits limits;
  std::shared_ptr<rocksdb::Cache> cache;
  std::function<void(const Error&)> sync_failed;
};

// The newest commit that a database holds.
struct Tip {
  uint64_t sequence = 0;
  Sha256 hash;
};

// One open RocksDB database. After an error it is closed, never healed. Readers: any thread; write(): one at a time.
class Instance {
 public:
  ~Instance();
  Result<std::optional<Bytes>> get(BytesView key) const;
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const;
  // Consistent, and holds the instance open. `self` is this.
  static Result<std::unique_ptr<View>> snapshot(std::shared_ptr<Instance> self);

  enum class Mark { kMoves, kStays };  // whether the watermark asks for this commit from now on
  // One batch, one sync; what it fails with is open.
  Result<void> write(const Overlay& rows, Mark mark);
  // Writes the watermark if it is behind.
  Result<void> flush_watermark();
  std::optional<Error> failure() const { return failure_->get(); }
  uint64_t sequence() const { return tip_.sequence; }

 private:
  friend class Opening;
  Instance() = default;
  Result<Tip> load_tip() const;
  Result<void> check_above(const dl::storage::Mark& mark) const;
  Result<void> check_file_sizes(const std::string& dir) const;

  std::shared_ptr<KvFiles> files_;
  std::shared_ptr<InstanceFailure> failure_;
  std::unique_ptr<Watermark> watermark_;
  std::shared_ptr<void> env_;  // of RocksDB; outlives db_
  std::unique_ptr<rocksdb::DB> db_;
  Tip tip_;
};

// Opens, or makes, the database (docs/internals/storage.md, "Opening"). Errors: kCorrupt when it needs repair: the
// message names the damage and nothing was changed; kIo, kNoSpace when the system refused.
Result<std::unique_ptr<Instance>> open_instance(const InstancePlan& plan);

}  // namespace dl::storage

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
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
  // Looks at what was found before anything is changed; may refuse it (kCorrupt). Not called for a new database.
  std::function<Result<void>(const View&)> check;
  std::shared_ptr<rocksdb::Statistics> statistics;  // null: nothing is counted
};

// For whoever reads in order to find damage: what is there is wrong, or the disk does not give it.
inline bool is_damage(const Error& found) { return found.code == Code::kCorrupt || found.code == Code::kIo; }

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
  // What was committed and lies in the log and in memory only: it will be written a second time, into tables.
  uint64_t unwritten_bytes() const;
  uint64_t compaction_debt() const;  // bytes that merging is behind with, estimated
  // The table and blob files that the database is made of now, by number.
  struct StoredFile {
    std::string name;  // in the partition's directory
    uint64_t bytes = 0;
    Bytes checksum;  // as recorded when it was written
  };
  std::vector<StoredFile> list_files() const;
  // Reads the file and compares it with its checksum; `read` is told of each run of bytes before it is read, and may
  // wait or end the reading. Errors: kCorrupt with the file's name (also when it is missing or short), kNotFound (it is
  // no part of the database any more), kUnavailable (it is being closed), kIo, those of `read`.
  using ReadFn = std::function<Result<void>(uint64_t bytes)>;
  Result<void> verify_file(const StoredFile& file, const ReadFn& read) const;
  // Rows [from, to) as scan(), but what cannot be read is stepped over: `gap` is told the last row before it (empty:
  // none), the first behind it (empty: none up to `to`) and what is wrong. Slow at gaps only. Errors: fn's; what is
  // wrong, when nothing behind it can be reached.
  using GapFn = std::function<void(BytesView before, BytesView behind, const Error& why)>;
  Result<void> walk(BytesView from, BytesView to, const ScanFn& fn, const GapFn& gap) const;
  // When values in blob files are worth being moved, and how much at a time.
  struct Reclaim {
    uint64_t least_garbage = 0;   // bytes of deleted values
    unsigned least_percent = 50;  // of all values
    uint64_t budget = 0;          // about so many bytes of living values are moved at most
    bool look = false;            // first make compactions meet the deletions that they did not meet yet
  };
  // Gives the space of deleted values back: moves what lives in the oldest blob files. True when it did. Slow; one
  // thread at a time, any other may go on reading and writing. Errors: kIo, kNoSpace.
  Result<bool> reclaim_blob_files(const Reclaim& plan);
  // Ends a running reclaim_blob_files soon.
  void stop_reclaiming() { closing_ = true; }
  // Writes the watermark if it is behind.
  Result<void> flush_watermark();
  std::optional<Error> failure() const { return failure_->get(); }
  // What a compaction met that cannot be read.
  std::optional<Error> damage() const { return failure_->damage(); }
  // Damaged tables stay where they are from now on; flushes go on, and nothing waits for the compactions that are due.
  // Idempotent; one thread at a time. Errors: kIo.
  Result<void> stop_compacting();
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
  std::atomic<bool> closing_{false};
  bool compacting_ = true;
};

// An instance as a view of its newest state. The instance outlives it, or is held open by it.
class InstanceView : public View {
 public:
  explicit InstanceView(const Instance& instance) : instance_(instance) {}
  explicit InstanceView(std::shared_ptr<Instance> instance) : held_(std::move(instance)), instance_(*held_) {}
  Result<std::optional<Bytes>> get(BytesView key) const override { return instance_.get(key); }
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const override {
    return instance_.scan(from, to, fn);
  }

 private:
  std::shared_ptr<Instance> held_;
  const Instance& instance_;
};

// A way to read the database: how the WAL's tail is taken, and whether the MANIFEST is cut to its recorded length.
struct Look {
  WalMode wal = WalMode::kTolerateTail;
  bool cut_manifest = false;
  bool damaged = false;  // whatever can be seen, for telling what is damaged; never for serving
};

// Opens, or makes, a database in two steps (docs/internals/storage.md, "Opening"): the first settles every doubt and
// changes nothing, so that of several partitions either all are opened or none is touched. One thread.
class Opening {
 public:
  explicit Opening(const InstancePlan& plan) : plan_(plan) {}  // `plan` outlives it
  // Errors: kCorrupt when it needs repair: the message names the damage; kIo, kNoSpace when the system refused.
  Result<void> examine();
  // Precondition: examine() said yes, and nobody changed a file since.
  Result<std::unique_ptr<Instance>> open();
  // To look only; nothing is changed. As examine() found it, or, when it said no, whatever of it can be seen. Errors:
  // kNotFound (no database was ever made), kCorrupt.
  Result<std::unique_ptr<Instance>> open_to_look();

 private:
  Result<std::unique_ptr<Instance>> make_new();
  Result<void> check_manifest();
  Result<Tip> look(const Look& how);
  Result<std::unique_ptr<Instance>> open_read_only(const Look& how);
  Result<std::unique_ptr<Instance>> open_to_write();
  Result<void> cut_manifest();
  Result<std::unique_ptr<Instance>> prepare(const Mark* writable);
  Error explain(const KvFiles& files, Error failed) const;
  Error needs_repair(std::string why) const;

  const InstancePlan& plan_;
  bool exists_ = false;
  bool whole_ = false;  // examine() said yes
  Mark mark_;
  std::string manifest_;              // path of CURRENT's
  ManifestMark recorded_;             // what the watermark knows of it
  uint64_t manifest_file_bytes_ = 0;  // header included
  Look how_;                          // the way that found everything, and
  Tip found_;                         // what it found
};

Result<std::unique_ptr<Instance>> open_instance(const InstancePlan& plan);

}  // namespace dl::storage

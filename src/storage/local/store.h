#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "storage/commit_meter.h"
#include "storage/file_system.h"
#include "storage/local/engine_counters.h"
#include "storage/local/limits.h"
#include "storage/store.h"

namespace dl::storage {

// A partition's name ([a-z0-9_-]{1,64}) and its keys from the node's key ring, 32 bytes each: `kv_key` for the files of
// its database, `body_key` wraps the keys of its bodies. They never change.
struct PartitionKeys {
  std::string name;
  Bytes kv_key;
  Bytes body_key;
};

// Logs, and ends the process with status 70: the default of open_local_store.
void exit_process(const std::string& why);

struct PartitionStats {
  uint64_t commits = 0;     // groups that wrote, with one sync each
  uint64_t steps = 0;       // that ran in them
  uint64_t body_syncs = 0;  // of segment files
  uint64_t segments = 0, segment_bytes = 0;
  uint64_t moved_bodies = 0, moved_bytes = 0;  // copied out of mostly dead segments
  uint64_t compaction_debt = 0;                // bytes that the database is behind with merging, estimated
};

// What the engine holds in memory, of all partitions.
struct StoreMemory {
  uint64_t cache_bytes = 0, cache_limit = 0;
  uint64_t buffer_bytes = 0;  // rows that are not yet in tables
};

// What a scrub found.
struct ScrubReport {
  uint64_t files = 0;               // tables and blob files
  uint64_t bodies = 0;              // in segments
  uint64_t bytes = 0;               // of bodies, sealed
  uint64_t damaged = 0;             // bodies and files
  std::vector<std::string> damage;  // the first kMaxScrubLines of them, each with its place
};
inline constexpr size_t kMaxScrubLines = 100;
struct ScrubFinding {
  std::string partition, what;
  std::optional<BlobId> blob;  // a body in a segment; else a file
};
struct ScrubHooks {
  // Before each run of bytes is read: may wait, so as to bound the rate; an error ends the scrub.
  std::function<Result<void>(uint64_t bytes)> read;
  std::function<void(const ScrubFinding&)> found;
};

// The store in a directory. Background work: one committer a partition, one thread for watermarks, one that frees
// bodies, one that gives back the space of deleted rows.
class LocalStore : public Store {
 public:
  // Frees at once what is due; a running store does so every second by itself. Returns how many blobs were.
  virtual Result<size_t> reclaim() = 0;
  // Reads everything that is stored and compares it with its checksums: every table and blob file, every slab. Slow;
  // the store goes on working meanwhile, and nothing is held open between two runs of bytes. Errors: kIo, kUnavailable,
  // those of the hooks.
  virtual Result<ScrubReport> scrub(const ScrubHooks& hooks) = 0;
  Result<ScrubReport> scrub();  // as fast as it goes
  // How many bytes lie in segments, sealed, of bodies that live. For metrics and tests.
  virtual uint64_t segment_bytes(std::string_view partition) const = 0;
  // Since the start, or now. In memory; any thread.
  virtual PartitionStats stats(std::string_view partition) const = 0;
  // Precondition: one of partition_names(). Lives as long as the store.
  virtual const CommitMeter& meter(std::string_view partition) const = 0;
  virtual EngineCounters engine() const = 0;
  virtual uint64_t freed_blobs() const = 0;  // since the start
  virtual StoreMemory memory() const = 0;
  // Part of the partition's database cannot be read. All else is served, but space does not come back. Since the start.
  virtual std::optional<Error> damage(std::string_view partition) const = 0;
  // Whether a write would be taken. Errors: kIo (it has failed and must be restarted), kUnavailable (closed until the
  // disk has space), kNoSpace (below the reserve).
  virtual Result<void> health(std::string_view partition) const = 0;
};

// Makes or opens DIR (mode 0700) and everything in it. `fs`, `clock` and `random` outlive the store.
// Errors: kInvalid (limits out of range), kForeign (another format, foreign files, a partition without keys), kConflict
// (in use by another process), kCorrupt (needs repair: the message names the damage, nothing was changed), kIo,
// kNoSpace.
Result<std::unique_ptr<LocalStore>> open_local_store(FileSystem& fs, const std::string& dir,
                                                     std::vector<PartitionKeys> partitions, const Clock& clock,
                                                     Random& random, const LocalLimits& limits = {},
                                                     FatalHandler fatal = exit_process);

}  // namespace dl::storage

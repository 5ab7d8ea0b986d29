#include "storage/local/store.h"

#include <unistd.h>

#include <map>

#include "base/assert.h"
#include "base/log.h"
#include "base/thread.h"
#include "crypto/cipher.h"
#include "storage/local/data_dir.h"
#include "storage/local/local_blobs.h"
#include "storage/local/local_partition.h"
#include "storage/local/rocks_options.h"

namespace dl::storage {
namespace {

constexpr int kFatalStatus = 70;  // EX_SOFTWARE; the supervisor starts the node again

struct Part {
  std::unique_ptr<LocalPartition> rows;
  std::unique_ptr<LocalBlobs> blobs;
};

class Local : public LocalStore {
 public:
  Local(DataDir dir, const LocalLimits& limits) : dir_(std::move(dir)), limits_(limits) {}
  ~Local() override { stop(); }

  Result<void> open(FileSystem& fs, const std::vector<PartitionKeys>& partitions, const Clock& clock, Random& random,
                    const FatalHandler& fatal);
  Partition* find_partition(std::string_view name) override {
    auto it = parts_.find(name);
    return it == parts_.end() ? nullptr : it->second.rows.get();
  }
  BlobStore* find_blobs(std::string_view name) override {
    auto it = parts_.find(name);
    return it == parts_.end() ? nullptr : it->second.blobs.get();
  }
  std::vector<std::string> partition_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, part] : parts_) names.push_back(name);
    return names;
  }
  Result<size_t> reclaim() override {
    DL_TRY(size_t freed, reclaim_bodies());
    for (auto& [name, part] : parts_) {
      DL_TRY([[maybe_unused]] bool moved, part.rows->reclaim_space());
    }
    return freed;
  }
  Result<ScrubReport> scrub(const ScrubHooks& hooks) override;
  uint64_t segment_bytes(std::string_view partition) const override {
    auto it = parts_.find(partition);
    return it == parts_.end() ? 0 : it->second.blobs->segments().live_bytes();
  }
  PartitionStats stats(std::string_view partition) const override;
  const CommitMeter& meter(std::string_view partition) const override {
    return parts_.find(partition)->second.rows->committer().meter();
  }
  EngineCounters engine() const override { return read_counters(*statistics_); }
  uint64_t freed_blobs() const override { return freed_; }
  StoreMemory memory() const override;
  Result<void> health(std::string_view partition) const override;
  std::optional<Error> damage(std::string_view partition) const override {
    auto it = parts_.find(partition);
    return it == parts_.end() ? std::nullopt : it->second.rows->damage();
  }
  void stop() override;

 private:
  Result<size_t> reclaim_bodies();
  void keep_watermarks();
  void keep_reclaiming();
  void keep_compacting();

  DataDir dir_;
  const LocalLimits limits_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::Statistics> statistics_ = make_statistics();
  std::atomic<uint64_t> freed_{0};
  std::map<std::string, Part, std::less<>> parts_;
  StopSignal stopping_;
  Thread watermarks_;
  Thread reclaimer_;
  Thread compacter_;
};

Result<void> Local::open(FileSystem& fs, const std::vector<PartitionKeys>& partitions, const Clock& clock,
                         Random& random, const FatalHandler& fatal) {
  cache_ = make_block_cache(limits_.cache_bytes);
  for (const auto& keys : partitions) {
    DL_REQUIRE(keys.kv_key.size() == crypto::kAesKeyBytes, "a partition's key has 32 bytes");
    std::string segments = dir_.segments(keys.name);
    InstancePlan plan{keys.name,
                      fs,
                      dir_.kv(keys.name),
                      dir_.watermark(keys.name),
                      keys.kv_key,
                      random,
                      limits_,
                      cache_,
                      {},
                      [&fs, segments](const View& rows) { return LocalBlobs::check(fs, segments, rows); },
                      statistics_};
    DL_TRY(parts_[keys.name].rows, LocalPartition::examine(std::move(plan), fatal));
  }
  for (const auto& keys : partitions) {
    auto& part = parts_[keys.name];
    DL_OK(part.rows->open());
    LocalBlobs::Plan plan{fs, dir_.segments(keys.name), keys.body_key, clock, random, limits_};
    DL_TRY(part.blobs, LocalBlobs::open(*part.rows, std::move(plan)));
  }
  watermarks_ = Thread("watermark", [this] { keep_watermarks(); });
  reclaimer_ = Thread("reclaim", [this] { keep_reclaiming(); });
  compacter_ = Thread("compact", [this] { keep_compacting(); });
  return {};
}

Result<size_t> Local::reclaim_bodies() {
  size_t count = 0;
  for (auto& [name, part] : parts_) {
    DL_TRY(size_t freed, part.blobs->reclaim());
    count += freed;
    freed_ += freed;
  }
  return count;
}

PartitionStats Local::stats(std::string_view partition) const {
  auto it = parts_.find(partition);
  if (it == parts_.end()) return {};
  const auto& rows = *it->second.rows;
  const auto& blobs = *it->second.blobs;
  PartitionStats out;
  out.commits = rows.committer().groups();
  out.steps = rows.committer().steps();
  out.body_syncs = blobs.segments().syncs();
  out.segments = blobs.segments().segment_count();
  out.segment_bytes = blobs.segments().live_bytes();
  out.moved_bodies = blobs.moved_bodies();
  out.moved_bytes = blobs.moved_bytes();
  out.compaction_debt = rows.compaction_debt();
  return out;
}

StoreMemory Local::memory() const {
  StoreMemory out;
  out.cache_bytes = cached_bytes(*cache_);
  out.cache_limit = limits_.cache_bytes;
  for (const auto& [name, part] : parts_) out.buffer_bytes += part.rows->unwritten_bytes();
  return out;
}

Result<void> Local::health(std::string_view partition) const {
  auto it = parts_.find(partition);
  if (it == parts_.end()) return error(Code::kNotFound, "there is no partition '" + std::string(partition) + "'");
  return it->second.rows->health();
}

Result<ScrubReport> Local::scrub(const ScrubHooks& hooks) {
  ScrubReport report;
  auto damaged = [&](const ScrubFinding& finding) {
    report.damaged++;
    if (report.damage.size() < kMaxScrubLines) report.damage.push_back(finding.partition + ": " + finding.what);
    hooks.found(finding);
  };
  for (auto& [name, part] : parts_) {
    DL_OK(part.rows->verify_files(hooks.read, [&](const std::string&, const Result<void>& found) {
      report.files++;
      if (!found.ok()) damaged({name, found.error().message, {}});
    }));
    auto bodies =
        part.blobs->verify_bodies(hooks.read, [&](const BlobId& blob, uint64_t bytes, const Result<void>& found) {
          report.bodies++;
          report.bytes += bytes;
          if (!found.ok()) damaged({name, found.error().message, blob});
        });
    if (bodies.ok()) continue;
    if (!is_damage(bodies.error())) return std::move(bodies).error();
    damaged({name, "bodies in segments were not all read: " + bodies.error().message, {}});
  }
  return report;
}

void Local::keep_watermarks() {
  while (stopping_.wait_for(limits_.watermark_interval))
    for (auto& [name, part] : parts_) part.rows->flush_watermark();
}

void Local::keep_reclaiming() {
  while (stopping_.wait_for(limits_.reclaim_interval)) {
    auto freed = reclaim_bodies();
    if (!freed.ok() && freed.error().code != Code::kCancelled)
      log_warn("storage", "freeing bodies waits: {}", freed.error().message);
  }
}

// A thread of its own: moving the living rows of a large database takes minutes, freeing bodies must not wait for it.
void Local::keep_compacting() {
  while (stopping_.wait_for(limits_.compact_interval)) {
    for (auto& [name, part] : parts_) {
      auto moved = part.rows->reclaim_space();
      if (!moved.ok() && moved.error().code != Code::kUnavailable)
        log_warn("storage", "giving back the space of deleted rows waits: {}", moved.error().message);
    }
  }
}

void Local::stop() {
  stopping_.stop();
  for (auto& [name, part] : parts_)
    if (part.rows) part.rows->stop_reclaiming();
  compacter_.join();
  reclaimer_.join();
  watermarks_.join();
  for (auto& [name, part] : parts_) part.rows->stop();
}

}  // namespace

Result<void> LocalLimits::check() const {
  auto within = [](std::string_view what, uint64_t value, uint64_t least, uint64_t most) -> Result<void> {
    if (value >= least && value <= most) return {};
    return error(Code::kInvalid, std::string(what) + " is " + std::to_string(value) + " bytes",
                 "It can be " + std::to_string(least) + " to " + std::to_string(most) + ".");
  };
  DL_OK(within("storage.inline", inline_limit, 0, kMaxInlineBodyBytes));
  DL_OK(within("storage.cache", cache_bytes, 1u << 20, 1ull << 40));
  return within("storage.write_buffer", write_buffer_bytes, 64u << 10, 1ull << 32);
}

Result<ScrubReport> LocalStore::scrub() {
  return scrub({[](uint64_t) { return Result<void>(); }, [](const ScrubFinding&) {}});
}

void exit_process(const std::string& why) {
  log_error("storage", "{}; ending, so that nothing is served that is not on the disk", why);
  ::_exit(kFatalStatus);
}

Result<std::unique_ptr<LocalStore>> open_local_store(FileSystem& fs, const std::string& dir,
                                                     std::vector<PartitionKeys> partitions, const Clock& clock,
                                                     Random& random, const LocalLimits& limits, FatalHandler fatal) {
  DL_OK(limits.check());
  std::vector<std::string> names;
  for (const auto& one : partitions) names.push_back(one.name);
  DL_TRY(auto held, DataDir::open(fs, dir, names));
  auto store = std::make_unique<Local>(std::move(held), limits);
  DL_OK(store->open(fs, partitions, clock, random, fatal));
  return std::unique_ptr<LocalStore>(std::move(store));
}

}  // namespace dl::storage

#include "storage/local/instance.h"

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/hash.h"
#include "storage/local/plant.h"
#include "storage/local/store_rows.h"

namespace dl::storage {
namespace {

constexpr size_t kFewRows = 64;           // a range of so few is erased row by row: no range tombstone is left
constexpr size_t kBatchHeaderBytes = 12;  // RocksDB's own sequence and count, set by it later
constexpr size_t kRowOverheadBytes = 64;  // in a batch, and the tip's own rows; only to reserve memory once
constexpr uint64_t kWatermarkLag = kRingSlots / 2;

rocksdb::Slice slice(BytesView b) { return {b.data(), b.size()}; }
BytesView view_of(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

Result<std::optional<Bytes>> get_from(rocksdb::DB& db, const rocksdb::ReadOptions& options, BytesView key) {
  rocksdb::PinnableSlice value;
  auto status = db.Get(options, db.DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return to_error(status);
  return std::optional<Bytes>(Bytes(value.data(), value.size()));
}

Result<void> scan_from(rocksdb::DB& db, rocksdb::ReadOptions options, BytesView from, BytesView to, const ScanFn& fn) {
  rocksdb::Slice end = slice(to);
  options.iterate_upper_bound = &end;
  std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(options));
  for (it->Seek(slice(from)); it->Valid(); it->Next()) {
    DL_TRY(Scan next, fn(view_of(it->key()), view_of(it->value())));
    if (next == Scan::kStop) return {};
  }
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

class SnapshotView : public View {
 public:
  SnapshotView(std::shared_ptr<Instance> instance, rocksdb::DB& db)
      : instance_(std::move(instance)), db_(db), snapshot_(db.GetSnapshot()) {
    options_.snapshot = snapshot_;
  }
  ~SnapshotView() override { db_.ReleaseSnapshot(snapshot_); }
  Result<std::optional<Bytes>> get(BytesView key) const override {
    if (key >= kEndOfKeys) return std::optional<Bytes>();
    return get_from(db_, options_, key);
  }
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const override {
    BytesView end = clamp_end(to);
    return from < end ? scan_from(db_, options_, from, end, fn) : Result<void>();
  }

 private:
  std::shared_ptr<Instance> instance_;
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

// Erases [from, to). Only rows in the database count here: what the batch puts is put after it.
Result<void> erase_range(rocksdb::DB& db, rocksdb::WriteBatch& batch, const Bytes& from, const Bytes& to) {
  std::vector<Bytes> few;
  auto seen = scan_from(db, {}, from, to, [&](BytesView key, BytesView) -> Result<Scan> {
    few.emplace_back(key);
    return few.size() <= kFewRows ? Scan::kContinue : Scan::kStop;
  });
  const bool damaged = !seen.ok() && seen.error().code == Code::kCorrupt;  // what is there need not be read to go
  if (!seen.ok() && !damaged) return seen;
  if (damaged || few.size() > kFewRows) {
    batch.DeleteRange(slice(from), slice(to));
    return {};
  }
  for (const auto& key : few) batch.Delete(slice(key));
  return {};
}

}  // namespace

Instance::~Instance() {
  if (db_) db_->Close().PermitUncheckedError();  // what was acknowledged is durable already
}

Result<std::optional<Bytes>> Instance::get(BytesView key) const {
  if (key >= kEndOfKeys) return std::optional<Bytes>();
  return get_from(*db_, {}, key);
}

Result<void> Instance::scan(BytesView from, BytesView to, const ScanFn& fn) const {
  BytesView end = clamp_end(to);
  return from < end ? scan_from(*db_, {}, from, end, fn) : Result<void>();
}

Result<std::unique_ptr<View>> Instance::snapshot(std::shared_ptr<Instance> self) {
  auto& db = *self->db_;
  return std::unique_ptr<View>(std::make_unique<SnapshotView>(std::move(self), db));
}

Result<void> Instance::write(const Overlay& rows, Mark mark) {
  rocksdb::WriteBatch batch(rows.bytes() + (rows.rows().size() + 2) * kRowOverheadBytes + kBatchHeaderBytes);
  for (const auto& [from, to] : rows.ranges()) DL_OK(erase_range(*db_, batch, from, to));
  for (const auto& [key, value] : rows.rows()) value ? batch.Put(slice(key), slice(*value)) : batch.Delete(slice(key));

  Tip next{tip_.sequence + 1, crypto::sha256({tip_.hash.view(), BytesView(batch.Data()).substr(kBatchHeaderBytes)})};
  Bytes tip = encode_tip(next);
  batch.Put(slice(kTipKey), slice(tip));
  batch.Put(slice(ring_key(next.sequence)), slice(tip));
  const bool early = mark == Mark::kMoves && planted_early_ack();
  rocksdb::WriteOptions durable;
  durable.sync = !early;
  auto status = db_->Write(durable, &batch);
  if (!status.ok()) return to_error(status);
  tip_ = next;
  if (mark == Mark::kStays || early) return {};
  watermark_->committed(tip_.sequence, tip_.hash);
  if (tip_.sequence - watermark_->safe_sequence() >= kWatermarkLag) return flush_watermark();
  return {};
}

uint64_t Instance::unwritten_bytes() const {
  uint64_t bytes = 0;
  return db_->GetIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes) ? bytes : 0;
}

uint64_t Instance::compaction_debt() const {
  uint64_t bytes = 0;
  return db_->GetIntProperty(rocksdb::DB::Properties::kEstimatePendingCompactionBytes, &bytes) ? bytes : 0;
}

Result<void> Instance::stop_compacting() {
  if (!compacting_) return {};
  auto status = db_->SetOptions({{"disable_auto_compactions", "true"}});
  if (!status.ok()) return to_error(status);
  compacting_ = false;
  return {};
}

// Values from 512 bytes on lie in blob files, which tables point into. A blob file goes when nothing points into it, so
// its living values are moved: of the oldest files first, as many as hold `budget` living bytes, because until the end
// of the compaction both copies are there.
Result<bool> Instance::reclaim_blob_files(const Reclaim& plan) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &closing_;
  auto compact = [&]() -> Result<bool> {
    auto status = db_->CompactRange(options, nullptr, nullptr);
    if (status.IsManualCompactionPaused()) return false;
    if (failure_->is_damage(status)) failure_->set_damage(to_error(status));
    if (!status.ok()) return to_error(status);
    return true;
  };
  if (plan.look) {
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
    DL_TRY(bool looked, compact());
    if (!looked) return false;
  }
  rocksdb::ColumnFamilyMetaData all;
  db_->GetColumnFamilyMetaData(db_->DefaultColumnFamily(), &all);
  auto& files = all.blob_files;
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.blob_file_number < b.blob_file_number; });
  uint64_t total = 0, garbage = 0;
  for (const auto& file : files) total += file.total_blob_bytes, garbage += file.garbage_blob_bytes;
  if (files.empty() || garbage < plan.least_garbage || garbage * 100 < total * plan.least_percent) return false;
  size_t moved = 0;
  for (uint64_t living = 0; moved < files.size(); moved++) {
    living += files[moved].total_blob_bytes - files[moved].garbage_blob_bytes;
    if (moved > 0 && living > plan.budget) break;
  }
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  // RocksDB takes the first age * count files; half a file more, against rounding down.
  options.blob_garbage_collection_age_cutoff =
      std::min(1.0, (static_cast<double>(moved) + 0.5) / static_cast<double>(files.size()));
  return compact();
}

Result<void> Instance::flush_watermark() {
  auto flushed = watermark_->flush();
  if (!flushed.ok() && flushed.error().code != Code::kNoSpace && files_->sync_failed)
    files_->sync_failed(flushed.error());
  return flushed;
}

Result<Tip> Instance::load_tip() const {
  DL_TRY(auto row, get_from(*db_, {}, kTipKey));
  if (!row) return Tip{};
  return decode_tip(*row);
}

Result<void> Instance::check_above(const dl::storage::Mark& mark) const {
  DL_TRY(Tip tip, load_tip());
  auto missing = [&](std::string_view what) {
    return error(Code::kCorrupt, "commits are missing: " + std::string(what) + " " + std::to_string(mark.sequence) +
                                     " is known to have been durable, the database ends at " +
                                     std::to_string(tip.sequence));
  };
  if (tip.sequence < mark.sequence) return missing("commit");
  if (mark.sequence == 0) return {};
  DL_TRY(auto row, get_from(*db_, {}, ring_key(mark.sequence)));
  if (!row) return missing("the hash of commit");
  DL_TRY(Tip then, decode_tip(*row));
  if (then.sequence != mark.sequence || then.hash != mark.hash) return missing("another commit");
  return {};
}

Result<void> Instance::check_file_sizes(const std::string& dir) const {
  auto* files = db_->GetFileSystem();
  auto check = [&](std::string name, uint64_t expected) -> Result<void> {
    if (name.starts_with('/')) name.erase(0, 1);
    uint64_t size = 0;
    auto status = files->GetFileSize(dir + "/" + name, {}, &size, nullptr);
    if (status.IsPathNotFound()) return error(Code::kCorrupt, name + " is missing");
    if (!status.ok()) return error(Code::kCorrupt, name + " cannot be read: " + status.ToString());
    if (size == expected) return {};
    return error(Code::kCorrupt,
                 name + " has " + std::to_string(size) + " bytes, " + std::to_string(expected) + " were recorded");
  };
  rocksdb::ColumnFamilyMetaData all;
  db_->GetColumnFamilyMetaData(db_->DefaultColumnFamily(), &all);
  for (const auto& level : all.levels)
    for (const auto& table : level.files) DL_OK(check(table.name, table.size));
  for (const auto& blob : all.blob_files) DL_OK(check(blob.blob_file_name, blob.blob_file_size));
  return {};
}

}  // namespace dl::storage

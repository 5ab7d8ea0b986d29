// Reading what is stored in order to tell whether it is whole: files against their checksums, rows around damage.
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>

#include <algorithm>

#include "storage/local/cipher_file.h"
#include "storage/local/instance.h"

namespace dl::storage {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kMaxKeyDepth = 128;  // bytes of a key by which the end of a gap is told

rocksdb::Slice slice(BytesView b) { return {b.data(), b.size()}; }
BytesView view_of(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

std::string plain_name(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

Bytes next_key(BytesView key) { return Bytes(key) + '\0'; }

// Whether a row, or the end, can be reached from `key` on.
bool readable_from(rocksdb::Iterator& it, BytesView key) {
  it.Seek(slice(key));
  return it.status().ok();
}

// The least key behind `at`, told by at most kMaxKeyDepth of its bytes, from which on rows can be read again, or `end`.
// With several damaged blocks it may be behind a later one.
Bytes end_of_gap(rocksdb::Iterator& it, BytesView at, BytesView end) {
  Bytes damaged;  // from here on rows cannot be read, or it is not behind `at`
  Bytes good(end);
  auto fails = [&](BytesView key) { return key < end && (key <= at || !readable_from(it, key)); };
  while (damaged.size() < kMaxKeyDepth) {
    Bytes next = next_key(damaged);
    if (!damaged.empty() && !fails(next)) return next;
    int low = -1, high = 256;  // the greatest byte that fails, the least that does not
    while (high - low > 1) {
      int middle = (low + high) / 2;
      (fails(damaged + static_cast<char>(middle)) ? low : high) = middle;
    }
    if (high < 256) good = damaged + static_cast<char>(high);
    if (low < 0) break;
    damaged += static_cast<char>(low);
  }
  return std::min(good, Bytes(end));
}

}  // namespace

std::vector<Instance::StoredFile> Instance::list_files() const {
  rocksdb::ColumnFamilyMetaData all;
  db_->GetColumnFamilyMetaData(db_->DefaultColumnFamily(), &all);
  std::vector<StoredFile> out;
  for (const auto& level : all.levels)
    for (const auto& table : level.files) out.push_back({plain_name(table.name), table.size, table.file_checksum});
  for (const auto& blob : all.blob_files)
    out.push_back({plain_name(blob.blob_file_name), blob.blob_file_size, blob.checksum_value});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Result<void> Instance::verify_file(const StoredFile& stored, const ReadFn& read) const {
  auto damaged = [&](const std::string& why) -> Result<void> {
    auto now = list_files();
    if (std::none_of(now.begin(), now.end(), [&](const auto& one) { return one.name == stored.name; }))
      return error(Code::kNotFound, stored.name + " is no part of the database any more");
    return error(Code::kCorrupt, stored.name + " " + why);
  };
  auto opened = CipherReadFile::open(files_->fs(), db_->GetName() + "/" + stored.name, files_->key());
  if (!opened.ok() && opened.error().code == Code::kNotFound) return damaged("is missing");
  if (!opened.ok() && opened.error().code == Code::kCorrupt) return damaged("has a damaged header");
  if (!opened.ok()) return damaged("cannot be opened: " + opened.error().message);
  DL_TRY(auto reading, std::move(opened));
  rocksdb::FileChecksumGenContext context;
  context.file_name = stored.name;
  auto sum = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator(context);
  Bytes chunk(kReadBytes, '\0');
  for (uint64_t at = 0; at < stored.bytes;) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(chunk.size(), stored.bytes - at));
    // A store that is closed for want of space does not wait for the end of this.
    if (closing_) return error(Code::kUnavailable, "the database is being closed");
    DL_OK(read(want));
    auto got = reading->read_at(at, chunk.data(), want);
    if (!got.ok()) return damaged("cannot be read at byte " + std::to_string(at) + ": " + got.error().message);
    const size_t n = *got;
    if (n < want) return damaged("ends after " + std::to_string(at + n) + " bytes of " + std::to_string(stored.bytes));
    sum->Update(chunk.data(), n);
    at += n;
  }
  sum->Finalize();
  if (sum->GetChecksum() == stored.checksum) return {};
  return damaged("is not what was written: its checksum differs");
}

Result<void> Instance::walk(BytesView from, BytesView to, const ScanFn& fn, const GapFn& gap) const {
  const Bytes end(clamp_end(to));
  const rocksdb::Slice bound = slice(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  Bytes last, at(from);
  while (at < end) {
    for (it->Seek(slice(at)); it->Valid(); it->Next()) {
      last = Bytes(view_of(it->key()));
      DL_TRY(Scan next, fn(last, view_of(it->value())));
      if (next == Scan::kStop) return {};
    }
    if (it->status().ok()) return {};
    const Error why = to_error(it->status());
    if (!last.empty()) at = std::max(at, next_key(last));
    Bytes behind = end_of_gap(*it, at, end);
    if (behind <= at) return why;
    it->Seek(slice(behind));
    gap(last, it->Valid() ? view_of(it->key()) : BytesView(), why);
    at = std::move(behind);
  }
  return {};
}

}  // namespace dl::storage

#include "storage/local/segments.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"
#include "crypto/hash.h"

namespace dl::storage {
namespace {

constexpr BytesView kMagic = "DMLNSG01";
constexpr size_t kCheckedBytes = 16;
constexpr std::string_view kSuffix = ".seg";
constexpr uint64_t kReserveStep = 8ull << 20;
constexpr size_t kMaxReaders = 128;

uint64_t aligned(uint64_t n) { return (n + kExtentAlign - 1) / kExtentAlign * kExtentAlign; }

Bytes make_header(uint64_t number) {
  Bytes out(kMagic);
  put_be64(out, number);
  put_be32(out, crypto::crc32c(out));
  out.resize(kSegmentHeaderBytes, '\0');
  return out;
}

std::optional<uint64_t> number_of(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  uint64_t number = 0;
  auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed != std::errc() || end != name.data() + name.size() || number == 0) return std::nullopt;
  return number;
}

std::map<uint64_t, std::vector<Extent>> by_segment(std::vector<Extent> live) {
  std::map<uint64_t, std::vector<Extent>> out;
  std::sort(live.begin(), live.end());
  for (const auto& extent : live) out[extent.segment].push_back(extent);
  return out;
}

Result<std::vector<uint64_t>> list_segments(FileSystem& fs, const std::string& dir) {
  DL_TRY(auto names, fs.list(dir));
  std::vector<uint64_t> found;
  for (const auto& name : names) {
    auto number = number_of(name);
    if (!number) return error(Code::kForeign, dir + "/" + name + " is no segment", "Move it away.");
    found.push_back(*number);
  }
  return found;
}

}  // namespace

std::string Segments::path(uint64_t number) const {
  std::string digits = std::to_string(number);
  return dir_ + "/" + std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits + std::string(kSuffix);
}

Result<void> Segments::check(FileSystem& fs, const std::string& dir, std::vector<Extent> live) {
  DL_TRY(auto found, list_segments(fs, dir));
  Segments looking(fs, dir, 0);
  for (const auto& [number, extents] : by_segment(std::move(live))) DL_OK(looking.check_segment(number, extents));
  return {};
}

Result<std::unique_ptr<Segments>> Segments::open(FileSystem& fs, std::string dir, uint64_t segment_bytes,
                                                 std::vector<Extent> live) {
  std::unique_ptr<Segments> out(new Segments(fs, std::move(dir), segment_bytes));
  auto extents = by_segment(std::move(live));
  DL_TRY(auto found, list_segments(fs, out->dir_));
  for (uint64_t number : found) {
    out->last_ = std::max(out->last_, number);
    auto it = extents.find(number);
    DL_OK(it == extents.end() ? fs.remove(out->path(number)) : out->free_gaps(number, it->second));
  }
  return out;
}

Result<void> Segments::check_segment(uint64_t number, const std::vector<Extent>& live) const {
  auto damaged = [&](std::string_view why) {
    return error(Code::kCorrupt,
                 path(number) + " " + std::string(why) + "; " + std::to_string(live.size()) + " bodies lie in it",
                 "Nothing was changed. Restore the file, or set the node up anew and let it fetch.");
  };
  DL_TRY(bool there, fs_.exists(path(number)));
  if (!there) return damaged("is missing");
  DL_TRY(auto file, fs_.open_read(path(number)));
  Bytes header(kCheckedBytes + 4, '\0');
  DL_TRY(size_t n, file->read_at(0, header.data(), header.size()));
  if (n < header.size() || header != make_header(number).substr(0, header.size()))
    return damaged("has a damaged header");
  DL_TRY(uint64_t size, file->size());
  uint64_t end = kSegmentHeaderBytes;
  for (const auto& extent : live) {
    if (extent.offset < end || extent.offset % kExtentAlign != 0) return damaged("has bodies that overlap");
    end = extent.offset + extent.length;
  }
  if (size < end) return damaged("has " + std::to_string(size) + " bytes, its bodies reach to " + std::to_string(end));
  return {};
}

// What lies between live extents, and behind the last, was written and never came to belong to anybody, or was given
// back just before a cut.
Result<void> Segments::free_gaps(uint64_t number, const std::vector<Extent>& live) {
  auto segment = std::make_shared<Segment>();
  segment->named = true;
  DL_TRY(auto file, fs_.open_write(path(number), OpenMode::kExisting, 0600));
  uint64_t at = kSegmentHeaderBytes;
  for (const auto& extent : live) {
    if (extent.offset > at) DL_OK(file->punch(at, extent.offset - at));
    at = aligned(extent.offset + extent.length);
    segment->live += extent.length;
  }
  segment->end = live.back().offset + live.back().length;
  DL_TRY(uint64_t size, file->size());
  if (size > segment->end) DL_OK(file->truncate(segment->end));
  segments_[number] = std::move(segment);
  return {};
}

// Called with the lock held.
Result<Segments::SegmentPtr> Segments::begin_segment() {
  uint64_t number = last_ + 1;
  DL_TRY(auto file, fs_.open_write(path(number), OpenMode::kCreateNew, 0600));
  last_ = number;
  DL_OK(file->write_at(0, make_header(number)));
  auto segment = std::make_shared<Segment>();
  segment->file = std::move(file);
  segment->end = segment->reserved = kSegmentHeaderBytes;
  segments_[number] = segment;
  uint64_t before = current_;
  current_ = number;
  if (before != 0) settle({before, 0, 0});
  if (before != 0 && segments_[before]->live == 0) DL_OK(drop(before));
  return segment;
}

Result<Extent> Segments::allocate(uint64_t length) {
  DL_REQUIRE(length > 0, "an extent without bytes");
  std::lock_guard lock(m_);
  SegmentPtr segment = current_ == 0 ? nullptr : segments_[current_];
  if (!segment || segment->failed || (segment->end > kSegmentHeaderBytes && segment->end + length > segment_bytes_)) {
    DL_TRY(segment, begin_segment());
  }
  Extent out{current_, segment->end, length};
  uint64_t end = aligned(out.offset + length);
  if (end > segment->reserved) {
    uint64_t to = std::max(end, std::min(segment->reserved + kReserveStep, segment_bytes_));
    DL_OK(segment->file->reserve(segment->reserved, to - segment->reserved));
    segment->reserved = to;
  }
  segment->end = end;
  segment->live += length;
  writing_.insert(out);
  return out;
}

// Called with the lock held: this extent is written to no more. A file that is neither the newest nor written to is
// closed.
void Segments::settle(const Extent& extent) {
  writing_.erase(extent);
  auto next = writing_.lower_bound({extent.segment, 0, 0});
  bool busy = next != writing_.end() && next->segment == extent.segment;
  if (!busy && extent.segment != current_) segments_[extent.segment]->file.reset();
}

Result<std::pair<Segments::SegmentPtr, std::shared_ptr<WriteFile>>> Segments::find_writable(uint64_t number) const {
  std::lock_guard lock(m_);
  auto it = segments_.find(number);
  DL_ASSERT(it != segments_.end() && it->second->file, "a write to an extent that was finished or given back");
  return std::pair(it->second, it->second->file);
}

Result<void> Segments::write(const Extent& extent, uint64_t at, BytesView data) {
  DL_REQUIRE(at + data.size() <= extent.length, "a write past the end of its extent");
  DL_TRY(auto open, find_writable(extent.segment));
  return open.second->write_at(extent.offset + at, data);
}

Result<void> Segments::finish(const Extent& extent) {
  DL_TRY(auto open, find_writable(extent.segment));
  auto& [segment, file] = open;
  auto synced = file->sync();
  syncs_++;
  bool named;
  {
    std::lock_guard lock(m_);
    if (!synced.ok()) segment->failed = true;
    // Another writer's sync may have failed and dropped our bytes with its own; ours then succeeds over nothing.
    if (segment->failed && synced.ok())
      synced = error(Code::kNoSpace, path(extent.segment) + ": an earlier sync of it failed");
    named = segment->named;
  }
  DL_OK(std::move(synced));
  if (!named) DL_OK(fs_.sync_dir(dir_));
  std::lock_guard lock(m_);
  segment->named = true;
  settle(extent);
  return {};
}

Result<std::shared_ptr<ReadFile>> Segments::reader(uint64_t number) const {
  {
    std::lock_guard lock(readers_m_);
    auto it = readers_.find(number);
    if (it != readers_.end()) {
      it->second.used = ++reads_;
      return it->second.file;
    }
  }
  DL_TRY(std::shared_ptr<ReadFile> file, fs_.open_read(path(number)));
  std::lock_guard lock(readers_m_);
  if (readers_.size() >= kMaxReaders) {
    auto used_before = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    readers_.erase(std::min_element(readers_.begin(), readers_.end(), used_before));
  }
  readers_[number] = {file, ++reads_};
  return file;
}

Result<void> Segments::read(const Extent& extent, uint64_t at, char* out, size_t size) const {
  auto file = reader(extent.segment);
  if (!file.ok() && file.error().code == Code::kNotFound)
    return error(Code::kCorrupt, path(extent.segment) + " is missing");
  DL_OK(file);
  DL_TRY(size_t n, (*file)->read_at(extent.offset + at, out, size));
  if (n == size) return {};
  return error(Code::kCorrupt, path(extent.segment) + " ends before byte " + std::to_string(extent.offset + at + size));
}

// Called with the lock held.
Result<void> Segments::drop(uint64_t number) {
  segments_.erase(number);
  {
    std::lock_guard lock(readers_m_);
    readers_.erase(number);
  }
  return fs_.remove(path(number));
}

Result<void> Segments::release(const Extent& extent) {
  std::shared_ptr<WriteFile> file;
  {
    std::lock_guard lock(m_);
    auto it = segments_.find(extent.segment);
    DL_ASSERT(it != segments_.end() && it->second->live >= extent.length, "an extent was given back twice");
    it->second->live -= extent.length;
    settle(extent);
    if (it->second->live == 0 && extent.segment != current_) return drop(extent.segment);
    file = it->second->file;
  }
  if (!file) {
    DL_TRY(file, fs_.open_write(path(extent.segment), OpenMode::kExisting, 0600));
  }
  return file->punch(extent.offset, aligned(extent.length));
}

std::vector<Segments::Use> Segments::at_rest() const {
  std::lock_guard lock(m_);
  std::vector<Use> out;
  for (const auto& [number, segment] : segments_) {
    auto writing = writing_.lower_bound({number, 0, 0});
    bool busy = number == current_ || (writing != writing_.end() && writing->segment == number);
    if (!busy) out.push_back({number, segment->live, segment->end - kSegmentHeaderBytes});
  }
  return out;
}

uint64_t Segments::live_bytes() const {
  std::lock_guard lock(m_);
  uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment->live;
  return sum;
}

size_t Segments::segment_count() const {
  std::lock_guard lock(m_);
  return segments_.size();
}

}  // namespace dl::storage

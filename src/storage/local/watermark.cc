#include "storage/local/watermark.h"

#include "crypto/hash.h"

namespace dl::storage {
namespace {

constexpr BytesView kMagic = "DMLNWM01";
constexpr size_t kCrcAt = kMarkBytes - 4;

std::string parent_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

struct Slots {
  std::optional<std::pair<Mark, uint64_t>> slot[2];
  const std::pair<Mark, uint64_t>* newest() const {
    if (!slot[0]) return slot[1] ? &*slot[1] : nullptr;
    if (!slot[1]) return &*slot[0];
    return slot[0]->second > slot[1]->second ? &*slot[0] : &*slot[1];
  }
};

Result<Slots> read_slots(FileSystem& fs, const std::string& path) {
  Slots out;
  DL_TRY(bool there, fs.exists(path));
  if (!there) return out;
  DL_TRY(auto file, fs.open_read(path));
  Bytes both(2 * kMarkBytes, '\0');
  DL_TRY(size_t n, file->read_at(0, both.data(), both.size()));
  both.resize(n);
  for (size_t i = 0; i < 2; i++)
    if (both.size() >= (i + 1) * kMarkBytes)
      out.slot[i] = decode_mark(BytesView(both).substr(i * kMarkBytes, kMarkBytes));
  return out;
}

}  // namespace

Bytes encode_mark(const Mark& mark, uint64_t turn) {
  Bytes out(kMagic);
  put_be64(out, turn);
  put_be64(out, mark.sequence);
  out += mark.hash.view();
  for (const auto& manifest : mark.manifests) {
    put_be64(out, manifest.number);
    put_be64(out, manifest.length);
    out += manifest.sha.view();
  }
  out.resize(kCrcAt, '\0');
  put_be32(out, crypto::crc32c(out));
  return out;
}

std::optional<std::pair<Mark, uint64_t>> decode_mark(BytesView slot) {
  if (slot.size() != kMarkBytes || !slot.starts_with(kMagic)) return std::nullopt;
  if (get_be32(slot.substr(kCrcAt)) != crypto::crc32c(slot.substr(0, kCrcAt))) return std::nullopt;
  Mark mark;
  uint64_t turn = get_be64(slot.substr(8));
  mark.sequence = get_be64(slot.substr(16));
  mark.hash = Sha256::of(slot.substr(24, 32));
  size_t at = 56;
  for (auto& manifest : mark.manifests) {
    manifest.number = get_be64(slot.substr(at));
    manifest.length = get_be64(slot.substr(at + 8));
    manifest.sha = Sha256::of(slot.substr(at + 16, 32));
    at += 48;
  }
  return std::pair(mark, turn);
}

Result<std::optional<Mark>> Watermark::load(FileSystem& fs, const std::string& path) {
  DL_TRY(auto slots, read_slots(fs, path));
  const auto* newest = slots.newest();
  return newest ? std::optional(newest->first) : std::nullopt;
}

Result<int> Watermark::whole_slots(FileSystem& fs, const std::string& path) {
  DL_TRY(auto slots, read_slots(fs, path));
  return (slots.slot[0] ? 1 : 0) + (slots.slot[1] ? 1 : 0);
}

Result<std::unique_ptr<Watermark>> Watermark::open(FileSystem& fs, const std::string& path, const Mark& mark) {
  DL_TRY(auto slots, read_slots(fs, path));
  if (const auto* newest = slots.newest()) {
    DL_TRY(auto file, fs.open_write(path, OpenMode::kExisting, 0600));
    auto out = std::unique_ptr<Watermark>(new Watermark(std::move(file), mark, newest->second));
    out->flushed_ = newest->first.sequence;
    // Unless both slots are whole, an older one cannot be counted on until two more were written.
    if (slots.slot[0] && slots.slot[1])
      out->flushed_before_ = std::min(slots.slot[0]->first.sequence, slots.slot[1]->first.sequence);
    return out;
  }
  DL_TRY(auto file, fs.open_write(path, OpenMode::kCreateOrTruncate, 0600));
  DL_OK(file->write_at(0, encode_mark(mark, 0) + encode_mark(mark, 1)));
  DL_OK(file->sync());
  DL_OK(fs.sync_dir(parent_of(path)));
  auto out = std::unique_ptr<Watermark>(new Watermark(std::move(file), mark, 1));
  out->flushed_ = out->flushed_before_ = mark.sequence;
  return out;
}

void Watermark::committed(uint64_t sequence, const Sha256& hash) {
  std::lock_guard lock(m_);
  mark_.sequence = sequence;
  mark_.hash = hash;
  dirty_ = true;
}

void Watermark::manifest_synced(const ManifestMark& manifest) {
  std::lock_guard lock(m_);
  size_t at = mark_.manifests[current_].number == manifest.number ? current_ : 1 - current_;
  mark_.manifests[at] = manifest;
  dirty_ = true;
}

void Watermark::current_moved() {
  std::lock_guard lock(m_);
  current_ = 1 - current_;
}

void Watermark::set_current(uint64_t number) {
  std::lock_guard lock(m_);
  current_ = mark_.manifests[1].number == number ? 1 : 0;
}

Result<void> Watermark::flush() {
  std::lock_guard lock(m_);
  if (!dirty_) return {};
  uint64_t turn = turn_ + 1;
  DL_OK(file_->write_at(turn % 2 * kMarkBytes, encode_mark(mark_, turn)));
  DL_OK(file_->sync());
  turn_ = turn;
  dirty_ = false;
  flushed_before_ = flushed_;
  flushed_ = mark_.sequence;
  return {};
}

uint64_t Watermark::safe_sequence() const {
  std::lock_guard lock(m_);
  return flushed_before_;
}

Mark Watermark::mark() const {
  std::lock_guard lock(m_);
  return mark_;
}

}  // namespace dl::storage

#include "storage/local/local_blobs.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/log.h"
#include "storage/local/sealed_body.h"
#include "storage/local/slab.h"

namespace dl::storage {
namespace {

Result<std::vector<Extent>> live_extents(const View& rows) {
  std::vector<Extent> live;
  DL_OK(scan_segment_blobs(rows, [&](const BlobId&, const SegmentPlace& at) -> Result<void> {
    live.push_back(extent_of(at));
    return {};
  }));
  return live;
}

Error too_many(uint64_t size) {
  return error(Code::kTooLarge, "more bytes came than the " + std::to_string(size) + " announced");
}

Error too_few(uint64_t came, uint64_t size) {
  return error(Code::kInvalid,
               "the body ended after " + std::to_string(came) + " of " + std::to_string(size) + " announced bytes");
}

}  // namespace

class LocalBlobs::InlineWriter : public BlobWriter {
 public:
  InlineWriter(LocalBlobs& store, uint64_t size) : store_(store), size_(size) {}

  Result<void> append(BytesView data) override {
    if (data.size() > size_ - body_.size()) return too_many(size_);
    body_ += data;
    return {};
  }

  Result<WrittenBody> finish() override {
    if (body_.size() != size_) return too_few(body_.size(), size_);
    WrittenBody out;
    out.length = size_;
    if (size_ == 0) return out;
    BlobId blob = with_home(store_.plan_.random.id<BlobId>(), BlobHome::kInline);
    out.blobs.push_back({blob, size_, encode_place(InlineBody{std::move(body_)})});
    return out;
  }

 private:
  LocalBlobs& store_;
  const uint64_t size_;
  Bytes body_;
};

// Seals slab by slab as bytes arrive; one blob is begun when the one before is full.
class LocalBlobs::SegmentWriter : public BlobWriter {
 public:
  SegmentWriter(LocalBlobs& store, uint64_t size) : store_(store), size_(size) {}
  ~SegmentWriter() override {
    if (!handed_over_)
      for (const auto& blob : blobs_) store_.give_back(extent_of(blob.at));
  }

  Result<void> append(BytesView data) override {
    if (data.size() > size_ - came_) return too_many(size_);
    while (!data.empty()) {
      if (blob_left_ == 0) DL_OK(begin_blob());
      size_t want = static_cast<size_t>(std::min<uint64_t>(kSlabBytes, blob_left_));
      size_t n = std::min(data.size(), want - slab_.size());
      slab_ += data.substr(0, n);
      data.remove_prefix(n);
      came_ += n;
      if (slab_.size() == want) DL_OK(write_slab());
    }
    return {};
  }

  Result<WrittenBody> finish() override {
    if (came_ != size_) return too_few(came_, size_);
    for (const auto& blob : blobs_) DL_OK(sync(blob.at));
    WrittenBody out;
    out.length = size_;
    for (const auto& blob : blobs_) {
      store_.finished(blob.id, extent_of(blob.at));
      out.blobs.push_back({blob.id, blob.at.length, encode_place(blob.at)});
    }
    handed_over_ = true;
    return out;
  }

 private:
  struct Blob {
    BlobId id;
    SegmentPlace at;
  };

  Result<void> begin_blob() {
    Blob blob;
    blob.id = with_home(store_.plan_.random.id<BlobId>(), BlobHome::kSegment);
    blob.at.length = std::min(store_.plan_.limits.blob_bytes, size_ - came_);
    DL_TRY(Extent extent, store_.segments_->allocate(sealed_bytes(blob.at.length)));
    blob.at.segment = extent.segment;
    blob.at.offset = extent.offset;
    Bytes key = store_.plan_.random.bytes(crypto::kAesKeyBytes);
    blob.at.wrapped_key =
        wrap_key(store_.plan_.body_key, store_.plan_.random.bytes(crypto::kGcmNonceBytes), blob.id, blob.at, key);
    cipher_.emplace(key, blob.at.length);
    crypto::wipe(key);
    blob_left_ = blob.at.length;
    index_ = 0;
    blobs_.push_back(std::move(blob));
    return {};
  }

  Result<void> write_slab() {
    sealed_.resize(slab_.size() + crypto::kGcmTagBytes);
    cipher_->seal(index_, slab_, sealed_.data());
    DL_OK(store_.segments_->write(extent_of(blobs_.back().at), index_ * kSealedSlabBytes, sealed_));
    index_++;
    blob_left_ -= slab_.size();
    slab_.clear();
    return {};
  }

  Result<void> sync(const SegmentPlace& at) {
    auto synced = store_.segments_->finish(extent_of(at));
    if (!synced.ok() && synced.error().code != Code::kNoSpace) store_.rows_.die(synced.error());
    return synced;
  }

  LocalBlobs& store_;
  const uint64_t size_;
  uint64_t came_ = 0;
  uint64_t blob_left_ = 0;  // plain bytes still to be written to the newest blob
  uint64_t index_ = 0;
  std::vector<Blob> blobs_;
  std::optional<SlabCipher> cipher_;
  Bytes slab_, sealed_;
  bool handed_over_ = false;
};

Result<void> LocalBlobs::check(FileSystem& fs, const std::string& dir, const View& rows) {
  DL_TRY(auto live, live_extents(rows));
  return Segments::check(fs, dir, std::move(live));
}

Result<std::unique_ptr<LocalBlobs>> LocalBlobs::open(LocalPartition& rows, Plan plan) {
  DL_REQUIRE(plan.body_key.size() == crypto::kAesKeyBytes, "a body key has 32 bytes");
  DL_REQUIRE(plan.limits.blob_bytes <= kMaxBlobBytes, "a blob may not be that long");
  DL_TRY(auto view, rows.snapshot());
  DL_TRY(auto live, live_extents(*view));
  std::unique_ptr<LocalBlobs> out(new LocalBlobs(rows, std::move(plan)));
  DL_TRY(out->segments_,
         Segments::open(out->plan_.fs, out->plan_.dir, out->plan_.limits.segment_bytes, std::move(live)));
  return out;
}

Result<std::unique_ptr<BlobWriter>> LocalBlobs::create(uint64_t size) {
  DL_OK(rows_.check_reserve(size));
  if (size <= plan_.limits.inline_limit)
    return std::unique_ptr<BlobWriter>(std::make_unique<InlineWriter>(*this, size));
  return std::unique_ptr<BlobWriter>(std::make_unique<SegmentWriter>(*this, size));
}

Result<void> LocalBlobs::read(const BlobId& blob, uint64_t offset, char* out, size_t size) const {
  DL_TRY(auto row, rows_.get(blob_key(blob)));
  for (;;) {
    if (!row) return error(Code::kNotFound, "blob " + blob.hex() + " is gone");
    auto read = read_row(blob, *row, offset, out, size);
    if (read.ok() || read.error().code != Code::kCorrupt) return read;
    // It may have been freed or moved under our hands: then its row is gone or another, and nothing is damaged.
    DL_TRY(auto now, rows_.get(blob_key(blob)));
    if (now == row) return read;
    row = std::move(now);
  }
}

Result<void> LocalBlobs::read_row(const BlobId& blob, BytesView row, uint64_t offset, char* out, size_t size) const {
  DL_TRY(auto place, decode_place(blob, row));
  const auto* body = std::get_if<InlineBody>(&place);
  uint64_t length = body ? body->body.size() : std::get<SegmentPlace>(place).length;
  if (offset > length || size > length - offset)
    return error(Code::kInvalid, "a read past the end of blob " + blob.hex());
  if (body) {
    std::memcpy(out, body->body.data() + offset, size);
    return {};
  }
  return read_sealed(blob, std::get<SegmentPlace>(place), offset, out, size);
}

Result<void> LocalBlobs::read_sealed(const BlobId& blob, const SegmentPlace& at, uint64_t offset, char* out,
                                     size_t size) const {
  DL_TRY(Bytes key, unwrap_key(plan_.body_key, blob, at));
  SlabCipher cipher(key, at.length);
  crypto::wipe(key);
  Bytes sealed(kSealedSlabBytes, '\0'), plain(kSlabBytes, '\0');
  while (size > 0) {
    uint64_t index = offset / kSlabBytes;
    size_t slab = static_cast<size_t>(std::min<uint64_t>(kSlabBytes, at.length - index * kSlabBytes));
    size_t from = static_cast<size_t>(offset % kSlabBytes);
    size_t n = std::min(size, slab - from);
    size_t sealed_size = slab + crypto::kGcmTagBytes;
    DL_OK(segments_->read(extent_of(at), index * kSealedSlabBytes, sealed.data(), sealed_size));
    char* to = n == slab ? out : plain.data();
    if (!cipher.open(index, sealed.data(), sealed_size, to).ok())
      return error(Code::kCorrupt, "blob " + blob.hex() + " is damaged in segment " + std::to_string(at.segment) +
                                       " at byte " + std::to_string(at.offset + index * kSealedSlabBytes));
    if (n != slab) std::memcpy(out, plain.data() + from, n);
    out += n;
    offset += n;
    size -= n;
  }
  return {};
}

// Bodies in segments, with their lengths, from a row key on; few, so that nothing is held open for long.
Result<std::vector<std::pair<BlobId, uint64_t>>> LocalBlobs::some_bodies(const Bytes& from) const {
  constexpr size_t kFew = 256;
  std::vector<std::pair<BlobId, uint64_t>> out;
  DL_TRY(auto view, rows_.snapshot());
  DL_OK(view->scan(from, owner_key({}, {}).substr(0, 1), [&](BytesView key, BytesView row) -> Result<Scan> {
    DL_TRY(auto blob, BlobId::from_bytes(key.substr(1)));
    DL_TRY(auto place, decode_place(blob, row));
    out.emplace_back(blob, std::get<SegmentPlace>(place).length);
    return out.size() < kFew ? Scan::kContinue : Scan::kStop;
  }));
  return out;
}

Result<void> LocalBlobs::verify_bodies(const std::function<Result<void>(uint64_t)>& read_next,
                                       const CheckedFn& fn) const {
  Bytes slab(kSlabBytes, '\0');
  for (Bytes from = blob_key(with_home({}, BlobHome::kSegment));;) {
    DL_TRY(auto bodies, some_bodies(from));
    if (bodies.empty()) return {};
    for (const auto& [blob, length] : bodies) {
      Result<void> found;
      for (uint64_t offset = 0; offset < length && found.ok(); offset += kSlabBytes) {
        const size_t n = static_cast<size_t>(std::min<uint64_t>(kSlabBytes, length - offset));
        DL_OK(read_next(n));
        found = read(blob, offset, slab.data(), n);
      }
      from = blob_key(blob) + '\0';
      if (found.ok() || is_damage(found.error()))
        fn(blob, sealed_bytes(length), found);
      else if (found.error().code != Code::kNotFound)  // freed while we looked
        return found;
    }
  }
}

void LocalBlobs::finished(const BlobId& blob, const Extent& extent) {
  std::lock_guard lock(m_);
  loose_[blob] = {extent, plan_.clock.mono()};
}

// What cannot be given back now is found at the next start.
void LocalBlobs::give_back(const Extent& extent) {
  auto freed = segments_->release(extent);
  if (!freed.ok()) log_warn("storage", "freeing a body's bytes: {}", freed.error().message);
}

Result<size_t> LocalBlobs::reclaim() {
  std::lock_guard one_at_a_time(reclaiming_);
  DL_OK(settle_moves());
  DL_OK(free_loose());
  size_t count = 0;
  for (bool more = true; more;) {
    std::vector<FreedBlob> freed;
    // When the outcome of this commit is open nothing is given back: the rows may still be there.
    DL_OK(rows_.commit_wait(
        [&](Batch& batch) -> Result<void> {
          DL_TRY(more, take_due(batch, plan_.clock.wall(), freed));
          return {};
        },
        Purpose::kFree));
    count += freed.size();
    for (const auto& one : freed) {
      const auto* at = std::get_if<SegmentPlace>(&one.place);
      if (!at) continue;
      forget(one.blob);
      give_back(extent_of(*at));
    }
  }
  DL_OK(move_some());
  return count;
}

void LocalBlobs::forget(const BlobId& blob) {
  std::lock_guard lock(m_);
  loose_.erase(blob);
}

// Forgets those that came to belong to somebody, frees those whose time is over.
Result<void> LocalBlobs::free_loose() {
  std::map<BlobId, Loose> loose;
  {
    std::lock_guard lock(m_);
    loose = loose_;
  }
  for (const auto& [blob, one] : loose) {
    DL_TRY(auto row, rows_.get(blob_key(blob)));
    bool late = !row && plan_.clock.mono() - one.finished >= plan_.limits.orphan_age;
    if (!row && !late) continue;
    forget(blob);
    if (late) give_back(one.extent);
  }
  return {};
}

}  // namespace dl::storage

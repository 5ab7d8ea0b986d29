#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "storage/local/local_blobs.h"
#include "storage/local/sealed_body.h"
#include "storage/local/slab.h"

// Copying out: a segment that is mostly dead is emptied into the newest one, so that its file goes. The order is that
// of any body: bytes, sync, row; only then are the old bytes given back. A crash anywhere leaves one of the two copies
// without a row, and the next start frees it.
namespace dl::storage {
namespace {

constexpr size_t kMaxMovedAtOnce = 64;

// The planted bug of a campaign of its own (storage_crash_planted), which must find it.
#ifdef DL_PLANT_FREE_FIRST
constexpr bool kFreeFirst = true;
#else
constexpr bool kFreeFirst = false;
#endif

}  // namespace

Result<void> LocalBlobs::move_some() {
  for (uint64_t moved = 0; moved < plan_.limits.move_bytes;) {
    if (to_move_.empty()) DL_OK(choose_segment());
    if (to_move_.empty()) return {};
    auto batch = copy_batch(plan_.limits.move_bytes - moved);
    if (!batch.ok()) {
      to_move_.clear();
      if (batch.error().code == Code::kNoSpace) return {};  // nothing is lost by waiting
      if (batch.error().code != Code::kCorrupt) return std::move(batch).error();
      // It stays where a scrub will find it; a copy would hide where it was damaged.
      log_warn("storage", "segment {} is not emptied: {}", moving_, batch.error().message);
      unmovable_.insert(moving_);
      continue;
    }
    for (const auto& move : *batch) moved += sealed_bytes(move.from.length);
    if (!batch->empty()) DL_OK(commit_moves(std::move(*batch)));
  }
  return {};
}

// The emptiest of those that are below the bound and at rest.
Result<void> LocalBlobs::choose_segment() {
  std::set<uint64_t> loose;
  {
    std::lock_guard lock(m_);
    for (const auto& [blob, one] : loose_) loose.insert(one.extent.segment);
  }
  std::optional<Segments::Use> best;
  for (const auto& use : segments_->at_rest()) {
    bool sparse = use.live * 100 < use.span * plan_.limits.move_below_percent;
    if (!sparse || loose.contains(use.number) || unmovable_.contains(use.number)) continue;
    if (!best || use.live * best->span < best->live * use.span) best = use;
  }
  if (!best) return {};
  moving_ = best->number;
  DL_TRY(auto view, rows_.snapshot());
  std::vector<std::pair<uint64_t, BlobId>> found;
  DL_OK(scan_segment_blobs(*view, [&](const BlobId& blob, const SegmentPlace& at) -> Result<void> {
    if (at.segment == moving_) found.emplace_back(at.offset, blob);
    return {};
  }));
  // From the back: the last in the list is taken first.
  std::sort(found.rbegin(), found.rend());
  for (const auto& [offset, blob] : found) to_move_.push_back(blob);
  if (found.empty()) unmovable_.insert(moving_);  // live by bodies that no row names yet
  return {};
}

// Durable copies of the next bodies, at least one, about `bytes`. On an error nothing is left of them.
Result<std::vector<LocalBlobs::Move>> LocalBlobs::copy_batch(uint64_t bytes) {
  std::vector<Move> batch;
  auto fill = [&]() -> Result<void> {
    for (uint64_t copied = 0; !to_move_.empty() && copied < bytes && batch.size() < kMaxMovedAtOnce;) {
      BlobId blob = to_move_.back();
      to_move_.pop_back();
      DL_TRY(auto row, rows_.get(blob_key(blob)));
      if (!row) continue;
      DL_TRY(auto place, decode_place(blob, *row));
      const auto& from = std::get<SegmentPlace>(place);
      if (from.segment != moving_) continue;
      batch.push_back({blob, from, from});
      auto& to = batch.back().to;
      DL_TRY(Extent extent, segments_->allocate(sealed_bytes(from.length)));
      to.segment = extent.segment;
      to.offset = extent.offset;
      DL_OK(copy_body(batch.back()));
      copied += extent.length;
    }
    for (const auto& move : batch) {
      auto synced = segments_->finish(extent_of(move.to));
      if (!synced.ok() && synced.error().code != Code::kNoSpace) rows_.die(synced.error());
      DL_OK(std::move(synced));
    }
    return {};
  };
  auto filled = fill();
  if (filled.ok()) return batch;
  for (const auto& move : batch)
    if (extent_of(move.to) != extent_of(move.from)) give_back(extent_of(move.to));
  return std::move(filled).error();
}

// The sealed bytes as they are, each slab opened on the way: what is damaged is not passed on as sound. The key is
// wrapped anew, for its wrapping is bound to the place.
Result<void> LocalBlobs::copy_body(Move& move) {
  DL_TRY(Bytes key, unwrap_key(plan_.body_key, move.blob, move.from));
  SlabCipher cipher(key, move.from.length);
  move.to.wrapped_key = wrap_key(plan_.body_key, plan_.random.bytes(crypto::kGcmNonceBytes), move.blob, move.to, key);
  crypto::wipe(key);
  Bytes sealed, plain(kSlabBytes, '\0');
  const Extent from = extent_of(move.from), to = extent_of(move.to);
  for (uint64_t index = 0, at = 0; at < from.length; index++, at += kSealedSlabBytes) {
    sealed.resize(static_cast<size_t>(std::min(kSealedSlabBytes, from.length - at)));
    DL_OK(segments_->read(from, at, sealed.data(), sealed.size()));
    auto opened = cipher.open(index, sealed.data(), sealed.size(), plain.data());
    if (!opened.ok()) return std::move(opened).error().within("blob " + move.blob.hex());
    DL_OK(segments_->write(to, at, sealed));
  }
  return {};
}

Result<void> LocalBlobs::commit_moves(std::vector<Move> batch) {
  std::set<BlobId> stale;
  if (kFreeFirst)
    for (const auto& move : batch) give_back(extent_of(move.from));
  auto committed = rows_.commit_wait(
      [&](Batch& rows) -> Result<void> {
        stale.clear();
        for (const auto& move : batch) {
          DL_TRY(auto row, rows.get(blob_key(move.blob)));
          if (row && *row == encode_place(move.from))
            rows.put(blob_key(move.blob), encode_place(move.to));
          else
            stale.insert(move.blob);
        }
        return {};
      },
      Purpose::kFree);
  bool open = !committed.ok() && (committed.error().code == Code::kUnavailable || committed.error().code == Code::kIo);
  if (open) {
    std::move(batch.begin(), batch.end(), std::back_inserter(open_moves_));
    return committed;
  }
  for (const auto& move : batch) {
    bool done = committed.ok() && !stale.contains(move.blob);
    if (!done || !kFreeFirst) give_back(extent_of(done ? move.from : move.to));
    if (!done) continue;
    moved_bodies_++;
    moved_bytes_ += sealed_bytes(move.from.length);
  }
  return committed;
}

// Moves whose commit was open: the rows say what came of them. Nobody else changes a row meanwhile, for freeing waits
// for this.
Result<void> LocalBlobs::settle_moves() {
  while (!open_moves_.empty()) {
    const Move& move = open_moves_.back();
    DL_TRY(auto row, rows_.get(blob_key(move.blob)));
    bool moved = row && *row == encode_place(move.to);
    if (row) give_back(extent_of(moved ? move.from : move.to));
    open_moves_.pop_back();
  }
  return {};
}

}  // namespace dl::storage

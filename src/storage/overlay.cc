#include "storage/overlay.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/limits.h"

namespace dl::storage {
namespace {

// Walks the rows of an overlay in step with a scan of what lies below. Finds its place again by key after every call
// of fn, because fn may change the overlay.
class Merge {
 public:
  Merge(const Overlay& own, BytesView from, BytesView to, const ScanFn& fn)
      : own_(own), at_(from), inclusive_(true), to_(to), fn_(fn) {}

  Result<Scan> below(BytesView key, BytesView value) {
    DL_TRY(Scan before, own_rows_until(key));
    if (before == Scan::kStop) return stop();
    auto mine = own_.rows().find(key);
    if (mine != own_.rows().end()) return show_own(mine);
    if (own_.in_erased_range(key)) return Scan::kContinue;
    move_past(key);
    DL_TRY(Scan next, fn_(key, value));
    return next == Scan::kStop ? stop() : next;
  }

  Result<void> rest() {
    if (stopped_) return {};
    DL_TRY([[maybe_unused]] Scan next, own_rows_until(to_));
    return {};
  }

 private:
  Result<Scan> own_rows_until(BytesView end) {
    for (;;) {
      auto it = inclusive_ ? own_.rows().lower_bound(at_) : own_.rows().upper_bound(at_);
      if (it == own_.rows().end() || BytesView(it->first) >= end) return Scan::kContinue;
      DL_TRY(Scan next, show_own(it));
      if (next == Scan::kStop) return next;
    }
  }

  Result<Scan> show_own(Overlay::Rows::const_iterator it) {
    auto [key, value] = *it;  // copies: fn may erase the row that it looks at
    move_past(key);
    if (!value) return Scan::kContinue;
    DL_TRY(Scan next, fn_(key, *value));
    return next == Scan::kStop ? stop() : next;
  }

  void move_past(BytesView key) {
    at_ = Bytes(key);
    inclusive_ = false;
  }
  Scan stop() {
    stopped_ = true;
    return Scan::kStop;
  }

  const Overlay& own_;
  Bytes at_;
  bool inclusive_;
  BytesView to_;
  const ScanFn& fn_;
  bool stopped_ = false;
};

}  // namespace

BytesView clamp_end(BytesView to) { return to.empty() ? kEndOfKeys : std::min(to, kEndOfKeys); }

void Overlay::put(BytesView key, BytesView value) {
  DL_REQUIRE(!key.empty() && key < kEndOfKeys, "a row's key is empty or one of the store's own");
  rows_.insert_or_assign(Bytes(key), Bytes(value));
  bytes_ += key.size() + value.size();
}

void Overlay::erase(BytesView key) {
  DL_REQUIRE(!key.empty() && key < kEndOfKeys, "a row's key is empty or one of the store's own");
  rows_.insert_or_assign(Bytes(key), std::nullopt);
  bytes_ += key.size();
}

void Overlay::erase_range(BytesView from_view, BytesView to_view) {
  Bytes from(from_view);
  Bytes to(clamp_end(to_view));
  if (from >= to) return;
  rows_.erase(rows_.lower_bound(from), rows_.lower_bound(to));
  bytes_ += from.size() + to.size();
  auto it = ranges_.upper_bound(from);
  if (it != ranges_.begin() && std::prev(it)->second >= from) --it;
  while (it != ranges_.end() && it->first <= to) {
    from = std::min(from, it->first);
    to = std::max(to, it->second);
    it = ranges_.erase(it);
  }
  ranges_.emplace(std::move(from), std::move(to));
}

void Overlay::absorb(Overlay&& later) {
  size_t both = bytes_ + later.bytes_;
  for (const auto& [from, to] : later.ranges_) erase_range(from, to);
  while (!later.rows_.empty()) {
    auto done = rows_.insert(later.rows_.extract(later.rows_.begin()));
    if (!done.inserted) done.position->second = std::move(done.node.mapped());
  }
  bytes_ = both;
}

bool Overlay::in_erased_range(BytesView key) const {
  auto it = ranges_.upper_bound(key);
  return it != ranges_.begin() && key < std::prev(it)->second;
}

Result<std::optional<Bytes>> OverlayBatch::get(BytesView key) const {
  auto it = own_.rows().find(key);
  if (it != own_.rows().end()) return it->second;
  if (own_.in_erased_range(key)) return std::optional<Bytes>();
  return base_.get(key);
}

Result<void> OverlayBatch::scan(BytesView from, BytesView to, const ScanFn& fn) const {
  BytesView end = clamp_end(to);
  if (from >= end) return {};
  if (own_.empty()) return base_.scan(from, end, fn);
  Merge merge(own_, from, end, fn);
  DL_OK(base_.scan(from, end, [&](BytesView key, BytesView value) { return merge.below(key, value); }));
  return merge.rest();
}

}  // namespace dl::storage

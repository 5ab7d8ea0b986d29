#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "storage/partition.h"

namespace dl::storage {

// Changes that are not in the store yet: ranges erased first, then rows put or erased. A value; one thread at a time.
class Overlay {
 public:
  using Rows = std::map<Bytes, std::optional<Bytes>, std::less<>>;  // nullopt: erased
  using Ranges = std::map<Bytes, Bytes, std::less<>>;               // from -> to, disjoint

  void put(BytesView key, BytesView value);
  void erase(BytesView key);
  void erase_range(BytesView from, BytesView to);  // an empty `to` is the end of the partition
  // Adds what came later, without copying its rows.
  void absorb(Overlay&& later);

  bool in_erased_range(BytesView key) const;
  bool empty() const { return rows_.empty() && ranges_.empty(); }
  // What was put in so far, keys and values; never shrinks.
  size_t bytes() const { return bytes_; }
  const Rows& rows() const { return rows_; }
  const Ranges& ranges() const { return ranges_; }

 private:
  Rows rows_;
  Ranges ranges_;
  size_t bytes_ = 0;
};

// An overlay read through to what lies below. `base` outlives it. A scan may be made while rows are put or erased by
// its own callback; whether it shows those is not said.
class OverlayBatch : public Batch {
 public:
  explicit OverlayBatch(const View& base) : base_(base) {}
  OverlayBatch(const OverlayBatch&) = delete;  // a batch on a batch is made from its View, not copied with its rows
  Result<std::optional<Bytes>> get(BytesView key) const override;
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const override;
  void put(BytesView key, BytesView value) override { own_.put(key, value); }
  void erase(BytesView key) override { own_.erase(key); }
  void erase_range(BytesView from, BytesView to) override { own_.erase_range(from, to); }

  const Overlay& overlay() const { return own_; }
  void absorb(Overlay&& later) { own_.absorb(std::move(later)); }
  Overlay take() { return std::move(own_); }  // ends this batch

 private:
  const View& base_;
  Overlay own_;
};

// The end of a scan that the caller gave, never past kEndOfKeys.
BytesView clamp_end(BytesView to);

}  // namespace dl::storage

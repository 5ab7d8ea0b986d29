#pragma once

#include <map>
#include <unordered_map>

#include "journal/decide.h"
#include "journal/work.h"

namespace dl::journal {

// KeyRows over a partition: the live versions of one key as they are stored, and above them, in memory, what decide
// did. Nothing is written; whoever ran decide writes `layer()` in its own way.
class StoredRows : public KeyRows {
 public:
  enum class Base : uint8_t {
    kCommitted,  // what the home committed
    kShown,      // what the view shows
  };
  struct Layer {
    enum class Is : uint8_t { kAsStored, kAdded, kEnded };
    Is is = Is::kAsStored;
    RowFacts facts;     // kAdded
    bool null = false;  // kAdded
    std::optional<format::AttributeState> attributes;
  };

  StoredRows(const storage::View& view, const Space& space, BytesView key, Base base, WallTime now)
      : view_(view), space_(space), key_(key), base_(base), now_(now) {}

  void set_now(WallTime now) { now_ = now; }
  // Counts as ended from the start.
  void hide(const RecordHash& hash) { layer_[hash].is = Layer::Is::kEnded; }
  const std::map<RecordHash, Layer>& layer() const { return layer_; }

  Result<std::optional<RowFacts>> find_row(const RecordHash& hash) override;
  Result<std::optional<RowFacts>> highest_row() override;
  Result<std::vector<RecordHash>> parents_of(const RecordHash& hash) override;
  Result<bool> is_gone(const RecordHash& hash) override;
  Result<bool> is_open(const RecordHash& hash) override;
  Result<format::AttributeState> attributes_of(const RecordHash& hash) override;
  WallTime now() const override { return now_; }
  Result<void> add_row(const RecordHash& hash, const format::Record& record) override;
  Result<void> end_row(const RecordHash& hash) override;
  Result<void> set_attributes(const RecordHash& hash, format::AttributeState state) override;

 private:
  bool is_live(const format::VersionRow& row) const {
    return base_ == Base::kShown ? row.shown : row.status == format::Status::kCommitted;
  }
  const Layer* find_layer(const RecordHash& hash) const;
  Result<const Known*> known(const RecordHash& hash);

  const storage::View& view_;
  const Space& space_;
  Bytes key_;
  Base base_;
  WallTime now_;
  std::map<RecordHash, Layer> layer_;
  std::unordered_map<RecordHash, Known> known_;
};

}  // namespace dl::journal

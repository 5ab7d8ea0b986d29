#include "storage/memory/memory_partition.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::storage {
namespace {

constexpr uint64_t kNewest = UINT64_MAX;

class MemoryView : public View {
 public:
  MemoryView(std::shared_ptr<MemoryRows> rows, uint64_t at) : rows_(std::move(rows)), at_(at) {}
  ~MemoryView() override {
    if (at_ != kNewest) rows_->unpin(at_);
  }
  Result<std::optional<Bytes>> get(BytesView key) const override { return rows_->get(key, at_); }
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const override {
    BytesView end = clamp_end(to);
    auto row = rows_->next(from, MemoryRows::From::kAt, end, at_);
    while (row) {
      DL_TRY(Scan next, fn(row->first, row->second));
      if (next == Scan::kStop) return {};
      row = rows_->next(row->first, MemoryRows::From::kAfter, end, at_);
    }
    return {};
  }

 private:
  std::shared_ptr<MemoryRows> rows_;
  uint64_t at_;
};

}  // namespace

const std::optional<Bytes>* MemoryRows::find(const History& history, uint64_t at) {
  auto it = history.upper_bound(at);
  return it == history.begin() ? nullptr : &std::prev(it)->second;
}

std::optional<Bytes> MemoryRows::get(BytesView key, uint64_t at) const {
  std::lock_guard lock(m_);
  auto it = rows_.find(key);
  if (it == rows_.end()) return std::nullopt;
  const auto* value = find(it->second, at);
  return value ? *value : std::nullopt;
}

std::optional<std::pair<Bytes, Bytes>> MemoryRows::next(BytesView from, From how, BytesView to, uint64_t at) const {
  std::lock_guard lock(m_);
  auto it = how == From::kAt ? rows_.lower_bound(from) : rows_.upper_bound(from);
  for (; it != rows_.end() && BytesView(it->first) < to; ++it) {
    const auto* value = find(it->second, at);
    if (value && *value) return std::pair(it->first, **value);
  }
  return std::nullopt;
}

void MemoryRows::set(const Bytes& key, std::optional<Bytes> value) {
  auto& history = rows_[key];
  history[now_] = std::move(value);
  // What no snapshot can see any more goes: all before the newest that the oldest snapshot sees.
  uint64_t oldest = pins_.empty() ? now_ : *pins_.begin();
  auto seen = history.upper_bound(oldest);
  if (seen != history.begin()) history.erase(history.begin(), std::prev(seen));
  if (history.size() == 1 && !history.begin()->second) rows_.erase(key);
}

void MemoryRows::apply(const Overlay& changes) {
  std::lock_guard lock(m_);
  now_++;
  for (const auto& [from, to] : changes.ranges()) {
    std::vector<Bytes> keys;
    for (auto it = rows_.lower_bound(from); it != rows_.end() && it->first < to; ++it) keys.push_back(it->first);
    for (const auto& key : keys) set(key, std::nullopt);
  }
  for (const auto& [key, value] : changes.rows()) set(key, value);
}

uint64_t MemoryRows::now() const {
  std::lock_guard lock(m_);
  return now_;
}

uint64_t MemoryRows::pin() {
  std::lock_guard lock(m_);
  pins_.insert(now_);
  return now_;
}

void MemoryRows::unpin(uint64_t at) {
  std::lock_guard lock(m_);
  pins_.erase(pins_.find(at));
}

MemoryPartition::MemoryPartition(std::string name, std::shared_ptr<MemoryRows> rows, Committer::Mode mode,
                                 CommitterLimits limits)
    : rows_(std::move(rows)),
      newest_(std::make_unique<MemoryView>(rows_, kNewest)),
      committer_("commit-" + name, *this, mode, limits) {}

MemoryPartition::~MemoryPartition() { committer_.stop(); }

Result<std::optional<Bytes>> MemoryPartition::get(BytesView key) const { return rows_->get(key, kNewest); }

Result<std::unique_ptr<View>> MemoryPartition::snapshot() const {
  return std::unique_ptr<View>(std::make_unique<MemoryView>(rows_, rows_->pin()));
}

Result<std::unique_ptr<View>> MemoryPartition::newest_view() const {
  return std::unique_ptr<View>(std::make_unique<MemoryView>(rows_, kNewest));
}

void MemoryPartition::commit(Step step, Done done, Purpose purpose) {
  committer_.commit(std::move(step), std::move(done), purpose);
}

void MemoryPartition::stop() { committer_.stop(); }

Result<void> MemoryPartition::admit(Purpose purpose) {
  if (full_ && purpose == Purpose::kWrite) return error(Code::kNoSpace, "the memory store was told to be full");
  return {};
}

Result<void> MemoryPartition::apply(const Overlay& rows) {
  stamps_.begin(rows);
  rows_->apply(rows);
  stamps_.end(rows);
  return {};
}

}  // namespace dl::storage

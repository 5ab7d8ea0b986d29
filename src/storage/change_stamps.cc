#include "storage/change_stamps.h"

#include <algorithm>
#include <functional>

namespace dl::storage {
namespace {

size_t slot_of(BytesView row_key) {
  BytesView subject = row_key.substr(std::min<size_t>(1, row_key.size()));
  subject = subject.substr(0, subject.find(BytesView("\0\1", 2)));
  return std::hash<BytesView>()(subject) % ChangeStamps::kSlots;
}

}  // namespace

std::optional<uint64_t> ChangeStamps::read(BytesView row_key) const {
  // What was read before this call must not move behind it.
  std::atomic_thread_fence(std::memory_order_acquire);
  uint64_t now = slots_[slot_of(row_key)].load(std::memory_order_acquire);
  if (now % 2 == 1) return std::nullopt;
  return now;
}

template <class Fn>
void ChangeStamps::for_each(const Overlay& rows, Fn fn) {
  if (rows.ranges().empty()) {
    for (const auto& row : rows.rows()) fn(slots_[slot_of(row.first)]);
  } else {
    for (size_t i = 0; i < kSlots; i++) fn(slots_[i]);
  }
}

void ChangeStamps::begin(const Overlay& rows) {
  for_each(rows, [](std::atomic<uint64_t>& slot) { slot.store(slot.load(std::memory_order_relaxed) | 1); });
}

// A slot that several rows share has ended with the first of them and moves once more with the others.
void ChangeStamps::end(const Overlay& rows) {
  for_each(rows, [](std::atomic<uint64_t>& slot) { slot.store((slot.load(std::memory_order_relaxed) | 1) + 1); });
}

void ChangeStamps::move_all() {
  for (size_t i = 0; i < kSlots; i++) slots_[i].store(slots_[i].load(std::memory_order_relaxed) + 2);
}

}  // namespace dl::storage

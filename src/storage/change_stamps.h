#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "storage/overlay.h"

namespace dl::storage {

// Tells readers whether rows changed while they read, or since, without a snapshot and without a lock. Rows belong
// together when their keys are the same between the first byte and the first 00 01 (or the end): all rows of one object
// key do, whatever their type. Each such subject has one of kSlots numbers, which moves when any of its rows does; that
// two subjects share a number only makes readers look again. One writer; readers on any thread.
class ChangeStamps {
 public:
  static constexpr size_t kSlots = 16'384;  // 128 KiB a partition

  ChangeStamps() : slots_(std::make_unique<std::atomic<uint64_t>[]>(kSlots)) {}

  // The number of the subject of `row_key`; nullopt while a commit that changes it is being written. When it is the
  // same before and after some reads of the newest state, those saw one state, and it still holds.
  std::optional<uint64_t> read(BytesView row_key) const;

  // Around the write that makes `rows` visible. An erased range moves every number.
  void begin(const Overlay& rows);
  void end(const Overlay& rows);
  // When anything may have changed. Not between begin() and end().
  void move_all();

 private:
  template <class Fn>
  void for_each(const Overlay& rows, Fn fn);
  std::unique_ptr<std::atomic<uint64_t>[]> slots_;  // odd: being changed
};

}  // namespace dl::storage

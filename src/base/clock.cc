#include "base/clock.h"

#include <algorithm>

namespace dl {
namespace {

constexpr uint64_t kMaxPullMillis = 5 * 60 * 1000;

class SystemClock : public Clock {
 public:
  WallTime wall() const override { return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()); }
  MonoTime mono() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

WallTime ManualClock::wall() const {
  std::lock_guard lock(m_);
  return wall_;
}

MonoTime ManualClock::mono() const {
  std::lock_guard lock(m_);
  return mono_;
}

void ManualClock::advance(Millis by) {
  std::lock_guard lock(m_);
  wall_ += by;
  mono_ += by;
}

void ManualClock::set_wall(WallTime t) {
  std::lock_guard lock(m_);
  wall_ = t;
}

Hlc next_hlc(Hlc last, WallTime now, Hlc floor) {
  uint64_t above = std::max(last.packed, floor.packed) + 1;
  return {std::max(Hlc::at(now).packed, above)};
}

Hlc merge_hlc(Hlc last, WallTime now, Hlc seen) {
  uint64_t bound = Hlc::at(now + Millis(kMaxPullMillis), 0xffff).packed;
  return {std::max(last.packed, std::min(seen.packed, bound))};
}

}  // namespace dl

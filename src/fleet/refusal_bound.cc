#include "fleet/refusal_bound.h"

#include <utility>

namespace dl::fleet {

std::optional<uint64_t> RefusalBound::count(const std::string& kind, MonoTime now) {
  std::lock_guard lock(m_);
  auto [it, first] = kinds_.try_emplace(kind, Kind{now, 0});
  if (first) return 0;
  if (now - it->second.recorded < kEach) {
    it->second.unrecorded++;
    return std::nullopt;
  }
  it->second.recorded = now;
  return std::exchange(it->second.unrecorded, 0);
}

}  // namespace dl::fleet

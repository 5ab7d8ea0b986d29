#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"

namespace dl::fleet {

// Which refusals of strangers get a record of their own: the first of a kind in each minute. The others are counted,
// and the kind's next record tells how many there were. The caller sees to it that there are few kinds: what a stranger
// chooses freely is no part of one. Thread-safe.
class RefusalBound {
 public:
  static constexpr Millis kEach = std::chrono::minutes(1);

  // How many before this one were not recorded; nullopt: neither is this one.
  std::optional<uint64_t> count(const std::string& kind, MonoTime now);

 private:
  struct Kind {
    MonoTime recorded;
    uint64_t unrecorded = 0;
  };
  std::mutex m_;
  std::map<std::string, Kind> kinds_;
};

}  // namespace dl::fleet

#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <mutex>

namespace dl {

using Millis = std::chrono::milliseconds;
// Milliseconds since 1970-01-01T00:00:00Z, as a wall clock says; may lie, may jump.
using WallTime = std::chrono::sys_time<Millis>;
// Since an arbitrary start; never goes back. For deadlines and rates.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// The only source of time in the program (banned elsewhere by a check). Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual MonoTime mono() const = 0;
};

// The operating system's clocks. Lives as long as the process.
const Clock& system_clock();

// A clock that stands still until told. For tests and the simulator; thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(Millis(1'700'000'000'000))) : wall_(start), mono_() {}
  WallTime wall() const override;
  MonoTime mono() const override;
  void advance(Millis by);
  void set_wall(WallTime t);

 private:
  mutable std::mutex m_;
  WallTime wall_;
  MonoTime mono_;
};

// Hybrid logical clock stamp: 48 bits of milliseconds, 16 bits of counter, ordered as one number. For people,
// Last-Modified and the winner of a true conflict; never for causality, expiry, nonces or "what is new" (data model).
struct Hlc {
  uint64_t packed = 0;
  auto operator<=>(const Hlc&) const = default;
  uint64_t millis() const { return packed >> 16; }
  uint16_t counter() const { return static_cast<uint16_t>(packed); }
  WallTime wall() const { return WallTime(Millis(millis())); }
  static Hlc at(WallTime t, uint16_t counter = 0) {
    return {static_cast<uint64_t>(t.time_since_epoch().count()) << 16 | counter};
  }
};

// The next stamp of a node whose last one was `last`: not below its wall clock, above `last`, and above `floor` (the
// stamps of a record's parents) even when these lie in the future.
Hlc next_hlc(Hlc last, WallTime now, Hlc floor = {});
// What a node's own clock becomes after it saw a foreign stamp: pulled forward by at most 5 minutes beyond its wall
// clock.
Hlc merge_hlc(Hlc last, WallTime now, Hlc seen);

}  // namespace dl

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"

namespace dl::gate {

class Pass;
enum class Turn : uint8_t { kRuns, kWaits };

// Which requests run, which wait, which are refused: so that memory and latency stay bounded and no principal crowds
// the others out, however many connections it has.
//
// A bounded number of requests runs. The others wait, each behind those of its own principal, and the principals take
// turns. Who may not even wait is refused with kBusy (503 SlowDown): a principal gets at most kShare times as much of
// the waiting room, and of the memory for bodies, as it leaves free, so somebody who asks for little always finds room.
// A request that runs longer than the lease (a client that takes or sends a byte a second, a GET that waits for the
// hub) gives its turn to others and goes on beside them: what it holds is counted as a body, and its connection is.
// Thread-safe; one short lock, nothing is done under it that waits. Outlives its passes.
class Admission {
 public:
  struct Limits {
    size_t running = 128;
    size_t waiting = 16'384;
    uint64_t body_bytes = 256ull << 20;  // of bodies on their way in, and as much of those out; kBodyBytes each at most
    Millis longest_wait{3'000};          // then kBusy
    Millis commit_age{5'000};            // a commit that has taken so long: no more writes; 0: any
    Millis lease{250};
  };
  static constexpr uint64_t kShare = 4;
  static constexpr uint64_t kBodyBytes = 256 * 1024;  // what a body takes of memory at most, whatever its size

  enum class Refused : uint8_t { kWaitingRoom, kLongWait, kBodies, kCommits };
  static constexpr std::array<std::string_view, 4> kRefusedNames = {"waiting_room", "long_wait", "bodies", "commits"};

  // `commit_age`: how old the oldest commit in progress is; cheap. Both outlive it.
  Admission(const Limits& limits, const Clock& clock, std::function<Millis(MonoTime now)> commit_age);

  struct Use {
    uint64_t running = 0, waiting = 0, lasting = 0;  // lasting: past their lease
    uint64_t body_bytes = 0, answer_bytes = 0;       // of requests, and of answers
    uint64_t principals = 0;                         // that are remembered, at most kRemembered idle ones
  };
  Use use() const;
  uint64_t refused(Refused why) const { return refused_[static_cast<size_t>(why)].value(); }
  const Histogram& wait_seconds() const { return wait_seconds_; }  // of those that waited and got their turn
  const Limits& limits() const { return limits_; }

 private:
  friend class Pass;
  static constexpr size_t kRemembered = 4096;
  struct List {
    Pass *first = nullptr, *last = nullptr;
    void push(Pass* pass);
    void remove(Pass* pass);
  };
  struct Principal {
    uint64_t held = 0;  // passes
    uint64_t waiting = 0, body_bytes = 0, answer_bytes = 0;
    List queue;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Granted = std::function<void(Result<void>)>;

  static bool fits(uint64_t mine, uint64_t all, uint64_t most) { return all <= most && mine <= kShare * (most - all); }
  Error refuse(Refused why);
  Principal& principal(std::string_view name);
  void end_leases(MonoTime now);
  // Gives free turns to those that wait. What is returned is to be called without the lock.
  std::deque<Granted> grant(MonoTime now);
  void run(Pass* pass, MonoTime now);
  void wait(Pass* pass);
  Result<Turn> let_in(Pass* pass, std::string_view principal, uint64_t body, MonoTime now);
  void drop(Pass* pass);  // it holds nothing afterwards
  void leave(Pass* pass);

  const Limits limits_;
  const Clock& clock_;
  const std::function<Millis(MonoTime)> commit_age_;
  mutable std::mutex m_;
  std::unordered_map<std::string, std::unique_ptr<Principal>, Hash, std::equal_to<>> principals_;
  size_t sweep_at_ = kRemembered;
  List running_list_;             // in the order of their beginning
  std::deque<Principal*> turns_;  // those with waiting passes
  uint64_t running_ = 0, waiting_ = 0, lasting_ = 0, body_bytes_ = 0, answer_bytes_ = 0;
  std::array<Counter, 4> refused_;
  Histogram wait_seconds_{fine_latency_bounds()};
};

// One request's place. Lives in the frame that works on it; used by one thread at a time. Destroyed, it makes room.
class Pass {
 public:
  // Without an admission everything is let in.
  explicit Pass(Admission* admission) : admission_(admission) {}
  ~Pass() {
    if (who_) admission_->leave(this);
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  enum class Kind : uint8_t { kRead, kWrite };
  // Once. `body`: bytes that the client announced. Errors: kBusy.
  Result<Turn> ask(std::string_view principal, Kind kind, uint64_t body);
  // After kWaits: `granted` is called once, from any thread, when it is this one's turn, maybe at once. An earlier one
  // is forgotten.
  void when_granted(Admission::Granted granted);
  // After kWaits: whether it is its turn now. Ends leases, so whoever waits should look each lease. Errors: kBusy when
  // it has waited too long.
  Result<Turn> look();
  // An answer's body begins that has so many bytes. Errors: kBusy when answers hold too much memory; say so instead.
  Result<void> carry(uint64_t bytes);

 private:
  friend class Admission;
  enum class State : uint8_t { kNone, kWaiting, kRunning, kLasting };
  Admission* admission_;
  Admission::Principal* who_ =
      nullptr;  // while it holds anything; of the thread that uses it, the rest is under the lock
  Pass *before_ = nullptr, *after_ = nullptr;
  MonoTime since_{};  // of its asking, then of its turn
  uint64_t body_ = 0, answer_ = 0;
  State state_ = State::kNone;
  Admission::Granted granted_;
};

}  // namespace dl::gate

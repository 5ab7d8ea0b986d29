#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "base/task_fwd.h"

// Event loops and the pool for blocking work.
namespace dl::net {

// Owns `loops` event-loop threads and `pool` threads for blocking calls. start() to stop(); stop() cancels and joins.
// Everything spawned must end when its scope is cancelled.
class Runtime {
 public:
  // `pool_queue`: blocking calls that wait for a thread; kBusy beyond.
  Runtime(unsigned loops, unsigned pool, size_t pool_queue = 4096);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  void start();
  void stop();

  // Runs a coroutine on one of the loops; `done` gets its result, on that loop. For services (accept loops, sync
  // sessions): the service keeps count of what it spawned and waits for it in its stop().
  void spawn(std::function<Task<void>()> body, std::function<void(Result<void>)> done);
  // Blocks the calling (foreign) thread until the coroutine ends. For CLI, tests and start-up.
  Result<void> run(std::function<Task<void>()> body);
  unsigned loops() const;
  size_t pool_queued() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Inside a coroutine of this runtime: runs `work` on the pool and resumes on the coroutine's own loop. The pool's queue
// is bounded: kBusy when full.
Task<void> run_blocking(Runtime& runtime, std::function<Result<void>()> work);
// Inside a coroutine: starts another one on the same loop, so that the two never run at the same time. It is cancelled
// with its runtime only; the caller keeps count of it.
Task<void> spawn_here(Runtime& runtime, std::function<Task<void>()> body, std::function<void(Result<void>)> done);
// Waits; kCancelled when the coroutine is cancelled.
Task<void> sleep_for(Millis duration);
// Bridges callbacks: `start` is called with a completion that may be called from any thread, once; the coroutine
// resumes on its own loop. kTimeout after the deadline (the completion may still come: it is then ignored).
Task<void> await_callback(std::function<void(std::function<void(Result<void>)>)> start, Millis deadline);

// Wakes one coroutine. set() from any thread, also before the wait and several times before one; the coroutine waits on
// one loop only. Shared by those who set it.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  void set();
  // True after a set() since the last wait, false when the deadline passed. kCancelled when the coroutine is cancelled.
  Task<bool> wait(Millis deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dl::net

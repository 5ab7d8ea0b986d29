#pragma once

// Internal to the room: what stands behind Runtime. Includes Asio; never included by a public header.

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/task.h"
#include "base/thread.h"
#include "net/runtime.h"

namespace dl::net {

namespace asio = boost::asio;

struct Loop {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  Thread thread;
};

// One spawned coroutine. Lives until it ended; touched on its loop's thread only, except by cancel().
class SpawnScope : public std::enable_shared_from_this<SpawnScope> {
 public:
  SpawnScope(Loop& loop, std::function<Task<void>()> body, std::function<void(Result<void>)> done)
      : loop_(loop), body_(std::move(body)), done_(std::move(done)) {}
  // Asks the coroutine to end: its present and every later wait returns kCancelled. Any thread.
  void cancel();

 private:
  friend struct Runtime::Impl;
  void launch(std::function<void()> ended);
  static Task<void> run(std::shared_ptr<SpawnScope> scope);  // keeps it until the end
  Loop& loop_;
  std::function<Task<void>()> body_;
  std::function<void(Result<void>)> done_;
  asio::cancellation_signal signal_;
};

struct Runtime::Impl {
  Impl(unsigned loop_count, unsigned pool_threads, size_t pool_queue);
  ~Impl();
  void start();
  void stop();
  // nullptr when the runtime has stopped: done was then called with kCancelled.
  std::shared_ptr<SpawnScope> spawn_on(size_t loop, std::function<Task<void>()> body,
                                       std::function<void(Result<void>)> done);
  size_t next_loop() { return next_.fetch_add(1, std::memory_order_relaxed) % loops_.size(); }
  Loop& loop(size_t i) { return *loops_[i]; }
  // Whether the calling thread is one of the loops.
  bool on_a_loop() const;

  std::vector<std::unique_ptr<Loop>> loops_;
  ThreadPool pool_;
  std::atomic<size_t> next_ = 0;
  std::mutex m_;
  std::condition_variable ended_;
  bool started_ = false, stopping_ = false, joined_ = false;
  std::list<std::shared_ptr<SpawnScope>> scopes_;
};

// Inside a coroutine: whether its scope was cancelled. Waits of this room ask before they begin.
inline asio::awaitable<bool> cancelled() {
  co_return (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
}

inline Error cancelled_error() { return error(Code::kCancelled, "the operation was cancelled", "Try again."); }

}  // namespace dl::net

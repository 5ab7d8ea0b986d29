#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace dl {

// A named thread that is joined by its owner; the only way to start one (a check bans std::thread elsewhere).
class Thread {
 public:
  Thread() = default;
  Thread(std::string name, std::function<void()> body);
  ~Thread();  // joins
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread&& other) noexcept;
  void join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

// Cores that this process may run on, as the machine says; at least 1.
unsigned core_count();

// Wakes a sleeping service early. Thread-safe.
class StopSignal {
 public:
  void stop();
  bool stopped() const;
  // Waits up to `for_`, or until stop() or poke(). Returns false once stopped.
  bool wait_for(Millis for_);
  void poke();

 private:
  mutable std::mutex m_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool poked_ = false;
};

// A fixed number of threads over a bounded queue. stop() runs what is queued, then joins.
class ThreadPool {
 public:
  ThreadPool(std::string name, size_t threads, size_t queue_limit);
  ~ThreadPool();
  // kBusy when the queue is full, kCancelled after stop().
  Result<void> submit(std::move_only_function<void()> job);
  void stop();
  size_t queued() const;

 private:
  void run();
  mutable std::mutex m_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  size_t limit_;
  bool stopping_ = false;
  std::vector<Thread> threads_;
};

}  // namespace dl

#include "base/thread.h"

#include <pthread.h>

#include <algorithm>

namespace dl {

Thread::Thread(std::string name, std::function<void()> body)
    : thread_([name = std::move(name), body = std::move(body)] {
        pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        body();
      }) {}

Thread::~Thread() { join(); }

Thread& Thread::operator=(Thread&& other) noexcept {
  join();
  thread_ = std::move(other.thread_);
  return *this;
}

void Thread::join() {
  if (thread_.joinable()) thread_.join();
}

unsigned core_count() { return std::max(1u, std::thread::hardware_concurrency()); }

void StopSignal::stop() {
  std::lock_guard lock(m_);
  stopped_ = true;
  changed_.notify_all();
}

bool StopSignal::stopped() const {
  std::lock_guard lock(m_);
  return stopped_;
}

bool StopSignal::wait_for(Millis for_) {
  std::unique_lock lock(m_);
  changed_.wait_for(lock, for_, [&] { return stopped_ || poked_; });
  poked_ = false;
  return !stopped_;
}

void StopSignal::poke() {
  std::lock_guard lock(m_);
  poked_ = true;
  changed_.notify_all();
}

ThreadPool::ThreadPool(std::string name, size_t threads, size_t queue_limit) : limit_(queue_limit) {
  for (size_t i = 0; i < threads; i++) threads_.emplace_back(name + "-" + std::to_string(i), [this] { run(); });
}

ThreadPool::~ThreadPool() { stop(); }

Result<void> ThreadPool::submit(std::move_only_function<void()> job) {
  std::lock_guard lock(m_);
  if (stopping_) return error(Code::kCancelled, "the pool has stopped");
  if (queue_.size() >= limit_) return error(Code::kBusy, "the queue for blocking work is full", "Try again shortly.");
  queue_.push_back(std::move(job));
  wake_.notify_one();
  return {};
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(m_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (auto& t : threads_) t.join();
}

size_t ThreadPool::queued() const {
  std::lock_guard lock(m_);
  return queue_.size();
}

void ThreadPool::run() {
  std::unique_lock lock(m_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace dl

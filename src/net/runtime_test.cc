#include <atomic>
#include <stdexcept>

#include "net/runtime.h"

#include <doctest/doctest.h>
#include <sched.h>

#include "base/task.h"
#include "base/thread.h"

using namespace dl;
using namespace dl::net;

namespace {

struct Started {
  explicit Started(unsigned loops = 2, unsigned pool = 2) : runtime(loops, pool) { runtime.start(); }
  ~Started() { runtime.stop(); }
  Runtime runtime;
};

Task<void> wait_for(std::function<void(std::function<void(Result<void>)>)> start, Millis deadline) {
  co_return co_await await_callback(std::move(start), deadline);
}

Task<void> count_on_pool(Runtime& runtime, std::atomic<int>& count) {
  DL_CO_OK(co_await run_blocking(runtime, [&count]() -> Result<void> {
    count++;
    return {};
  }));
  co_return Result<void>();
}

Task<void> throwing() {
  throw std::runtime_error("oops");
  co_return Result<void>();
}

}  // namespace

TEST_CASE("run returns what the coroutine returned, errors and exceptions included") {
  Started s;
  CHECK(s.runtime.run([] { return sleep_for(Millis(1)); }).ok());
  CHECK(s.runtime.run([] { return throwing(); }).error().code == Code::kInternal);
}

TEST_CASE("blocking work runs elsewhere, and its error comes back") {
  Started s;
  std::atomic<int> count = 0;
  for (int i = 0; i < 100; i++) CHECK(s.runtime.run([&] { return count_on_pool(s.runtime, count); }).ok());
  CHECK(count == 100);
  auto r = s.runtime.run([&] { return run_blocking(s.runtime, [] { return Result<void>(error(Code::kIo, "x")); }); });
  CHECK(r.error().message == "x");
}

TEST_CASE("a callback resumes the coroutine from any thread, at once, once") {
  Started s;
  Thread other;
  auto from_other = [&](std::function<void(Result<void>)> done) {
    other = Thread("other", [done] {
      done(error(Code::kBusy, "later"));
      done({});
    });
  };
  CHECK(s.runtime.run([&] { return wait_for(from_other, Millis(10'000)); }).error().code == Code::kBusy);
  auto at_once = [](std::function<void(Result<void>)> done) { done({}); };
  CHECK(s.runtime.run([&] { return wait_for(at_once, Millis(10'000)); }).ok());
}

TEST_CASE("a callback that comes late, or after the runtime is gone, does nothing") {
  std::function<void(Result<void>)> late;
  {
    Started s;
    auto keep = [&](std::function<void(Result<void>)> done) { late = std::move(done); };
    CHECK(s.runtime.run([&] { return wait_for(keep, Millis(10)); }).error().code == Code::kTimeout);
    late({});
    CHECK(s.runtime.run([] { return sleep_for(Millis(1)); }).ok());
  }
  late({});
}

TEST_CASE("stop cancels what waits, and nothing is started afterwards") {
  Runtime runtime(2, 1);
  runtime.start();
  std::mutex m;
  std::vector<Code> ends;
  auto note = [&](Result<void> r) {
    std::lock_guard lock(m);
    ends.push_back(r.ok() ? Code::kInternal : r.error().code);
  };
  for (int i = 0; i < 10; i++) runtime.spawn([] { return sleep_for(std::chrono::hours(1)); }, note);
  for (int i = 0; i < 10; i++) runtime.spawn([] { return wait_for([](auto) {}, std::chrono::hours(1)); }, note);
  runtime.stop();
  CHECK(ends == std::vector<Code>(20, Code::kCancelled));
  runtime.spawn([] { return sleep_for(Millis(0)); }, note);
  CHECK(ends.back() == Code::kCancelled);
  CHECK(ends.size() == 21);
}

TEST_CASE("a full pool says busy instead of growing") {
  Started s(1, 1);
  std::mutex gate;
  std::atomic<int> busy = 0, done = 0;
  constexpr int kJobs = 5'000;
  std::unique_lock held(gate);
  for (int i = 0; i < kJobs; i++)
    s.runtime.spawn(
        [&] {
          return run_blocking(s.runtime, [&]() -> Result<void> {
            std::lock_guard lock(gate);
            return {};
          });
        },
        [&](Result<void> r) {
          if (!r.ok() && r.error().code == Code::kBusy) busy++;
          done++;
          done.notify_all();
        });
  // The one pool thread is held, so everything over the queue's bound ends first.
  while (busy == 0) ::sched_yield();
  held.unlock();
  for (int n = done; n < kJobs; n = done) done.wait(n);
  CHECK(busy > 0);
  CHECK(busy < kJobs - 4'000);
}

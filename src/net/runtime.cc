#include "net/runtime.h"

#include <exception>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "net/loop.h"

namespace dl::net {
namespace {

// What stop() grants to coroutines between cancelling them and giving up on them.
constexpr std::chrono::seconds kStopGrace{10};

Result<void> spawn_result(std::exception_ptr failure, Result<void> result) {
  if (!failure) return result;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return cancelled_error();
    return error(Code::kInternal, std::string("a coroutine failed: ") + e.what(), "Please report this as a bug.");
  } catch (const std::exception& e) {
    return error(Code::kInternal, std::string("a coroutine failed: ") + e.what(), "Please report this as a bug.");
  }
}

// Tells whether an io_context is still there, so that a late completion from a foreign thread may knock.
class LoopDoor : public asio::execution_context::service {
 public:
  using key_type = LoopDoor;
  struct State {
    std::mutex m;
    asio::io_context* io;
  };
  static inline asio::execution_context::id id;
  explicit LoopDoor(asio::execution_context& context) : asio::execution_context::service(context) {
    state_ = std::make_shared<State>();
    state_->io = static_cast<asio::io_context*>(&context);
  }
  std::shared_ptr<State> state() const { return state_; }

 private:
  void shutdown() override {
    std::lock_guard lock(state_->m);
    state_->io = nullptr;
  }
  std::shared_ptr<State> state_;
};

// One await_callback: made and read on its loop; the completion knocks through the door.
struct CallbackWait {
  explicit CallbackWait(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::optional<Result<void>> result;
};

struct CallbackCompletion {
  std::shared_ptr<LoopDoor::State> door;
  std::weak_ptr<CallbackWait> wait;
  void operator()(Result<void> r) const {
    std::lock_guard lock(door->m);
    if (!door->io) return;
    asio::post(*door->io, [weak = wait, r = std::move(r)]() mutable {
      auto w = weak.lock();
      if (!w || w->result) return;
      w->result = std::move(r);
      w->timer.cancel();
    });
  }
};

}  // namespace

void SpawnScope::cancel() {
  asio::post(loop_.io, [self = shared_from_this()] { self->signal_.emit(asio::cancellation_type::terminal); });
}

// Waits return kCancelled instead of throwing, so that the callers' clean-up runs as ordinary code.
Task<void> SpawnScope::run(std::shared_ptr<SpawnScope> scope) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await scope->body_();
}

void SpawnScope::launch(std::function<void()> ended) {
  asio::co_spawn(loop_.io, run(shared_from_this()),
                 asio::bind_cancellation_slot(signal_.slot(), [self = shared_from_this(), ended = std::move(ended)](
                                                                  std::exception_ptr failure, Result<void> result) {
                   auto done = std::move(self->done_);
                   self->body_ = nullptr;
                   done(spawn_result(failure, std::move(result)));
                   ended();
                 }));
}

Runtime::Impl::Impl(unsigned loop_count, unsigned pool_threads, size_t pool_queue)
    : pool_("pool", pool_threads, pool_queue) {
  DL_REQUIRE(loop_count > 0 && pool_threads > 0, "a runtime has at least one loop and one pool thread");
  for (unsigned i = 0; i < loop_count; i++) loops_.push_back(std::make_unique<Loop>());
}

Runtime::Impl::~Impl() { stop(); }

void Runtime::Impl::start() {
  std::lock_guard lock(m_);
  if (started_) return;
  started_ = true;
  for (size_t i = 0; i < loops_.size(); i++) {
    asio::io_context& io = loops_[i]->io;
    asio::use_service<LoopDoor>(io);
    loops_[i]->thread = Thread("loop-" + std::to_string(i), [&io] { io.run(); });
  }
}

bool Runtime::Impl::on_a_loop() const {
  for (const auto& l : loops_)
    if (l->io.get_executor().running_in_this_thread()) return true;
  return false;
}

std::shared_ptr<SpawnScope> Runtime::Impl::spawn_on(size_t index, std::function<Task<void>()> body,
                                                    std::function<void(Result<void>)> done) {
  auto scope = std::make_shared<SpawnScope>(*loops_[index], std::move(body), std::move(done));
  std::unique_lock lock(m_);
  if (stopping_) {
    lock.unlock();
    scope->done_(cancelled_error());
    return nullptr;
  }
  auto at = scopes_.insert(scopes_.end(), scope);
  asio::post(scope->loop_.io, [this, scope, at] {
    scope->launch([this, at] {
      std::lock_guard guard(m_);
      scopes_.erase(at);
      ended_.notify_all();
    });
  });
  return scope;
}

void Runtime::Impl::stop() {
  DL_REQUIRE(!on_a_loop(), "a runtime is stopped from a thread that is none of its loops");
  std::unique_lock lock(m_);
  if (joined_) return;
  stopping_ = true;
  if (started_) {
    for (const auto& scope : scopes_) scope->cancel();
    if (!ended_.wait_for(lock, kStopGrace, [&] { return scopes_.empty(); }))
      log_error("net", "{} coroutines did not end {} s after they were cancelled", scopes_.size(), kStopGrace.count());
  }
  joined_ = true;
  bool stuck = !scopes_.empty();
  lock.unlock();
  pool_.stop();
  for (auto& l : loops_) {
    l->guard.reset();
    if (stuck) l->io.stop();
    l->thread.join();
  }
}

Runtime::Runtime(unsigned loops, unsigned pool, size_t pool_queue)
    : impl_(std::make_unique<Impl>(loops, pool, pool_queue)) {}
Runtime::~Runtime() = default;
void Runtime::start() { impl_->start(); }
void Runtime::stop() { impl_->stop(); }
size_t Runtime::pool_queued() const { return impl_->pool_.queued(); }
unsigned Runtime::loops() const { return static_cast<unsigned>(impl_->loops_.size()); }

void Runtime::spawn(std::function<Task<void>()> body, std::function<void(Result<void>)> done) {
  impl_->spawn_on(impl_->next_loop(), std::move(body), std::move(done));
}

Result<void> Runtime::run(std::function<Task<void>()> body) {
  DL_REQUIRE(!impl_->on_a_loop(), "run() blocks: never call it on a loop");
  struct Outcome {
    std::mutex m;
    std::condition_variable cv;
    std::optional<Result<void>> result;
  };
  auto outcome = std::make_shared<Outcome>();
  spawn(std::move(body), [outcome](Result<void> r) {
    std::lock_guard lock(outcome->m);
    outcome->result = std::move(r);
    outcome->cv.notify_all();
  });
  std::unique_lock lock(outcome->m);
  outcome->cv.wait(lock, [&] { return outcome->result.has_value(); });
  return std::move(*outcome->result);
}

namespace {

Task<void> run_on(ThreadPool* pool, std::function<Result<void>()> work) {
  if (co_await cancelled()) co_return cancelled_error();
  auto executor = co_await asio::this_coro::executor;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
      [](auto handler, ThreadPool* to, std::function<Result<void>()> job, asio::any_io_executor home) {
        // The guard keeps the loop alive; the handler is shared because a full pool refuses the job.
        auto guard = asio::make_work_guard(home);
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        auto submitted = to->submit([resume, guard, job = std::move(job)]() mutable {
          Result<void> r = job();
          job = nullptr;
          asio::post(guard.get_executor(), [resume = std::move(resume), r = std::move(r)]() mutable {
            auto h = std::move(*resume);
            h(std::move(r));
          });
        });
        if (submitted.ok()) return;
        asio::post(home, [resume, r = std::move(submitted)]() mutable {
          auto h = std::move(*resume);
          h(std::move(r));
        });
      },
      asio::use_awaitable, pool, std::move(work), executor);
}

Task<void> spawn_on_this_loop(Runtime::Impl* impl, std::function<Task<void>()> body,
                              std::function<void(Result<void>)> done) {
  if (co_await cancelled()) co_return cancelled_error();
  for (size_t i = 0; i < impl->loops_.size(); i++)
    if (impl->loop(i).io.get_executor().running_in_this_thread()) {
      impl->spawn_on(i, std::move(body), std::move(done));
      co_return Result<void>();
    }
  co_return error(Code::kInternal, "spawn_here() was called outside the runtime's loops");
}

}  // namespace

Task<void> run_blocking(Runtime& runtime, std::function<Result<void>()> work) {
  return run_on(&runtime.impl().pool_, std::move(work));
}

Task<void> spawn_here(Runtime& runtime, std::function<Task<void>()> body, std::function<void(Result<void>)> done) {
  return spawn_on_this_loop(&runtime.impl(), std::move(body), std::move(done));
}

Task<void> sleep_for(Millis duration) {
  if (co_await cancelled()) co_return cancelled_error();
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  auto [ec] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (ec) co_return cancelled_error();
  co_return Result<void>();
}

Task<void> await_callback(std::function<void(std::function<void(Result<void>)>)> start, Millis deadline) {
  if (co_await cancelled()) co_return cancelled_error();
  auto executor = co_await asio::this_coro::executor;
  auto wait = std::make_shared<CallbackWait>(executor);
  wait->timer.expires_after(deadline);
  auto& context = asio::query(executor, asio::execution::context);
  start(CallbackCompletion{asio::use_service<LoopDoor>(static_cast<asio::io_context&>(context)).state(), wait});
  // A completion comes by post, so it cannot come between the call above and the wait below.
  auto [ec] = co_await wait->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (wait->result) co_return std::move(*wait->result);
  if (ec) co_return cancelled_error();
  co_return error(Code::kTimeout, "an expected event did not come in time", "Try again.");
}

struct Wakeup::State {
  std::mutex m;
  bool set = false;
  std::function<void(Result<void>)> waiter;
};

Wakeup::Wakeup() : state_(std::make_shared<State>()) {}
Wakeup::~Wakeup() = default;

void Wakeup::set() {
  std::function<void(Result<void>)> waiter;
  {
    std::lock_guard lock(state_->m);
    state_->set = true;
    waiter.swap(state_->waiter);
  }
  if (waiter) waiter({});
}

Task<bool> Wakeup::wait(Millis deadline) {
  auto state = state_;
  auto woken = co_await await_callback(
      [state](std::function<void(Result<void>)> done) {
        std::unique_lock lock(state->m);
        if (!state->set) {
          state->waiter = std::move(done);
          return;
        }
        lock.unlock();
        done({});
      },
      deadline);
  std::lock_guard lock(state->m);
  state->waiter = nullptr;
  if (!woken.ok() && woken.error().code != Code::kTimeout) co_return std::move(woken).error();
  co_return std::exchange(state->set, false);
}

}  // namespace dl::net

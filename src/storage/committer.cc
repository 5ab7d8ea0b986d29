#include "storage/committer.h"

#include <algorithm>
#include <vector>

#include "base/assert.h"

namespace dl::storage {
namespace {

// Never below zero: a step may have come after its group began.
double seconds(MonoTime::duration d) { return std::max(0.0, std::chrono::duration<double>(d).count()); }

}  // namespace

Committer::Committer(std::string name, Engine& engine, Mode mode, CommitterLimits limits)
    : engine_(engine), mode_(mode), limits_(limits) {
  if (mode_ == Mode::kThread) thread_ = Thread(std::move(name), [this] { run(); });
}

Committer::~Committer() { stop(); }

void Committer::commit(Step step, Done done, Purpose purpose) {
  std::unique_lock lock(m_);
  if (stopping_) {
    lock.unlock();
    return done(error(Code::kCancelled, "the partition is stopping; nothing was written"));
  }
  if (queue_.size() >= limits_.queued_steps) {
    lock.unlock();
    return done(error(Code::kBusy, "the partition has too many writes waiting; nothing was written", "Try again."));
  }
  queue_.push_back({std::move(step), std::move(done), purpose, system_clock().mono()});
  meter_.waiting.store(queue_.size(), std::memory_order_relaxed);
  if (mode_ == Mode::kThread) wake_.notify_one();
  if (mode_ != Mode::kInline || running_) return;
  running_ = true;
  while (!queue_.empty()) {
    lock.unlock();
    run_group();
    lock.lock();
  }
  running_ = false;
  idle_.notify_all();
}

bool Committer::run_one_group() {
  DL_REQUIRE(mode_ != Mode::kThread, "this committer has a thread of its own");
  return run_group();
}

void Committer::stop() {
  std::unique_lock lock(m_);
  stopping_ = true;
  wake_.notify_all();
  if (mode_ == Mode::kInline) idle_.wait(lock, [&] { return !running_; });
  lock.unlock();
  if (mode_ == Mode::kThread) return thread_.join();
  while (run_group()) {
  }
}

void Committer::run() {
  auto looked = system_clock().mono();
  for (;;) {
    std::unique_lock lock(m_);
    bool woken = wake_.wait_for(lock, limits_.tick, [&] { return stopping_ || !queue_.empty(); });
    if (woken && queue_.empty()) return;
    lock.unlock();
    if (woken)
      run_group();
    else
      engine_.tick();
    auto now = system_clock().mono();
    if (woken && now - looked < limits_.tick) continue;
    looked = now;
    if (woken) engine_.busy_tick();
  }
}

std::optional<Committer::Waiting> Committer::take() {
  std::lock_guard lock(m_);
  if (queue_.empty()) return std::nullopt;
  Waiting first = std::move(queue_.front());
  queue_.pop_front();
  meter_.waiting.store(queue_.size(), std::memory_order_relaxed);
  return first;
}

Result<void> Committer::run_step(Waiting& waiting, Group& group) {
  steps_++;
  auto& admitted = group.admitted[waiting.purpose == Purpose::kWrite];
  if (!admitted) admitted = engine_.admit(waiting.purpose);
  DL_OK(Result<void>(*admitted));
  auto& rows = group.rows;
  if (!rows) rows.emplace(engine_.newest());
  OverlayBatch own(static_cast<const View&>(*rows));
  DL_OK(waiting.step(own));
  if (own.overlay().bytes() > limits_.step_bytes)
    return error(Code::kTooLarge, "one step would write " + std::to_string(own.overlay().bytes()) +
                                      " bytes, the limit is " + std::to_string(limits_.step_bytes));
  rows->absorb(own.take());
  return {};
}

bool Committer::run_group() {
  std::vector<Ran> ran;
  Group group;
  auto& rows = group.rows;
  const MonoTime begun = system_clock().mono();
  while (ran.size() < limits_.group_steps && (!rows || rows->overlay().bytes() < limits_.group_bytes)) {
    auto next = take();
    if (!next) break;
    if (ran.empty()) meter_.oldest.store(next->since.time_since_epoch().count(), std::memory_order_relaxed);
    meter_.wait_seconds.observe(seconds(std::max(begun, next->since) - next->since));  // it may have come just now
    auto result = run_step(*next, group);
    ran.push_back({std::move(next->done), std::move(result)});
  }
  if (ran.empty()) return false;
  Result<void> written;
  if (rows && !rows->overlay().empty()) {
    const MonoTime ready = system_clock().mono();
    written = engine_.apply(rows->overlay());
    const MonoTime durable = system_clock().mono();
    groups_++;
    meter_.group_steps.observe(static_cast<double>(ran.size()));
    meter_.sync_seconds.observe(seconds(durable - ready));
    meter_.group_seconds.observe(seconds(durable - begun));
  }
  meter_.oldest.store(0, std::memory_order_relaxed);
  for (auto& one : ran) one.done(one.result.ok() ? written : std::move(one.result));
  return true;
}

}  // namespace dl::storage

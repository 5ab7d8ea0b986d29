#pragma once

// Inside the room only: the coroutines that every operation runs in. Included in sources, after base/task.h.
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "objects/engine.h"
#include "storage/no_wait.h"

namespace dl::objects {

// Runs `work` on the pool.
template <class T>
Task<T> on_pool(const Deps* deps, std::function<Result<T>()> work) {
  auto out = std::make_shared<std::optional<Result<T>>>();
  auto job = std::make_shared<std::function<Result<T>()>>(std::move(work));
  DL_CO_OK(co_await net::run_blocking(*deps->runtime, [out, job]() -> Result<void> {
    out->emplace((*job)());
    return {};
  }));
  co_return std::move(**out);
}

// Runs `work`, which reads and does not take long, at once, and on the pool only if it would wait for the disk.
template <class T>
Task<T> at_once(const Deps* deps, std::function<Result<T>()> work) {
  {
    storage::NoWait no_wait;
    Result<T> out = work();
    if (!no_wait.refused()) co_return out;
  }
  co_return co_await on_pool<T>(deps, std::move(work));
}

// A write under permits of one bucket: one step that compares the control revision, does `work`, and appends the audit
// records. When control state moved, everything is decided again. `work` runs on the committer thread and may run
// twice.
template <class T>
struct Write {
  std::vector<gate::Permit> permits;
  storage::Purpose purpose = storage::Purpose::kWrite;
  std::function<Result<T>(storage::Batch&, const Place&, const gate::Permit&)> work;
  // Whether a permit's change is in the step, for work that goes on without what it had to refuse. Empty: all are.
  std::function<bool(const T&, size_t permit)> is_done;
};

template <class T>
Task<T> run_write(const Deps* deps, Write<T> write) {
  struct State {
    Write<T> write;
    Place place;
    std::optional<T> out;
  };
  for (int round = 0;; ++round) {
    // Shared with the step, which may still run after our deadline.
    auto state = std::make_shared<State>();
    state->write = std::move(write);
    DL_CO_TRY(state->place, find_place(*deps, state->write.permits.front()));
    storage::Step step = [deps, state](storage::Batch& batch) -> Result<void> {
      DL_OK(check_revision(*deps, state->write.permits));
      DL_TRY(state->out, state->write.work(batch, state->place, state->write.permits.front()));
      std::function<bool(size_t)> is_done;
      if (state->write.is_done)
        is_done = [&write = state->write, &out = *state->out](size_t i) { return write.is_done(out, i); };
      return append_audit(batch, state->write.permits, is_done);
    };
    Result<void> done = co_await commit(state->place.at.partition, std::move(step), state->write.purpose);
    if (done.ok()) co_return std::move(*state->out);
    if (reason_of(done.error()) != Reason::kStale || round == limits::kMaxRenewals) co_return std::move(done).error();
    DL_CO_TRY(auto permits, renew(*deps, state->write.permits));
    write = std::move(state->write);
    write.permits = std::move(permits);
  }
}

}  // namespace dl::objects

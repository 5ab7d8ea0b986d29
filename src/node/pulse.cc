#include "node/pulse.h"

#include "base/log.h"

namespace dl::node {

void Pulse::start() {
  beat();
  thread_ = Thread("pulse", [this] {
    while (signal_.wait_for(kEvery)) beat();
  });
}

void Pulse::stop() {
  signal_.stop();
  thread_.join();
}

void Pulse::beat() {
  auto look = [this]() -> Result<void> {
    for (const auto& name : store_.partition_names()) {
      DL_OK(store_.health(name));
      DL_OK(
          store_.partition(name).commit_wait([](storage::Batch&) { return Result<void>(); }, storage::Purpose::kFree));
    }
    return {};
  };
  auto found = look();
  std::lock_guard lock(m_);
  if (found.ok() != found_.ok() || !last_) {
    if (!found.ok()) log_warn("node", "not ready: {}", found.error().message);
    if (found.ok() && last_) log_info("node", "ready again");
  }
  found_ = std::move(found);
  last_ = clock_.mono();
}

Result<void> Pulse::ready() const {
  std::lock_guard lock(m_);
  if (!found_.ok()) return found_;
  if (!last_ || clock_.mono() - *last_ > kMaxSilence)
    return error(Code::kUnavailable, "the store has not committed for more than 10 s");
  return {};
}

}  // namespace dl::node

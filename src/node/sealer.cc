#include "node/sealer.h"

#include "base/log.h"

namespace dl::node {
namespace {

constexpr Millis kGather{500}, kIdle = std::chrono::hours(1);

}  // namespace

void Sealer::start() {
  thread_ = Thread("sealer", [this] {
    do {
      if (!dirty_) continue;
      if (!moment_.wait_for(kGather)) return;
      dirty_ = false;
      auto sealed = seal_();
      if (!sealed.ok()) log_warn("node", "sealing what was written here: {}", sealed.error().message);
    } while (wake_.wait_for(kIdle));
  });
}

void Sealer::stop() {
  wake_.stop();
  moment_.stop();
  thread_.join();
}

void Sealer::wrote() {
  if (!dirty_.exchange(true)) wake_.poke();
}

}  // namespace dl::node

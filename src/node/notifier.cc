#include "node/notifier.h"

namespace dl::node {
namespace {

constexpr Millis kPause{20}, kIdle{60'000};

}  // namespace

void Notifier::start() {
  thread_ = Thread("notifier", [this] {
    while (signal_.wait_for(kIdle)) {
      if (!dirty_.exchange(false)) continue;
      changed_();
      StopSignal pause;
      pause.wait_for(kPause);
    }
  });
}

void Notifier::stop() {
  signal_.stop();
  thread_.join();
}

void Notifier::wrote() {
  if (!dirty_.exchange(true)) signal_.poke();
}

}  // namespace dl::node

#pragma once

#include <atomic>
#include <functional>

#include "base/result.h"
#include "base/thread.h"

namespace dl::node {

// Has what a device wrote sealed within a second, also without a link: the first write wakes it, it waits a moment for
// more, then `seal` runs over all spaces. One thread; idle without writes. A round that fails is logged and tried again
// with the next write: what is given to the hub is sealed before it leaves in any case.
class Sealer {
 public:
  explicit Sealer(std::function<Result<void>()> seal) : seal_(std::move(seal)) {}
  ~Sealer() { stop(); }
  void start();
  void stop();
  void wrote();  // any thread, cheap

 private:
  std::function<Result<void>()> seal_;
  std::atomic<bool> dirty_{true};  // a start finds what the last run left
  StopSignal wake_, moment_;
  Thread thread_;
};

}  // namespace dl::node

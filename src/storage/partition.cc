#include "storage/partition.h"

#include <condition_variable>
#include <mutex>
#include <optional>

namespace dl::storage {

Result<void> Partition::commit_wait(Step step, Purpose purpose) {
  struct Wait {
    std::mutex m;
    std::condition_variable changed;
    std::optional<Result<void>> result;
  };
  Wait wait;
  commit(
      std::move(step),
      [&wait](Result<void> result) {
        std::lock_guard lock(
            wait.m);  // notified under the lock: the waiter destroys `wait` as soon as it sees the result
        wait.result = std::move(result);
        wait.changed.notify_one();
      },
      purpose);
  std::unique_lock lock(wait.m);
  wait.changed.wait(lock, [&] { return wait.result.has_value(); });
  return *std::move(wait.result);
}

}  // namespace dl::storage

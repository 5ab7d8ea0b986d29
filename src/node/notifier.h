#pragma once

#include <atomic>
#include <functional>

#include "base/thread.h"
#include "storage/partition.h"

namespace dl::node {

// Tells once in a while that something was written: many commits make one call, at most every 20 ms. One thread.
class Notifier {
 public:
  explicit Notifier(std::function<void()> changed) : changed_(std::move(changed)) {}
  ~Notifier() { stop(); }
  void start();
  void stop();
  void wrote();  // any thread, cheap

 private:
  std::function<void()> changed_;
  std::atomic<bool> dirty_{false};
  StopSignal signal_;
  Thread thread_;
};

// The partition as objects sees it: every durable write is told. Everything else passes through.
class NotifyingPartition : public storage::Partition {
 public:
  NotifyingPartition(storage::Partition& inner, Notifier& notifier) : inner_(inner), notifier_(notifier) {}
  Result<std::optional<Bytes>> get(BytesView key) const override { return inner_.get(key); }
  Result<std::unique_ptr<storage::View>> snapshot() const override { return inner_.snapshot(); }
  Result<std::unique_ptr<storage::View>> newest_view() const override { return inner_.newest_view(); }
  std::optional<uint64_t> stamp(BytesView row_key) const override { return inner_.stamp(row_key); }
  void commit(storage::Step step, storage::Done done, storage::Purpose purpose) override {
    inner_.commit(
        std::move(step),
        [done = std::move(done), notifier = &notifier_](Result<void> result) mutable {
          if (result.ok()) notifier->wrote();
          done(std::move(result));
        },
        purpose);
  }
  void stop() override { inner_.stop(); }

 private:
  storage::Partition& inner_;
  Notifier& notifier_;
};

}  // namespace dl::node

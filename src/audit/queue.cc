#include "audit/queue.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "audit/log.h"
#include "base/log.h"

namespace dl::audit {
namespace {
constexpr Millis kIdle{3'600'000};  // until poked
}

Queue::Queue(storage::Partition& partition, size_t limit, size_t limit_bytes)
    : partition_(partition), limit_(limit), limit_bytes_(limit_bytes) {}

Queue::~Queue() { stop(); }

Result<void> Queue::submit(Bytes record) {
  if (record.size() > format::kMaxAuditBytes) return error(Code::kTooLarge, "the audit record is over 16 KiB");
  std::lock_guard lock(m_);
  if (stopping_) return error(Code::kCancelled, "the audit log is closed: the node is stopping");
  if (records_.size() >= limit_ || bytes_ + record.size() > limit_bytes_)
    return error(Code::kBusy, "the audit queue is full: decisions are made faster than they can be recorded",
                 "try again in a second");
  bytes_ += record.size();
  records_.push_back(std::move(record));
  // The first wakes the writer, who then waits for company; half a queue does not wait.
  if (records_.size() == 1 || records_.size() == limit_ / 2) signal_.poke();
  return {};
}

void Queue::start() {
  thread_ = Thread("audit", [this] { run(); });
}

void Queue::stop() {
  {
    std::lock_guard lock(m_);
    if (stopping_) return;
    stopping_ = true;
  }
  signal_.stop();
  thread_.join();
  auto last = flush();
  if (!last.ok()) log_warn("audit", "{} records of reads and refusals are lost: {}", queued(), last.error().message);
}

void Queue::run() {
  bool failing = false;
  while (signal_.wait_for(queued() > 0 ? limits::kWait : kIdle)) {
    if (queued() == 0) continue;
    if (!failing && !signal_.wait_for(limits::kWait)) break;
    auto done = flush();
    if (!done.ok() && !failing)
      log_warn("audit", "records of reads and refusals cannot be written and wait: {}", done.error().message);
    failing = !done.ok();
  }
}

size_t Queue::queued_bytes() const {
  std::lock_guard lock(m_);
  return bytes_;
}

size_t Queue::queued() const {
  std::lock_guard lock(m_);
  return records_.size();
}

Result<void> Queue::flush() {
  for (bool more = true; more;) {
    DL_TRY(bool rest, flush_group());
    more = rest;
  }
  return {};
}

Result<bool> Queue::flush_group() {
  std::lock_guard one_at_a_time(writing_);
  auto group = std::make_shared<std::vector<Bytes>>();
  {
    std::lock_guard lock(m_);
    size_t n = std::min(records_.size(), limits::kMaxGroup);
    group->assign(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  if (group->empty()) return false;
  auto step = [group](storage::Batch& batch) -> Result<void> {
    for (const Bytes& record : *group) DL_OK(append(batch, record));
    return {};
  };
  DL_OK(partition_.commit_wait(step, storage::Purpose::kFree));
  std::lock_guard lock(m_);
  for (const Bytes& record : *group) {
    bytes_ -= record.size();
    records_.pop_front();
  }
  return !records_.empty();
}

}  // namespace dl::audit

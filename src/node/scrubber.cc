#include "node/scrubber.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "format/keys.h"

namespace dl::node {
namespace {

constexpr Millis kSettle{60'000};   // after a start, and after a reading that could not be ended
constexpr uint64_t kLeastRate = 1;  // a rate of 0 would never end

Bytes row_key() { return Bytes(1, static_cast<char>(format::RowType::kTable)) + "node/scrub"; }

Result<Scrubber::Finished> decode(BytesView row) {
  if (row.size() != 32) return error(Code::kCorrupt, "the row of the last scrub is damaged");
  return Scrubber::Finished{WallTime(Millis(static_cast<int64_t>(get_be64(row)))), get_be64(row.substr(8)),
                            get_be64(row.substr(16)), get_be64(row.substr(24))};
}

}  // namespace

std::chrono::nanoseconds Pace::wait_for(uint64_t bytes, MonoTime now) {
  const auto takes = std::chrono::nanoseconds(static_cast<int64_t>(
      std::ceil(static_cast<double>(bytes) * 1e9 / static_cast<double>(std::max(rate_, kLeastRate)))));
  const MonoTime begin = std::max(free_, now);
  free_ = begin + std::chrono::duration_cast<MonoTime::duration>(takes);
  return begin - now;
}

Result<void> Scrubber::start() {
  DL_TRY(auto row, config_.partition->get(row_key()));
  if (row) {
    auto last = decode(*row);
    if (last.ok()) last_ = *last;
    if (!last.ok()) log_warn("node", "{}; all is read anew", last.error().message);
  }
  if (!enabled()) return {};
  thread_ = Thread("scrub", [this] {
    Millis wait = std::max(until_due(), std::min(kSettle, config_.interval));
    while (stopping_.wait_for(wait)) {
      auto done = run();
      if (!done.ok() && done.error().code != Code::kCancelled)
        log_warn("node", "the scrub could not be ended: {}", done.error().message);
      wait = done.ok() ? until_due() : kSettle;
    }
  });
  return {};
}

void Scrubber::stop() {
  stopping_.stop();
  thread_.join();
}

Millis Scrubber::until_due() const {
  std::lock_guard lock(m_);
  if (!last_) return Millis(0);
  return std::clamp(last_->when + config_.interval - config_.clock->wall(), Millis(0), config_.interval);
}

Result<void> Scrubber::run() {
  running_ = true;
  Pace pace(config_.bytes_per_second);
  storage::ScrubHooks hooks;
  hooks.found = config_.found;
  hooks.read = [&](uint64_t bytes) -> Result<void> {
    const auto wait = std::chrono::ceil<Millis>(pace.wait_for(bytes, config_.clock->mono()));
    if (wait > Millis(0)) stopping_.wait_for(wait);
    if (stopping_.stopped()) return error(Code::kCancelled, "the node stops");
    bytes_ += bytes;
    return {};
  };
  auto report = config_.store->scrub(hooks);
  running_ = false;
  DL_OK(report);
  return keep({config_.clock->wall(), report->files, report->bodies, report->damaged});
}

Result<void> Scrubber::keep(const Finished& finished) {
  Bytes row;
  put_be64(row, static_cast<uint64_t>(finished.when.time_since_epoch().count()));
  put_be64(row, finished.files);
  put_be64(row, finished.bodies);
  put_be64(row, finished.findings);
  {
    std::lock_guard lock(m_);
    last_ = finished;
  }
  return config_.partition->commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        batch.put(row_key(), row);
        return {};
      },
      storage::Purpose::kFree);
}

std::optional<Scrubber::Finished> Scrubber::last() const {
  std::lock_guard lock(m_);
  return last_;
}

}  // namespace dl::node

#include "storage/local/local_partition.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/thread.h"

namespace dl::storage {
namespace {

constexpr Millis kReaderPoll{5};
constexpr unsigned kMaxWaitTicks = 50;
constexpr uint64_t kWorthMoving = 1ull << 20;  // garbage, when the disk is short of space
// With so much more than is needed, what was asked of the disk is believed for a moment: no disk fills that much in it,
// and asking costs as much as a small write.
constexpr uint64_t kPlentyBytes = 4ull << 30;
constexpr Millis kPlentyFor{100};

}  // namespace

Result<std::unique_ptr<LocalPartition>> LocalPartition::examine(InstancePlan plan, FatalHandler fatal) {
  std::unique_ptr<LocalPartition> out(new LocalPartition(std::move(plan), std::move(fatal)));
  DL_OK(out->opening_->examine());
  return out;
}

Result<void> LocalPartition::open() {
  DL_TRY(instance_, opening_->open());
  opening_.reset();
  newest_ = std::make_unique<InstanceView>(*instance_);
  committer_ = std::make_unique<Committer>("kv-" + plan_.name, static_cast<Engine&>(*this), Committer::Mode::kThread,
                                           plan_.limits.committer);
  return {};
}

LocalPartition::LocalPartition(InstancePlan plan, FatalHandler fatal)
    : plan_(std::move(plan)), fatal_(std::move(fatal)) {
  plan_.sync_failed = [this](const Error& why) { die(why); };
  opening_ = std::make_unique<Opening>(plan_);
}

LocalPartition::~LocalPartition() { stop(); }

std::shared_ptr<Instance> LocalPartition::find_instance() const {
  std::lock_guard lock(m_);
  return instance_;
}

Result<std::shared_ptr<Instance>> LocalPartition::instance() const {
  if (auto open = find_instance()) return open;
  return error(Code::kUnavailable, "partition '" + plan_.name + "' is closed until there is space on the disk",
               "Free some space; it opens again by itself.");
}

Result<std::optional<Bytes>> LocalPartition::get(BytesView key) const {
  DL_TRY(auto open, instance());
  return open->get(key);
}

Result<std::unique_ptr<View>> LocalPartition::snapshot() const {
  DL_TRY(auto open, instance());
  return Instance::snapshot(std::move(open));
}

Result<std::unique_ptr<View>> LocalPartition::newest_view() const {
  DL_TRY(auto open, instance());
  return std::unique_ptr<View>(std::make_unique<InstanceView>(std::move(open)));
}

void LocalPartition::commit(Step step, Done done, Purpose purpose) {
  committer_->commit(std::move(step), std::move(done), purpose);
}

void LocalPartition::stop() {
  if (!committer_) return;
  committer_->stop();
  flush_watermark();
}

void LocalPartition::flush_watermark() {
  auto open = find_instance();
  if (!open) return;
  auto flushed = open->flush_watermark();  // a failed sync has ended the process; without space it stays behind
  if (!flushed.ok()) log_warn("storage", "partition '{}': {}", plan_.name, flushed.error().message);
}

Result<void> LocalPartition::verify_files(const Instance::ReadFn& read, const CheckedFileFn& fn) const {
  std::vector<Instance::StoredFile> files;
  {
    DL_TRY(auto open, instance());
    files = open->list_files();
  }
  for (const auto& file : files) {
    DL_TRY(auto open, instance());
    auto found = open->verify_file(file, read);
    if (!found.ok() && found.error().code == Code::kNotFound) continue;  // compacted away meanwhile
    if (!found.ok() && found.error().code != Code::kCorrupt) return found;
    fn(file.name, found);
  }
  return {};
}

std::optional<Error> LocalPartition::damage() const {
  auto open = find_instance();
  return open ? open->damage() : std::nullopt;
}

uint64_t LocalPartition::unwritten_bytes() const {
  auto open = find_instance();
  return open ? open->unwritten_bytes() : 0;
}

uint64_t LocalPartition::compaction_debt() const {
  auto open = find_instance();
  return open ? open->compaction_debt() : 0;
}

Result<bool> LocalPartition::reclaim_space() {
  DL_TRY(auto space, plan_.fs.disk_space(plan_.dir));
  DL_TRY(auto open, instance());
  // Each try would read up to the damage and give up there; at the next start one compaction tries again.
  if (open->damage()) {
    DL_OK(open->stop_compacting());
    return false;
  }
  uint64_t unwritten = open->unwritten_bytes();
  uint64_t usable = space.free_bytes > unwritten ? space.free_bytes - unwritten : 0;
  Instance::Reclaim plan;
  plan.least_garbage = plan_.limits.least_garbage_bytes;
  plan.budget = usable / 2;
  if (usable < plan_.limits.reserve_bytes(space.total_bytes) && erased_.exchange(0) > 0) {
    plan.look = true;
    plan.least_garbage = kWorthMoving;
    plan.least_percent = 0;
  }
  return open->reclaim_blob_files(plan);
}

void LocalPartition::stop_reclaiming() const {
  if (auto open = find_instance()) open->stop_reclaiming();
}

Result<void> LocalPartition::check_reserve(uint64_t bytes) const {
  const auto now = system_clock().mono();
  const bool small = bytes < kPlentyBytes / 4;
  if (small && now.time_since_epoch().count() < plenty_until_.load(std::memory_order_relaxed)) return {};
  return look_at_reserve(bytes);
}

Result<void> LocalPartition::look_at_reserve(uint64_t bytes) const {
  DL_TRY(auto space, plan_.fs.disk_space(plan_.dir));
  uint64_t reserve = plan_.limits.reserve_bytes(space.total_bytes);
  auto open = find_instance();
  uint64_t wanted = reserve + bytes + (open && reserve > 0 ? open->unwritten_bytes() : 0);
  if (space.free_bytes >= wanted + kPlentyBytes)
    plenty_until_.store((system_clock().mono() + kPlentyFor).time_since_epoch().count(), std::memory_order_relaxed);
  if (space.free_bytes >= wanted) return {};
  return error(Code::kNoSpace,
               "the disk has " + std::to_string(space.free_bytes >> 20) + " MiB free; " +
                   std::to_string((wanted - bytes) >> 20) + " MiB are kept for deletes and bookkeeping",
               "Delete something, or add space.");
}

void LocalPartition::die(const Error& why) {
  {
    std::lock_guard lock(m_);
    if (state_ == State::kDead) return;
    state_ = State::kDead;
  }
  fatal_("partition '" + plan_.name + "': " + why.message);
}

Result<void> LocalPartition::health() const {
  std::shared_ptr<Instance> open;
  {
    std::lock_guard lock(m_);
    if (state_ == State::kDead)
      return error(Code::kIo, "partition '" + plan_.name + "' has failed and must be restarted");
    open = instance_;
  }
  if (!open) return error(Code::kUnavailable, "partition '" + plan_.name + "' waits for space on the disk");
  if (auto failed = open->failure()) return std::move(*failed).within("partition '" + plan_.name + "'");
  return look_at_reserve(0);
}

Result<void> LocalPartition::admit(Purpose purpose) {
  {
    std::lock_guard lock(m_);
    if (state_ == State::kDead)
      return error(Code::kIo, "partition '" + plan_.name + "' has failed and must be restarted");
    if (state_ == State::kFull && purpose == Purpose::kWrite)
      return error(Code::kNoSpace, "partition '" + plan_.name + "' waits for space on the disk", "Free some space.");
    if (state_ == State::kFull)
      return error(Code::kUnavailable, "partition '" + plan_.name + "' waits for space on the disk");
  }
  return purpose == Purpose::kWrite ? check_reserve(0) : Result<void>();
}

const View& LocalPartition::newest() {
  DL_ASSERT(newest_ != nullptr, "a step was admitted to a closed partition");
  return *newest_;
}

Result<void> LocalPartition::apply(const Overlay& rows) {
  DL_TRY(auto open, instance());
  stamps_.begin(rows);
  auto written = open->write(rows, Instance::Mark::kMoves);
  stamps_.end(rows);  // also of a write that failed: it may be there
  open.reset();
  if (!written.ok()) return fail_write(std::move(written).error());
  quiet_ = false;
  erased_ += rows.ranges().size() +
             static_cast<uint64_t>(std::ranges::count_if(rows.rows(), [](const auto& row) { return !row.second; }));
  return {};
}

// A write that failed is open: it may be there afterwards. Only want of space is waited out.
Error LocalPartition::fail_write(Error why) {
  if (auto open = find_instance())
    if (auto first = open->failure()) why = *std::move(first);
  if (why.code != Code::kNoSpace) {
    die(why);
    return error(Code::kIo, "the write failed and may or may not be there after a restart: " + why.message);
  }
  close_for_space();
  return error(Code::kUnavailable, "the disk is full; the write may or may not be there once it has space again",
               "Free some space.");
}

void LocalPartition::tick() {
  State state;
  {
    std::lock_guard lock(m_);
    state = state_;
  }
  if (state == State::kDead) return;
  if (state == State::kFull) return try_reopen();
  auto open = find_instance();
  if (!open) return;
  Result<void> done;
  if (auto failed = open->failure()) {
    done = *std::move(failed);
  } else if (!quiet_) {
    // Behind an empty commit the newest real one is no tail of the log: damage to it cannot pass for a torn tail.
    done = open->write({}, Instance::Mark::kStays);
    quiet_ = true;
  }
  open.reset();
  if (!done.ok()) (void)fail_write(std::move(done).error());
}

// Reads, audit and the reclaimer ask for commits all the time; a full store must not wait for them to cease.
void LocalPartition::busy_tick() {
  {
    std::lock_guard lock(m_);
    if (state_ != State::kFull) return;
  }
  try_reopen();
}

void LocalPartition::close_for_space() {
  log_warn("storage", "partition '{}': the disk is full; closed until there is space", plan_.name);
  newest_.reset();
  std::shared_ptr<Instance> closing;
  {
    std::lock_guard lock(m_);
    closing = std::move(instance_);
    state_ = State::kFull;
  }
  closing->stop_reclaiming();
  StopSignal never;
  for (Millis waited{0}; closing.use_count() > 1; waited += kReaderPoll) {
    if (waited >= plan_.limits.close_deadline)
      return die(error(Code::kIo, "readers did not let go of the store within the deadline"));
    never.wait_for(kReaderPoll);
  }
  closing.reset();
  wait_ticks_ = next_wait_ = 1;
}

void LocalPartition::try_reopen() {
  if (--wait_ticks_ > 0) return;
  next_wait_ = std::min(next_wait_ * 2, kMaxWaitTicks);
  wait_ticks_ = next_wait_;
  auto space = plan_.fs.disk_space(plan_.dir);
  if (!space.ok()) return;
  // On a small disk the reserve is all that may ever be free: an opening that fails for want of space changes nothing.
  uint64_t needed = plan_.limits.reopen_free_bytes, reserve = plan_.limits.reserve_bytes(space->total_bytes);
  if (reserve > 0) needed = std::min(needed, reserve / 2);
  if (space->free_bytes < needed) return;
  auto opened = open_instance(plan_);
  if (!opened.ok() && opened.error().code == Code::kNoSpace) return;
  if (!opened.ok()) return die(opened.error());
  std::shared_ptr<Instance> open = *std::move(opened);
  newest_ = std::make_unique<InstanceView>(*open);
  stamps_.move_all();  // the write that failed may be there now
  std::lock_guard lock(m_);
  if (state_ == State::kDead) return;
  instance_ = std::move(open);
  state_ = State::kOpen;
  log_info("storage", "partition '{}': there is space again", plan_.name);
}

}  // namespace dl::storage

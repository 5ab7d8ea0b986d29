#include "compute/service.h"

#include <algorithm>
#include <csignal>
#include <set>

#include <fmt/format.h>

#include "base/log.h"
#include "compute/process.h"
#include "compute/staging.h"

namespace dl::compute {
namespace {

constexpr size_t kTaskQueue = 1024;
constexpr size_t kShortestIdStart = 8;
constexpr Millis kReloadEvery{5'000};
constexpr int kLogOffsetBits = 36;  // of a cursor; the attempt stands above

bool is_active(const Workload& workload) { return !workload.status || !format::is_terminal(workload.status->phase); }

}  // namespace

// One workload as the loop knows it.
struct ComputeService::Entry {
  format::WorkloadSpec spec;
  format::WorkloadStatus status;
  Timers timers;
  bool task_runs = false;
  bool swept = false;  // an ended one: nothing of it is left over from before the start
  std::optional<TaskOutcome> outcome;
  std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
};

ComputeService::ComputeService(WorkloadTable& table, registry::ImageStore& images, Runtime& runtime,
                               ObjectAccess& objects, storage::FileSystem& fs, const Clock& clock, Random& random,
                               ComputeSettings settings)
    : table_(table),
      images_(images),
      runtime_(runtime),
      clock_(clock),
      random_(random),
      settings_(std::move(settings)),
      place_{settings_.dir, images, runtime, objects, fs, settings_.max_log_bytes} {}

ComputeService::~ComputeService() { stop(); }

Result<void> ComputeService::start() {
  DL_REQUIRE(!pool_, "started twice");
  DL_OK(storage::make_dirs(place_.fs, settings_.dir, 0700));
  if (settings_.boot_id.empty()) {
    DL_TRY(settings_.boot_id, read_pseudo_file(place_.fs, "/proc/sys/kernel/random/boot_id"));
    while (settings_.boot_id.ends_with('\n')) settings_.boot_id.pop_back();
  }
  DL_OK(reload());
  pool_ = std::make_unique<ThreadPool>("compute", settings_.workers, kTaskQueue);
  loop_ = Thread("reconcile", [this] { run(); });
  return {};
}

void ComputeService::stop() {
  signal_.stop();
  loop_.join();
  for (auto& [id, entry] : entries_) entry->stop->store(true);
  if (pool_) pool_->stop();
}

void ComputeService::poke() {
  reload_ = true;
  signal_.poke();
}

void ComputeService::run() {
  MonoTime next_reload = clock_.mono() + kReloadEvery;
  Millis wait(0);
  while (signal_.wait_for(wait)) {
    if (reload_.exchange(false) || clock_.mono() >= next_reload) {
      next_reload = clock_.mono() + kReloadEvery;
      auto done = reload();
      if (!done.ok()) log_warn("compute", "workloads cannot be read: {}", done.error().message);
    }
    take_outcomes();
    bool busy = false;
    std::vector<WorkloadId> ids;
    for (const auto& [id, entry] : entries_) ids.push_back(id);
    for (const auto& id : ids) busy |= look_at(*entries_.at(id));
    wait = busy ? settings_.tick : kReloadEvery;
  }
}

Result<void> ComputeService::reload() {
  DL_TRY(auto workloads, table_.list());
  std::set<WorkloadId> known;
  for (auto& workload : workloads) {
    if (!is_mine(workload.spec)) continue;
    known.insert(workload.spec.id);
    auto& entry = entries_[workload.spec.id];
    if (!entry) {
      entry = std::make_unique<Entry>();
      entry->status = workload.status.value_or(format::WorkloadStatus{.id = workload.spec.id});
    }
    entry->spec = std::move(workload.spec);
  }
  // A wish that is gone from the table is a wish that nothing of it be left.
  for (auto& [id, entry] : entries_)
    if (!known.contains(id)) entry->spec.deleted = true;
  return {};
}

void ComputeService::take_outcomes() {
  std::vector<Finished> finished;
  {
    std::scoped_lock lock(m_);
    finished.swap(finished_);
  }
  for (auto& [id, outcome] : finished) {
    auto it = entries_.find(id);
    if (it == entries_.end()) continue;
    it->second->task_runs = false;
    if (outcome.kind == TaskKind::kCleanUp && outcome.failed) {
      log_warn("compute", "{}: cleaning up: {}", it->second->spec.name, outcome.failed->message);
      it->second->swept = true;  // tried again at the next start
    }
    it->second->outcome = std::move(outcome);
  }
}

// True when it wants to be looked at again soon.
bool ComputeService::look_at(Entry& entry) {
  WorkloadId id = entry.spec.id;
  std::string name = entry.spec.name;
  auto done = advance(entry);
  if (!done.ok()) log_warn("compute", "{}: {}", name, done.error().message);
  auto it = entries_.find(id);
  if (it == entries_.end()) return false;
  return !done.ok() || it->second->task_runs || !format::is_terminal(it->second->status.phase);
}

Result<void> ComputeService::advance(Entry& entry) {
  auto phase = entry.status.phase;
  Seen seen{.task_runs = entry.task_runs, .wall = clock_.wall(), .mono = clock_.mono(), .boot_id = settings_.boot_id};
  bool may_have_container = phase == format::WorkloadPhase::kRunning || phase == format::WorkloadPhase::kStaging;
  if (may_have_container && !entry.task_runs && entry.status.attempt > 0) {
    DL_TRY(seen.container, runtime_.observe(container_ref(settings_.dir, entry.spec.id, entry.status.attempt)));
  }
  seen.outcome = entry.outcome;
  auto decision = reconcile(entry.spec, entry.status, entry.timers, seen, settings_.rules);
  if (!(decision.status == entry.status)) {
    decision.status.node = settings_.node;
    decision.status.as_of_millis = static_cast<uint64_t>(seen.wall.time_since_epoch().count());
    auto written = table_.put_status(decision.status);
    if (!written.ok() && written.error().code != Code::kNotFound) return std::move(written).error();
    if (decision.status.phase != entry.status.phase)
      log_info("compute", "{} is {}{}{}", entry.spec.name, format::phase_name(decision.status.phase),
               decision.status.reason.empty() ? "" : ": ", decision.status.reason);
  }
  entry.outcome.reset();
  entry.status = std::move(decision.status);
  entry.timers = decision.timers;
  if (format::is_terminal(phase) && !entry.swept && !entry.task_runs && decision.actions.empty()) {
    entry.swept = true;
    start_task(entry, TaskKind::kCleanUp);
  }
  for (Action action : decision.actions) {
    bool last = action == Action::kForget;
    DL_OK(act(entry, action));
    if (last) break;
  }
  return {};
}

Result<void> ComputeService::act(Entry& entry, Action action) {
  auto ref = container_ref(settings_.dir, entry.spec.id, entry.status.attempt);
  switch (action) {
    case Action::kLaunch:
      start_task(entry, TaskKind::kLaunch);
      return {};
    case Action::kCollect:
      start_task(entry, TaskKind::kCollect);
      return {};
    case Action::kCleanUp:
      entry.swept = true;
      start_task(entry, TaskKind::kCleanUp);
      return {};
    case Action::kCancelTask:
      entry.stop->store(true);
      return {};
    case Action::kTerminate:
      return runtime_.signal(ref, SIGTERM);
    case Action::kKill:
      return runtime_.signal(ref, SIGKILL);
    case Action::kForget:
      return forget(entry);
  }
  return {};
}

void ComputeService::start_task(Entry& entry, TaskKind kind) {
  DL_ASSERT(!entry.task_runs, "one task a workload");
  entry.task_runs = true;
  entry.stop = std::make_shared<std::atomic<bool>>(false);
  auto submitted = pool_->submit([this, kind, spec = entry.spec, attempt = entry.status.attempt, stop = entry.stop] {
    TaskOutcome outcome = do_task(kind, spec, attempt, *stop);
    {
      std::scoped_lock lock(m_);
      finished_.push_back({spec.id, std::move(outcome)});
    }
    signal_.poke();
  });
  if (submitted.ok()) return;
  entry.task_runs = false;
  entry.outcome = TaskOutcome{.kind = kind, .failed = std::move(submitted).error()};
}

TaskOutcome ComputeService::do_task(TaskKind kind, const format::WorkloadSpec& spec, uint32_t attempt,
                                    const std::atomic<bool>& stop) const {
  TaskOutcome outcome{.kind = kind};
  if (kind == TaskKind::kLaunch) {
    auto clamps = launch_workload(place_, spec, attempt, stop);
    if (clamps.ok())
      outcome.clamps = std::move(*clamps);
    else
      outcome.failed = std::move(clamps).error();
  } else if (kind == TaskKind::kCollect) {
    auto collected = collect_output(place_.objects, spec.principal, *spec.output,
                                    workload_dir(settings_.dir, spec.id) + "/out", stop);
    if (collected.ok()) {
      outcome.objects = collected->objects;
      outcome.object_bytes = collected->bytes;
    } else {
      outcome.failed = std::move(collected).error();
    }
  } else {
    auto cleaned = clean_up_workload(place_, spec.id, attempt);
    if (!cleaned.ok()) outcome.failed = std::move(cleaned).error();
  }
  return outcome;
}

// Files first: a crash in between leaves the row, and the next start goes on.
Result<void> ComputeService::forget(Entry& entry) {
  WorkloadId id = entry.spec.id;
  DL_OK(erase_workload_files(place_, id, entry.status.attempt));
  DL_OK(table_.erase(id));
  log_info("compute", "{} is forgotten", entry.spec.name);
  entries_.erase(id);
  return {};
}

Result<Workload> ComputeService::submit(const audit::Author& by, const RunRequest& request) {
  DL_TRY(auto spec, make_spec(request, clock_, random_));
  std::scoped_lock lock(submit_);
  DL_TRY(auto all, table_.list());
  for (const auto& other : all)
    if (other.spec.name == spec.name && (is_active(other) || other.spec.kind == format::WorkloadKind::kService))
      return error(Code::kExists, fmt::format("a workload named '{}' is there already", spec.name),
                   "choose another name, or delete it: demilune job delete " + spec.name);
  if (is_mine(spec)) {
    auto image = images_.find(spec.image);
    if (image.ok()) spec.image_digest = image->digest;
  }
  DL_OK(table_.put_spec(by, spec));
  poke();
  return Workload{std::move(spec), std::nullopt};
}

Result<std::vector<Workload>> ComputeService::list() const { return table_.list(); }

Result<Workload> ComputeService::find(std::string_view reference) const {
  DL_TRY(auto all, table_.list());
  std::optional<Workload> named, started;
  size_t matches = 0;
  for (auto& workload : all) {
    bool newer = !named || workload.spec.submitted_millis >= named->spec.submitted_millis;
    if (workload.spec.name == reference && newer) named = workload;
    if (reference.size() < kShortestIdStart || !workload.spec.id.hex().starts_with(reference)) continue;
    ++matches;
    started = std::move(workload);
  }
  if (named) return *std::move(named);
  if (matches > 1)
    return error(Code::kConflict, fmt::format("'{}' is the start of several ids", reference), "give more digits");
  if (started) return *std::move(started);
  return error(Code::kNotFound, fmt::format("there is no workload '{}'", reference.substr(0, 100)),
               "see: demilune job list");
}

Result<Workload> ComputeService::change(const audit::Author& by, std::string_view reference,
                                        bool format::WorkloadSpec::* wish) {
  std::scoped_lock lock(submit_);
  DL_TRY(auto workload, find(reference));
  workload.spec.*wish = true;
  DL_OK(table_.put_spec(by, workload.spec));
  poke();
  return workload;
}

// One that has ended is put as it is: the wish is recorded, and nothing comes of it.
Result<Workload> ComputeService::cancel(const audit::Author& by, std::string_view reference) {
  DL_TRY(auto workload, find(reference));
  if (is_active(workload)) return change(by, workload.spec.id.hex(), &format::WorkloadSpec::cancelled);
  DL_OK(table_.put_spec(by, workload.spec));
  return workload;
}

Result<Workload> ComputeService::remove(const audit::Author& by, std::string_view reference) {
  return change(by, reference, &format::WorkloadSpec::deleted);
}

// A cursor is the attempt and the place in its file.
Result<LogPage> ComputeService::logs(std::string_view reference, uint64_t cursor, size_t max_bytes) const {
  // Looked up before the file is read: what is written after the end was seen is not missed.
  DL_TRY(auto workload, find(reference));
  LogPage page;
  page.end = !is_active(workload);
  const uint32_t last = workload.status ? workload.status->attempt : 0;
  if (last == 0) return page;
  auto attempt = static_cast<uint32_t>(cursor >> kLogOffsetBits);
  uint64_t offset = cursor & ((1ull << kLogOffsetBits) - 1);
  if (cursor == 0) attempt = last;
  if (attempt == 0 || attempt > last)
    return error(Code::kInvalid, "that is no place in the log", "Begin with offset 0.");
  for (;; ++attempt, offset = 0) {
    std::string path = runtime_.log_path(container_ref(settings_.dir, workload.spec.id, attempt));
    DL_TRY(bool kept, place_.fs.exists(path));
    page.gap = page.gap || (!kept && attempt < last);
    DL_TRY(auto piece, read_log(place_.fs, path, offset, std::clamp(max_bytes, kMinLogPieceBytes, kMaxLogPieceBytes)));
    page.gap = page.gap || piece.skipped;
    page.lines = std::move(piece.lines);
    page.next = static_cast<uint64_t>(attempt) << kLogOffsetBits | piece.next;
    page.end = page.end && attempt == last && piece.at_end;
    if (attempt == last || !page.lines.empty() || !piece.at_end) return page;
  }
}

Result<bool> ComputeService::uses_image(const Sha256& digest) const {
  DL_TRY(auto all, table_.list());
  DL_TRY(auto image, images_.find(registry::digest_text(digest)));
  for (const auto& workload : all) {
    if (!is_mine(workload.spec) || !is_active(workload)) continue;
    if (workload.spec.image_digest == digest) return true;
    auto used = images_.find(workload.spec.image);
    if (!workload.spec.image_digest && used.ok() && used->digest == image.digest) return true;
  }
  return false;
}

}  // namespace dl::compute

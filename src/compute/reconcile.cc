#include "compute/reconcile.h"

#include <algorithm>

#include <fmt/format.h>

#include "compute/limits.h"

namespace dl::compute {
namespace {

using format::RestartPolicy;
using format::WorkloadKind;
using format::WorkloadPhase;

constexpr std::string_view kTimeout = "Timeout", kCancelled = "Cancelled", kDeleted = "Deleted";

uint64_t millis_of(WallTime t) { return static_cast<uint64_t>(std::max<int64_t>(0, t.time_since_epoch().count())); }

bool is_missing(const Error& failed) {
  return failed.code == Code::kNotFound || failed.code == Code::kUnavailable || failed.code == Code::kBusy ||
         failed.code == Code::kNoSpace || failed.code == Code::kClosed;
}

std::string text_of_error(const Error& failed) {
  return failed.next.empty() ? failed.message : failed.message + " (" + failed.next + ")";
}

class Reconciler {
 public:
  Reconciler(const format::WorkloadSpec& spec, const format::WorkloadStatus& status, const Timers& timers,
             const Seen& seen, const ReconcileRules& rules)
      : spec_(spec), seen_(seen), rules_(rules), now_(millis_of(seen.wall)), d_{status, timers, {}} {}

  Decision run() {
    if (seen_.task_runs) {
      if (wants_end() && phase() != WorkloadPhase::kRunning) act(Action::kCancelTask);
    } else if (phase() == WorkloadPhase::kPending || phase() == WorkloadPhase::kWaiting ||
               phase() == WorkloadPhase::kBackOff) {
      on_idle();
    } else if (phase() == WorkloadPhase::kStaging) {
      on_staging();
    } else if (phase() == WorkloadPhase::kRunning) {
      on_running();
    } else if (phase() == WorkloadPhase::kCollecting) {
      on_collecting();
    } else {
      on_ended();
    }
    return std::move(d_);
  }

 private:
  WorkloadPhase phase() const { return d_.status.phase; }
  bool is_service() const { return spec_.kind == WorkloadKind::kService; }
  bool wants_end() const { return spec_.cancelled || spec_.deleted; }
  bool rebooted() const { return !d_.status.boot_id.empty() && d_.status.boot_id != seen_.boot_id; }
  void act(Action action) { d_.actions.push_back(action); }

  void enter(WorkloadPhase phase, std::string_view reason, std::string message) {
    d_.status.phase = phase;
    d_.status.reason = reason;
    d_.status.message = std::move(message);
  }

  // Nothing runs and nothing is left to save.
  void end(WorkloadPhase phase, std::string_view reason, std::string message) {
    enter(phase, reason, std::move(message));
    if (d_.status.finished_millis == 0 || d_.status.finished_millis < d_.status.started_millis)
      d_.status.finished_millis = now_;
    d_.timers = {};
    d_.status.next_start_millis = 0;
    act(Action::kCleanUp);
  }

  void end_as_wished() {
    end(WorkloadPhase::kCancelled, spec_.deleted ? kDeleted : kCancelled, "ended because its owner wished so");
  }

  void begin_attempt() {
    auto& status = d_.status;
    if (status.attempt > 0) ++status.restarts;
    ++status.attempt;
    status.exit_code.reset();
    status.stop_reason.clear();
    status.stop_millis = status.started_millis = status.finished_millis = status.next_start_millis = 0;
    status.clamps.clear();
    d_.timers = {};
    launch();
  }

  void launch() {
    d_.status.boot_id = seen_.boot_id;
    enter(WorkloadPhase::kStaging, "", "");
    act(Action::kLaunch);
  }

  void on_idle() {
    if (wants_end()) return end_as_wished();
    if (!d_.timers.next && d_.status.next_start_millis > now_) {
      // After a restart of the program: by the wall clock, which may lie, so never longer than the longest back-off.
      Millis left(static_cast<int64_t>(d_.status.next_start_millis - now_));
      d_.timers.next = seen_.mono + std::min(left, rules_.longest_back_off);
    }
    if (d_.timers.next && seen_.mono < *d_.timers.next) return;
    if (phase() == WorkloadPhase::kWaiting && d_.status.attempt > 0) {
      d_.timers = {};
      return launch();  // the same attempt: it never came to a container
    }
    begin_attempt();
  }

  void on_staging() {
    if (seen_.outcome) return on_launched(*seen_.outcome);
    // The program ended in the middle of a launch, and this is its next life.
    switch (seen_.container.liveness) {
      case Liveness::kRunning:
        return enter_running();
      case Liveness::kExited:
        return on_exit();
      case Liveness::kUnsupervised:
      case Liveness::kGone:
        // It may have been started and may have done its work: a job that must not run twice is lost.
        if (!is_service() && spec_.restart == RestartPolicy::kNever) {
          act(Action::kKill);
          return on_lost("the node ended while it was being started, and it is gone");
        }
        break;
      case Liveness::kCreated:
      case Liveness::kNone:
        break;
    }
    if (wants_end()) return end_as_wished();
    launch();
  }

  void on_launched(const TaskOutcome& outcome) {
    if (!outcome.failed) {
      d_.status.clamps = outcome.clamps;
      return enter_running();
    }
    if (wants_end()) return end_as_wished();
    const Error& failed = *outcome.failed;
    if (is_missing(failed)) {
      d_.timers.next = seen_.mono + rules_.retry;
      return enter(WorkloadPhase::kWaiting, "Missing", text_of_error(failed));
    }
    on_failure("LaunchFailed", text_of_error(failed));
  }

  void enter_running() {
    if (d_.status.started_millis == 0) d_.status.started_millis = now_;
    enter(WorkloadPhase::kRunning, "", "");
    on_running();
  }

  void on_running() {
    switch (seen_.container.liveness) {
      case Liveness::kExited:
        return on_exit();
      case Liveness::kUnsupervised:
        act(Action::kKill);
        return on_lost("its supervisor ended: nobody would have told how it ended, so it was stopped");
      case Liveness::kNone:
      case Liveness::kGone:
        // A launch that has just ended was seen before it: look again.
        if (seen_.outcome) return;
        return on_lost(rebooted() ? "the machine was started anew while it ran" : "it is gone and left no exit code");
      case Liveness::kCreated:
      case Liveness::kRunning:
        break;
    }
    watch_deadline();
    if (d_.status.stop_reason.empty() && wants_end()) stop(spec_.deleted ? kDeleted : kCancelled);
    escalate();
  }

  void watch_deadline() {
    if (spec_.timeout_millis == 0 || is_service()) return;
    Millis limit(static_cast<int64_t>(std::min<uint64_t>(spec_.timeout_millis, INT64_MAX / 4'000'000)));
    if (!d_.timers.timeout) {
      uint64_t ran = now_ > d_.status.started_millis ? now_ - d_.status.started_millis : 0;
      d_.timers.timeout = seen_.mono + std::max(Millis(0), limit - Millis(static_cast<int64_t>(ran)));
    }
    if (seen_.mono >= *d_.timers.timeout && d_.status.stop_reason.empty()) stop(kTimeout);
  }

  void stop(std::string_view reason) {
    d_.status.stop_reason = reason;
    d_.status.stop_millis = now_;
    d_.status.reason = "Stopping";
    d_.timers.kill = seen_.mono + rules_.stop_grace;
    act(Action::kTerminate);
  }

  void escalate() {
    if (d_.status.stop_reason.empty()) return;
    if (!d_.timers.kill) d_.timers.kill = seen_.mono;  // the program was started anew since it asked
    if (seen_.mono < *d_.timers.kill) return;
    d_.timers.kill = seen_.mono + rules_.retry;
    act(Action::kKill);
  }

  void on_exit() {
    auto& status = d_.status;
    status.exit_code = seen_.container.exit_code;
    status.finished_millis = seen_.container.finished_millis;
    if (status.started_millis == 0) status.started_millis = status.finished_millis;
    if (status.stop_reason == kTimeout)
      return end(WorkloadPhase::kFailed, kTimeout, fmt::format("ran longer than {} ms", spec_.timeout_millis));
    if (!status.stop_reason.empty() || (wants_end() && *status.exit_code != 0)) return end_as_wished();
    if (*status.exit_code == 0 && !is_service()) {
      if (spec_.output) return enter_collecting();
      return end(WorkloadPhase::kSucceeded, "Completed", "");
    }
    if (seen_.container.oom_killed && *status.exit_code != 0)
      return on_failure("OOMKilled", fmt::format("used more than its {} bytes of memory", spec_.limits.memory_bytes));
    on_failure(*status.exit_code == 0 ? "Completed" : "Error", fmt::format("ended with {}", *status.exit_code));
  }

  void enter_collecting() {
    enter(WorkloadPhase::kCollecting, "", "");
    d_.timers = {};
    act(Action::kCollect);
  }

  void on_collecting() {
    if (spec_.deleted) return end_as_wished();
    if (seen_.outcome && seen_.outcome->kind == TaskKind::kCollect) {
      const auto& outcome = *seen_.outcome;
      if (!outcome.failed) {
        d_.status.output_objects = outcome.objects;
        d_.status.output_bytes = outcome.object_bytes;
        return end(WorkloadPhase::kSucceeded, "Completed", "");
      }
      if (spec_.cancelled) return end_as_wished();
      std::string why = text_of_error(*outcome.failed);
      if (!is_missing(*outcome.failed)) return end(WorkloadPhase::kFailed, "OutputFailed", why);
      d_.status.reason = "OutputWaiting";
      d_.status.message = why;
      d_.timers.next = seen_.mono + rules_.retry;
      return;
    }
    if (d_.timers.next && seen_.mono < *d_.timers.next) {
      if (spec_.cancelled) end_as_wished();
      return;
    }
    act(Action::kCollect);
  }

  // Ended without success, by its own doing. Restarts as the spec says.
  void on_failure(std::string_view reason, std::string message) {
    if (wants_end()) return end_as_wished();
    note_calm_run();
    ++d_.status.failures;
    if (!may_restart()) return end(WorkloadPhase::kFailed, reason, std::move(message));
    wait_for_restart(reason, std::move(message), back_off(d_.status.failures, rules_));
  }

  // Nobody knows how it ended: never a success. After a reboot it is nobody's fault either.
  void on_lost(std::string message) {
    if (d_.status.finished_millis < d_.status.started_millis) d_.status.finished_millis = now_;
    if (!d_.status.stop_reason.empty() || wants_end()) {
      if (d_.status.stop_reason == kTimeout) return end(WorkloadPhase::kFailed, kTimeout, std::move(message));
      return end_as_wished();
    }
    note_calm_run();
    bool blameless = rebooted();
    if (!blameless) ++d_.status.failures;
    if (!is_service() && (spec_.restart == RestartPolicy::kNever || !may_restart()))
      return end(WorkloadPhase::kLost, blameless ? "Rebooted" : "Lost", std::move(message));
    wait_for_restart(blameless ? "Rebooted" : "Lost", std::move(message),
                     blameless ? Millis(0) : back_off(d_.status.failures, rules_));
  }

  void note_calm_run() {
    const auto& status = d_.status;
    if (status.started_millis > 0 && status.finished_millis > status.started_millis &&
        status.finished_millis - status.started_millis >= static_cast<uint64_t>(rules_.calm_run.count()))
      d_.status.failures = 0;
  }

  bool may_restart() const {
    if (!is_service() && spec_.restart == RestartPolicy::kNever) return false;
    uint32_t most = spec_.max_restarts > 0 ? spec_.max_restarts : is_service() ? UINT32_MAX : rules_.job_restarts;
    return d_.status.failures <= most;
  }

  void wait_for_restart(std::string_view reason, std::string message, Millis wait) {
    enter(WorkloadPhase::kBackOff, reason, std::move(message));
    d_.timers = {};
    d_.timers.next = seen_.mono + wait;
    d_.status.next_start_millis = now_ + static_cast<uint64_t>(wait.count());
    act(Action::kCleanUp);
  }

  void on_ended() {
    if (spec_.deleted) act(Action::kForget);
  }

  const format::WorkloadSpec& spec_;
  const Seen& seen_;
  const ReconcileRules& rules_;
  uint64_t now_;
  Decision d_;
};

}  // namespace

ReconcileRules default_rules() {
  return {kFirstBackOff, kLongestBackOff, kCalmRun, kRetry, kStopGrace, kDefaultJobRestarts};
}

Millis back_off(uint32_t failures, const ReconcileRules& rules) {
  Millis wait = rules.first_back_off;
  for (uint32_t i = 1; i < failures && wait < rules.longest_back_off; ++i) wait *= 2;
  return std::min(wait, rules.longest_back_off);
}

Decision reconcile(const format::WorkloadSpec& spec, const format::WorkloadStatus& status, const Timers& timers,
                   const Seen& seen, const ReconcileRules& rules) {
  return Reconciler(spec, status, timers, seen, rules).run();
}

}  // namespace dl::compute

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "compute/reconcile.h"

#include <doctest/doctest.h>

#include "compute/limits.h"

using namespace dl;
using namespace dl::compute;
using format::RestartPolicy;
using format::WorkloadKind;
using format::WorkloadPhase;

namespace {

// One workload in a world of its own: the test says what is seen, the world keeps status, timers and clocks.
struct World {
  format::WorkloadSpec spec;
  format::WorkloadStatus status;
  Timers timers;
  WallTime wall{Millis(1'700'000'000'000)};
  MonoTime mono{};
  std::string boot_id = "boot-1";
  std::vector<Action> actions;

  explicit World(WorkloadKind kind = WorkloadKind::kJob, RestartPolicy restart = RestartPolicy::kNever) {
    spec.id = WorkloadId::of("workload-id-16by");
    spec.kind = kind;
    spec.restart = kind == WorkloadKind::kService ? RestartPolicy::kAlways : restart;
    status.id = spec.id;
  }
  void see(Observation container = {}, std::optional<TaskOutcome> outcome = {}, bool task_runs = false) {
    Seen seen{container, task_runs, std::move(outcome), wall, mono, boot_id};
    auto decision = reconcile(spec, status, timers, seen, default_rules());
    status = decision.status;
    timers = decision.timers;
    actions = decision.actions;
  }
  void pass(Millis time) {
    wall += time;
    mono += time;
  }
  void restart_program() { timers = {}; }
  bool did(Action action) const { return std::ranges::find(actions, action) != actions.end(); }

  void launch() {
    see();
    REQUIRE(did(Action::kLaunch));
    see({.liveness = Liveness::kRunning}, TaskOutcome{.kind = TaskKind::kLaunch, .clamps = {"a clamp"}});
    REQUIRE(status.phase == WorkloadPhase::kRunning);
  }
  void exit(int code, bool oom = false) {
    see({.liveness = Liveness::kExited,
         .exit_code = code,
         .oom_killed = oom,
         .finished_millis = static_cast<uint64_t>(wall.time_since_epoch().count())});
  }
  void gone() { see({.liveness = Liveness::kGone}); }
  TaskOutcome failed(TaskKind kind, Code code) { return {.kind = kind, .failed = error(code, "why")}; }
};

}  // namespace

TEST_CASE("a job that ends with 0 has succeeded, its clamps and times are told") {
  World w;
  w.launch();
  CHECK(w.status.attempt == 1);
  CHECK(w.status.clamps == std::vector<std::string>{"a clamp"});
  w.pass(Millis(500));
  w.exit(0);
  CHECK(w.status.phase == WorkloadPhase::kSucceeded);
  CHECK(w.status.exit_code == 0);
  CHECK(w.status.finished_millis - w.status.started_millis == 500);
  CHECK(w.did(Action::kCleanUp));
}

TEST_CASE("a job with an output succeeds only when the output is stored") {
  World w;
  w.spec.output = format::ObjectPrefix{"b", "p/"};
  w.launch();
  w.exit(0);
  CHECK(w.status.phase == WorkloadPhase::kCollecting);
  CHECK(w.did(Action::kCollect));
  // What is not reachable now is tried again.
  w.see({}, w.failed(TaskKind::kCollect, Code::kUnavailable));
  CHECK(w.status.phase == WorkloadPhase::kCollecting);
  w.see();
  CHECK(w.actions.empty());
  w.pass(kRetry);
  w.see();
  CHECK(w.did(Action::kCollect));
  w.see({}, TaskOutcome{.kind = TaskKind::kCollect, .objects = 2, .object_bytes = 9});
  CHECK(w.status.phase == WorkloadPhase::kSucceeded);
  CHECK(w.status.output_objects == 2);
}

TEST_CASE("an output that may not be stored makes the job fail, though its program ended well") {
  World w;
  w.spec.output = format::ObjectPrefix{"b", "p/"};
  w.launch();
  w.exit(0);
  w.see({}, w.failed(TaskKind::kCollect, Code::kDenied));
  CHECK(w.status.phase == WorkloadPhase::kFailed);
  CHECK(w.status.reason == "OutputFailed");
}

TEST_CASE("an output half stored when the program ends is stored again") {
  World w;
  w.spec.output = format::ObjectPrefix{"b", "p/"};
  w.launch();
  w.exit(0);
  w.restart_program();
  w.see();
  CHECK(w.did(Action::kCollect));
}

TEST_CASE("a job that fails is final unless it may be started again") {
  World never;
  never.launch();
  never.exit(3);
  CHECK(never.status.phase == WorkloadPhase::kFailed);
  CHECK(never.status.exit_code == 3);

  World again(WorkloadKind::kJob, RestartPolicy::kOnFailure);
  again.spec.max_restarts = 2;
  for (int i = 0; i < 2; ++i) {
    again.launch();
    again.exit(3);
    CHECK(again.status.phase == WorkloadPhase::kBackOff);
    again.pass(kLongestBackOff);
  }
  again.launch();
  CHECK(again.status.restarts == 2);
  again.exit(3);
  CHECK(again.status.phase == WorkloadPhase::kFailed);
}

TEST_CASE("killed for memory is told by that name") {
  World w;
  w.launch();
  w.exit(137, true);
  CHECK(w.status.reason == "OOMKilled");
  World other;
  other.launch();
  other.exit(137);
  CHECK(other.status.reason == "Error");
}

TEST_CASE("a service is started again after 1, 2, 4 seconds and so on up to five minutes") {
  World w(WorkloadKind::kService);
  for (int64_t seconds : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    w.launch();
    w.exit(0);  // ending well is ending too
    CHECK(w.status.phase == WorkloadPhase::kBackOff);
    w.pass(Millis(seconds * 1000 - 1));
    w.see();
    CHECK(w.actions.empty());
    w.pass(Millis(1));
  }
}

TEST_CASE("ten calm minutes and the next failure counts as the first") {
  World w(WorkloadKind::kService);
  for (int i = 0; i < 5; ++i) {
    w.launch();
    w.exit(1);
    w.pass(kLongestBackOff);
  }
  CHECK(w.status.failures == 5);
  w.launch();
  w.pass(kCalmRun);
  w.exit(1);
  CHECK(w.status.failures == 1);
}

TEST_CASE(
    "the wait before a restart goes on when the program is started anew, and a clock that lies cannot make it long") {
  World w(WorkloadKind::kService);
  w.launch();
  w.exit(1);
  w.restart_program();
  w.see();
  CHECK(w.actions.empty());
  w.pass(Millis(1000));
  w.see();
  CHECK(w.did(Action::kLaunch));

  World lied(WorkloadKind::kService);
  lied.launch();
  lied.exit(1);
  lied.restart_program();
  lied.wall -= std::chrono::hours(24 * 365);
  lied.see();
  lied.mono += kLongestBackOff;
  lied.see();
  CHECK(lied.did(Action::kLaunch));
}

TEST_CASE("a job past its time-out gets TERM, then KILL, and has failed whatever its exit code") {
  for (int code : {0, 143, 137}) {
    World w;
    w.spec.timeout_millis = 1000;
    w.launch();
    w.pass(Millis(999));
    w.see({.liveness = Liveness::kRunning});
    CHECK(w.actions.empty());
    w.pass(Millis(1));
    w.see({.liveness = Liveness::kRunning});
    CHECK(w.did(Action::kTerminate));
    w.see({.liveness = Liveness::kRunning});
    CHECK(w.actions.empty());
    w.pass(kStopGrace);
    w.see({.liveness = Liveness::kRunning});
    CHECK(w.did(Action::kKill));
    w.exit(code);
    CHECK(w.status.phase == WorkloadPhase::kFailed);
    CHECK(w.status.reason == "Timeout");
  }
}

TEST_CASE("the time-out goes on over a restart of the program") {
  World w;
  w.spec.timeout_millis = 10'000;
  w.launch();
  w.pass(Millis(6000));
  w.restart_program();
  w.see({.liveness = Liveness::kRunning});
  w.pass(Millis(3999));
  w.see({.liveness = Liveness::kRunning});
  CHECK(w.actions.empty());
  w.pass(Millis(1));
  w.see({.liveness = Liveness::kRunning});
  CHECK(w.did(Action::kTerminate));
}

TEST_CASE("what is missing is waited for: the attempt does not count") {
  for (Code code : {Code::kNotFound, Code::kUnavailable, Code::kNoSpace}) {
    World w;
    w.see();
    w.see({}, w.failed(TaskKind::kLaunch, code));
    CHECK(w.status.phase == WorkloadPhase::kWaiting);
    w.see();
    CHECK(w.actions.empty());
    w.pass(kRetry);
    w.see();
    CHECK(w.did(Action::kLaunch));
    CHECK(w.status.attempt == 1);
    CHECK(w.status.restarts == 0);
  }
}

TEST_CASE("a launch that is refused for good is a failure") {
  World w;
  w.see();
  w.see({}, w.failed(TaskKind::kLaunch, Code::kDenied));
  CHECK(w.status.phase == WorkloadPhase::kFailed);
  CHECK(w.status.reason == "LaunchFailed");
  CHECK(w.status.message.find("why") != std::string::npos);
}

TEST_CASE("after a reboot a service starts at once, blameless; a job is lost or starts again as its spec says") {
  World service(WorkloadKind::kService);
  service.launch();
  service.boot_id = "boot-2";
  service.restart_program();
  service.gone();
  CHECK(service.status.failures == 0);
  service.see();
  CHECK(service.did(Action::kLaunch));
  CHECK(service.status.attempt == 2);

  World job;
  job.launch();
  job.boot_id = "boot-2";
  job.gone();
  CHECK(job.status.phase == WorkloadPhase::kLost);
  CHECK(job.status.reason == "Rebooted");
  CHECK_FALSE(job.status.exit_code);

  World again(WorkloadKind::kJob, RestartPolicy::kOnFailure);
  again.launch();
  again.boot_id = "boot-2";
  again.gone();
  again.see();
  CHECK(again.did(Action::kLaunch));
}

TEST_CASE("a container without its supervisor is killed and lost") {
  World job;
  job.launch();
  job.see({.liveness = Liveness::kUnsupervised});
  CHECK(job.did(Action::kKill));
  CHECK(job.status.phase == WorkloadPhase::kLost);

  World service(WorkloadKind::kService);
  service.launch();
  service.see({.liveness = Liveness::kUnsupervised});
  CHECK(service.did(Action::kKill));
  CHECK(service.status.phase == WorkloadPhase::kBackOff);
}

TEST_CASE("a container is adopted when the program was started anew, also in the middle of a launch") {
  World w;
  w.launch();
  w.restart_program();
  w.see({.liveness = Liveness::kRunning});
  CHECK(w.status.phase == WorkloadPhase::kRunning);
  CHECK(w.actions.empty());

  World launching;
  launching.see();
  launching.restart_program();
  launching.see({.liveness = Liveness::kRunning});
  CHECK(launching.status.phase == WorkloadPhase::kRunning);
  CHECK(launching.status.attempt == 1);

  World not_started;
  not_started.see();
  not_started.see({.liveness = Liveness::kCreated});
  CHECK(not_started.did(Action::kLaunch));
  CHECK(not_started.status.attempt == 1);

  // It may have run: a job that must not run twice does not.
  World may_have_run;
  may_have_run.see();
  may_have_run.gone();
  CHECK(may_have_run.status.phase == WorkloadPhase::kLost);
}

TEST_CASE("cancel ends a workload in every phase, and delete forgets it afterwards") {
  using Prepare = void (*)(World&);
  const Prepare phases[] = {
      [](World&) {},
      [](World& w) {
        w.see();
        w.see({}, w.failed(TaskKind::kLaunch, Code::kNotFound));
      },
      [](World& w) { w.see(); },
      [](World& w) { w.launch(); },
      [](World& w) {
        w.launch();
        w.exit(1);
      },
      [](World& w) {
        w.spec.output = format::ObjectPrefix{"b", "p"};
        w.launch();
        w.exit(0);
        w.see({}, w.failed(TaskKind::kCollect, Code::kUnavailable));
      },
  };
  for (bool deleted : {false, true})
    for (const auto& prepare : phases) {
      World w(WorkloadKind::kJob, RestartPolicy::kOnFailure);
      prepare(w);
      CAPTURE(format::phase_name(w.status.phase));
      (deleted ? w.spec.deleted : w.spec.cancelled) = true;
      bool runs = w.status.phase == WorkloadPhase::kRunning;
      w.see(runs ? Observation{.liveness = Liveness::kRunning} : Observation{});
      if (runs) {
        CHECK(w.did(Action::kTerminate));
        w.exit(143);
      }
      CHECK(w.status.phase == WorkloadPhase::kCancelled);
      w.see();
      CHECK(w.did(Action::kForget) == deleted);
    }
}

TEST_CASE("a cancel while a task runs ends the task first") {
  World w;
  w.see();
  w.spec.cancelled = true;
  w.see({}, {}, true);
  CHECK(w.actions == std::vector<Action>{Action::kCancelTask});
  CHECK(w.status.phase == WorkloadPhase::kStaging);
  w.see({}, w.failed(TaskKind::kLaunch, Code::kCancelled));
  CHECK(w.status.phase == WorkloadPhase::kCancelled);
}

// Every order of events up to a length, for every kind: what must hold in all of them.
namespace {

struct Walker {
  static constexpr int kEvents = 12;
  size_t histories = 0;

  void step(World w, int event) {
    bool had_exit_zero = event == 4;
    WorkloadPhase before = w.status.phase;
    switch (event) {
      case 0:
        w.see();
        break;
      case 1:
        w.see({.liveness = Liveness::kRunning});
        break;
      case 2:
        w.see({.liveness = Liveness::kRunning}, TaskOutcome{.kind = TaskKind::kLaunch});
        break;
      case 3:
        w.exit(9);
        break;
      case 4:
        w.exit(0);
        break;
      case 5:
        w.gone();
        break;
      case 6:
        w.see({.liveness = Liveness::kUnsupervised});
        break;
      case 7:
        w.see({}, w.failed(TaskKind::kLaunch, Code::kIo));
        break;
      case 8:
        w.spec.cancelled = true;
        break;
      case 9:
        w.boot_id += "x";
        w.restart_program();
        break;
      case 10:
        w.pass(kLongestBackOff);
        break;
      case 11:
        w.see({}, {}, true);
        break;
    }
    check(w, before, had_exit_zero);
    last = w;
  }
  void check(const World& w, WorkloadPhase before, bool exit_zero) {
    using P = WorkloadPhase;
    // Success is only ever what an exit code of 0 says, and a service never succeeds.
    if (w.status.phase == P::kSucceeded) {
      REQUIRE(w.status.exit_code == 0);
      REQUIRE(w.spec.kind == WorkloadKind::kJob);
      REQUIRE((before == P::kSucceeded || exit_zero));
    }
    // An end is an end.
    if (format::is_terminal(before)) REQUIRE(w.status.phase == before);
    // Nothing is launched that is wanted no more, nor while an attempt runs.
    if (w.did(Action::kLaunch)) {
      REQUIRE_FALSE(w.spec.cancelled);
      REQUIRE(w.status.phase == P::kStaging);
    }
    if (w.status.phase == P::kLost) REQUIRE_FALSE(w.status.exit_code);
    // One task at a time.
    auto tasks = std::ranges::count_if(
        w.actions, [](Action a) { return a == Action::kLaunch || a == Action::kCollect || a == Action::kCleanUp; });
    REQUIRE(tasks <= 1);
    if (w.spec.kind == WorkloadKind::kService) REQUIRE(w.status.phase != P::kFailed);
  }
  void walk(const World& w, int depth) {
    ++histories;
    if (depth == 0) return;
    for (int event = 0; event < kEvents; ++event) {
      step(w, event);
      World next = last;
      next.actions.clear();
      walk(next, depth - 1);
    }
  }
  World last;
};

}  // namespace

TEST_CASE("in every order of five events no job succeeds without an exit code of 0 and no end is undone") {
  Walker walker;
  walker.walk(World(WorkloadKind::kJob, RestartPolicy::kNever), 5);
  walker.walk(World(WorkloadKind::kJob, RestartPolicy::kOnFailure), 4);
  walker.walk(World(WorkloadKind::kService), 5);
  CHECK(walker.histories > 500'000);
}

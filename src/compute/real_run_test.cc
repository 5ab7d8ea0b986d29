// Real containers: real crun, conmon, control groups. On a machine that cannot run them every case here is skipped, and
// says so.
#include <signal.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "compute/crun/crun_runtime.h"
#include "compute/doctor.h"
#include "compute/process.h"
#include "compute/service.h"
#include "compute/testing/objects.h"
#include "registry/busybox_layout.h"
#include "registry/testing/bed.h"

using namespace dl;
using namespace dl::compute;
using format::WorkloadPhase;

namespace {

bool can_run() {
  static const bool can = [] {
    auto& fs = storage::posix_file_system();
    auto busybox = fs.exists("/bin/busybox");
    return is_ready(check_compute(fs)) && busybox.ok() && *busybox;
  }();
  return can;
}

#define REAL_CASE(name) TEST_CASE(name* doctest::skip(!can_run()))

struct RealBed {
  registry::testing::ImageBed bed;
  storage::FileSystem& fs = bed.fs;
  testing::MapObjects objects{fs};
  PartitionWorkloadTable table{bed.store.partition("control")};
  CrunRuntime runtime{fs, {.state_dir = bed.dir / "workloads/crun"}};
  std::unique_ptr<ComputeService> service;
  StopSignal ticks;
  std::string boot_id = "boot-1";

  explicit RealBed(bool with_image = true) {
    if (with_image) import_image();
    start();
  }
  ~RealBed() {
    service.reset();
    const std::vector<Workload> all = table.list().value();
    for (const auto& w : all)
      for (uint32_t n = 1; w.status && n <= w.status->attempt; ++n) REQUIRE(runtime.remove(ref(w, n)).ok());
    runtime.remove_parent_group();
  }
  void import_image() {
    REQUIRE(registry::write_busybox_layout(fs, bed.dir / "layout").ok());
    REQUIRE(bed.images->import(bed.dir / "layout", {}).ok());
  }
  void start() {
    ReconcileRules rules = default_rules();
    rules.first_back_off = Millis(50);
    rules.retry = Millis(50);
    rules.stop_grace = Millis(200);
    service = std::make_unique<ComputeService>(
        table, *bed.images, runtime, objects, fs, system_clock(), system_random(),
        ComputeSettings{
            .dir = bed.dir / "workloads", .node = "here", .boot_id = boot_id, .tick = Millis(20), .rules = rules});
    auto started = service->start();
    REQUIRE(started.ok());
  }
  ContainerRef ref(const Workload& w, uint32_t attempt) {
    return container_ref(bed.dir / "workloads", w.spec.id, attempt);
  }

  std::string submit(RunRequest request) {
    request.principal = "user/alice";
    if (request.image.empty()) request.image = "busybox";
    auto submitted = service->submit(audit::Author("user/alice"), request);
    if (!submitted.ok()) FAIL(submitted.error().message);
    return submitted->spec.id.hex();
  }
  std::string shell(const std::string& script, RunRequest request = {}) {
    request.args = {"sh", "-c", script};
    return submit(request);
  }
  Workload get(const std::string& id) { return service->find(id).value(); }
  // Waits for what must come; a minute is for a machine that is busy with other things.
  Workload wait(const std::string& id, const std::function<bool(const format::WorkloadStatus&)>& until) {
    MonoTime deadline = system_clock().mono() + Millis(60'000);
    for (;;) {
      Workload w = get(id);
      if (w.status && until(*w.status)) return w;
      if (system_clock().mono() > deadline)
        FAIL(fmt::format("still {} {} {}", w.status ? format::phase_name(w.status->phase) : "unseen",
                         w.status ? w.status->reason : "", w.status ? w.status->message : ""));
      (void)ticks.wait_for(Millis(10));
    }
  }
  Workload wait_end(const std::string& id) {
    return wait(id, [](const auto& s) { return format::is_terminal(s.phase); });
  }
  Workload wait_running(const std::string& id, uint32_t attempt = 1) {
    return wait(id, [&](const auto& s) { return s.phase == WorkloadPhase::kRunning && s.attempt == attempt; });
  }
  void wait_for(const std::function<bool()>& condition) {
    MonoTime deadline = system_clock().mono() + Millis(60'000);
    while (!condition()) {
      REQUIRE(system_clock().mono() < deadline);
      (void)ticks.wait_for(Millis(10));
    }
  }
  // All pages of it, each of the smallest size.
  std::string log(const std::string& id) {
    std::string out;
    for (uint64_t at = 0;;) {
      auto page = service->logs(id, at, 0);
      REQUIRE(page.ok());
      CHECK_FALSE(page->gap);
      out += log_text(page->lines);
      if (page->next == at) return out;
      at = page->next;
    }
  }
  bool runs(int pid) {
    auto stat = read_pseudo_file(fs, fmt::format("/proc/{}/stat", pid));
    return stat.ok() && stat->find(") Z ") == Bytes::npos;
  }
};

}  // namespace

TEST_CASE("this machine can run containers, or the real runs are skipped aloud") {
  if (can_run()) return;
  const std::vector<DoctorCheck> checks = check_compute(storage::posix_file_system());
  for (const auto& check : checks)
    if (!check.ok) MESSAGE("SKIPPED: all real runs: ", check.name, ": ", check.finding);
}

REAL_CASE("a job reads /in, writes /out, and its output is objects when it has succeeded") {
  RealBed bed;
  bed.objects.put("mission/data/a/b.txt", "12345");
  bed.objects.put("mission/data/c.txt", "678");
  bed.objects.put("mission/database", "not below data/");
  auto id = bed.shell(
      "cat /in/a/b.txt /in/c.txt | wc -c > /out/count; ls /in > /out/ls; mkdir /out/d && echo deep > /out/d/e;"
      "ln -s /etc/passwd /out/link; touch /in/x 2>/dev/null && echo writable; echo hello; echo oops >&2",
      {.input = "s3://mission/data", .output = "s3://mission/reports"});
  auto w = bed.wait_end(id);
  CHECK(w.status->phase == WorkloadPhase::kSucceeded);
  CHECK(w.status->exit_code == 0);
  CHECK(bed.objects.get("mission/reports/count") == "8\n");
  CHECK(bed.objects.get("mission/reports/ls") == "a\nc.txt\n");
  CHECK(bed.objects.get("mission/reports/d/e") == "deep\n");
  CHECK_FALSE(bed.objects.get("mission/reports/link"));
  CHECK(w.status->output_objects == 3);
  auto page = bed.service->logs(id, 0, 1 << 20).value();
  const auto& lines = page.lines;
  CHECK(page.end);
  REQUIRE(lines.size() == 2);
  CHECK(log_text(lines) == "hello\noops\n");
  CHECK(std::ranges::count(lines, LogLine::Stream::kErr, &LogLine::stream) == 1);
}

REAL_CASE("three megabytes of output are read page by page, none twice and none left out") {
  RealBed bed;
  const std::string rest(60, 'x');
  auto id = bed.shell("seq 1 40000 | sed 's/$/ " + rest + "/'; printf 'no line end'");
  REQUIRE(bed.wait_end(id).status->phase == WorkloadPhase::kSucceeded);
  std::string want;
  for (int i = 1; i <= 40'000; ++i) want += fmt::format("{} {}\n", i, rest);
  REQUIRE(want.size() > (2u << 20));
  want += "no line end";
  std::string got = bed.log(id);
  CHECK(got.size() == want.size());
  CHECK((got == want));
}

REAL_CASE("a job that fails tells its exit code and stores no output") {
  RealBed bed;
  auto w = bed.wait_end(bed.shell("echo x > /out/x; exit 7", {.output = "s3://mission/reports"}));
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(w.status->exit_code == 7);
  CHECK(bed.objects.names().empty());
}

REAL_CASE("a job over its memory limit is killed and says why") {
  RealBed bed;
  auto w = bed.wait_end(bed.shell("x=abcdefgh; while true; do x=$x$x; done", {.memory_bytes = 16 << 20}));
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(w.status->reason == "OOMKilled");
  CHECK(w.status->exit_code == 137);
}

REAL_CASE("a job over its process limit cannot fork") {
  RealBed bed;
  auto id = bed.shell("i=0; while [ $i -lt 20 ]; do sleep 60 & i=$((i+1)); done; echo all started", {.pids = 8});
  auto w = bed.wait_end(id);
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(bed.log(id).find("can't fork") != std::string::npos);
  CHECK(bed.log(id).find("all started") == std::string::npos);
}

REAL_CASE("the CPU limit stands in the container's control group") {
  RealBed bed;
  auto w = bed.wait_running(bed.shell("sleep 600", {.cpu_millis = 250}));
  auto cgroups = read_cgroups(bed.fs).value();
  std::string path = "/demilune/" + bed.ref(w, 1).id;
  if (cgroups.layout == CgroupLayout::kV2)
    CHECK(read_pseudo_file(bed.fs, cgroups.unified + path + "/cpu.max").value() == "25000 100000\n");
  else
    CHECK(read_pseudo_file(bed.fs, cgroups.hierarchy.at("cpu") + path + "/cpu.cfs_quota_us").value() == "25000\n");
}

REAL_CASE("a job that runs too long is ended") {
  RealBed bed;
  auto w = bed.wait_end(bed.shell("sleep 600", {.timeout = Millis(300)}));
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(w.status->reason == "Timeout");
}

REAL_CASE("a cancelled job ends and its processes are gone") {
  RealBed bed;
  auto id = bed.shell("trap '' TERM; sleep 600 & sleep 600");
  auto w = bed.wait_running(id);
  int pid = bed.runtime.container_pid(bed.ref(w, 1));
  REQUIRE(bed.runs(pid));
  REQUIRE(bed.service->cancel(audit::Author("user/alice"), id).ok());
  CHECK(bed.wait_end(id).status->phase == WorkloadPhase::kCancelled);
  CHECK_FALSE(bed.runs(pid));
}

REAL_CASE("a service that ends is started again, later each time") {
  RealBed bed;
  auto id = bed.shell("echo once; exit 1", {.name = "web", .service = true});
  auto w = bed.wait(id, [](const auto& s) { return s.attempt >= 4; });
  CHECK(w.status->restarts >= 3);
  CHECK(w.status->failures >= 3);
  bed.wait(id, [](const auto& s) { return s.phase == WorkloadPhase::kBackOff; });
  REQUIRE(bed.service->remove(audit::Author("user/alice"), "web").ok());
  bed.wait_for([&] { return !bed.service->find("web").ok(); });
  CHECK_FALSE(bed.fs.exists(workload_dir(bed.bed.dir / "workloads", w.spec.id)).value());
}

REAL_CASE("containers run on while the node is down and are found again") {
  RealBed bed;
  auto service = bed.shell("sleep 600", {.name = "web", .service = true});
  auto job = bed.shell("sleep 600 & wait $!; exit 5");
  int pid = bed.runtime.container_pid(bed.ref(bed.wait_running(service), 1));
  auto w = bed.wait_running(job);
  int job_pid = bed.runtime.container_pid(bed.ref(w, 1));
  bed.service.reset();
  CHECK(bed.runs(pid));
  // The job ends while nobody looks.
  Bytes children;
  bed.wait_for([&] {
    children = read_pseudo_file(bed.fs, fmt::format("/proc/{0}/task/{0}/children", job_pid)).value();
    return !children.empty();
  });
  REQUIRE(signal_process(std::stoi(children), SIGKILL).ok());
  bed.wait_for([&] { return !bed.runs(job_pid); });
  bed.start();
  auto ended = bed.wait_end(job);
  CHECK(ended.status->phase == WorkloadPhase::kFailed);
  CHECK(ended.status->exit_code == 5);
  auto again = bed.get(service);
  CHECK(again.status->phase == WorkloadPhase::kRunning);
  CHECK(again.status->attempt == 1);
  CHECK(bed.runtime.container_pid(bed.ref(again, 1)) == pid);
  CHECK(bed.runs(pid));
}

REAL_CASE("after a reboot services are back, jobs are lost unless they may run again") {
  RealBed bed;
  auto service = bed.shell("sleep 600", {.name = "web", .service = true});
  auto job = bed.shell("sleep 600");
  auto restartable = bed.shell("sleep 600", {.restart_on_failure = true});
  std::vector<Workload> all;
  for (const auto& id : {service, job, restartable}) all.push_back(bed.wait_running(id));
  bed.service.reset();
  std::vector<int> pids;
  for (const auto& w : all) {
    int conmon = bed.runtime.conmon_pid(bed.ref(w, 1)), container = bed.runtime.container_pid(bed.ref(w, 1));
    REQUIRE(signal_process(conmon, SIGKILL).ok());
    REQUIRE(signal_process(container, SIGKILL).ok());
    pids.insert(pids.end(), {conmon, container});
  }
  for (int pid : pids) bed.wait_for([&] { return !bed.runs(pid); });
  bed.boot_id = "boot-2";
  bed.start();
  CHECK(bed.wait_running(service, 2).status->restarts == 1);
  CHECK(bed.wait_running(restartable, 2).status->restarts == 1);
  auto lost = bed.wait_end(job);
  CHECK(lost.status->phase == WorkloadPhase::kLost);
  CHECK(lost.status->reason == "Rebooted");
  CHECK_FALSE(lost.status->exit_code);
}

REAL_CASE("a container whose supervisor was killed is lost, never a success, and is ended") {
  RealBed bed;
  auto id = bed.shell("sleep 600");
  auto w = bed.wait_running(id);
  int container = bed.runtime.container_pid(bed.ref(w, 1));
  REQUIRE(signal_process(bed.runtime.conmon_pid(bed.ref(w, 1)), SIGKILL).ok());
  CHECK(bed.wait_end(id).status->phase == WorkloadPhase::kLost);
  bed.wait_for([&] { return !bed.runs(container); });
}

REAL_CASE("a job waits for its image and runs when it has come") {
  RealBed bed(false);
  auto id = bed.shell("echo here");
  auto w = bed.wait(id, [](const auto& s) { return s.phase == WorkloadPhase::kWaiting; });
  CHECK(w.status->message.find("busybox") != std::string::npos);
  bed.import_image();
  CHECK(bed.wait_end(id).status->phase == WorkloadPhase::kSucceeded);
  CHECK(bed.log(id) == "here\n");
}

REAL_CASE("a job runs as its submitter: what that one may not read, it does not get") {
  RealBed bed;
  RunRequest request{.image = "busybox", .args = {"true"}, .input = "s3://mission/x", .principal = "user/mallory"};
  auto submitted = bed.service->submit(audit::Author("user/alice"), request);
  REQUIRE(submitted.ok());
  auto w = bed.wait_end(submitted->spec.id.hex());
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(w.status->message.find("user/mallory may not") != std::string::npos);
}

REAL_CASE("a container sees its own processes, no network, few rights, and another user may write /out") {
  RealBed bed;
  auto id = bed.shell(
      "echo pid $$; id -u; id -g; ls /sys/class/net 2>/dev/null | tr '\\n' ' '; hostname; grep -E 'CapEff|NoNewPrivs' "
      "/proc/self/status; mount -t tmpfs none /tmp 2>/dev/null || echo refused; echo mine > /out/f",
      {.name = "alone", .output = "s3://mission/o", .user = "nobody"});
  CHECK(bed.wait_end(id).status->phase == WorkloadPhase::kSucceeded);
  std::string log = bed.log(id);
  CAPTURE(log);
  CHECK(log.starts_with("pid 1\n65534\n65534\n"));
  CHECK(log.find("alone\n") != std::string::npos);
  CHECK(log.find("eth") == std::string::npos);
  CHECK(log.find("CapEff:\t0000000000000000") != std::string::npos);
  CHECK(log.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK(log.find("refused") != std::string::npos);
  CHECK(bed.objects.get("mission/o/f") == "mine\n");
}

REAL_CASE("what a container writes into its root is its own: the image stays as it was") {
  RealBed bed;
  CHECK(bed.wait_end(bed.shell("echo x > /etc/mark && rm /bin/wc")).status->phase == WorkloadPhase::kSucceeded);
  auto id = bed.shell("ls /etc/mark 2>/dev/null; echo abc | wc -c");
  CHECK(bed.wait_end(id).status->phase == WorkloadPhase::kSucceeded);
  CHECK(bed.log(id) == "4\n");
  auto read_only = bed.shell("echo x > /etc/mark", {.read_only_root = true});
  CHECK(bed.wait_end(read_only).status->phase == WorkloadPhase::kFailed);
}

REAL_CASE("a program that is not in the image is a failure that says so") {
  RealBed bed;
  auto w = bed.wait_end(bed.submit({.args = {"/no/such/program"}}));
  CHECK(w.status->phase == WorkloadPhase::kFailed);
  CHECK(w.status->reason == "LaunchFailed");
  CHECK(w.status->message.find("/no/such/program") != std::string::npos);
}

REAL_CASE("nothing is left behind when a workload is deleted") {
  RealBed bed;
  auto id = bed.shell("sleep 600", {.name = "gone", .output = "s3://mission/o"});
  auto w = bed.wait_running(id);
  int container = bed.runtime.container_pid(bed.ref(w, 1)), conmon = bed.runtime.conmon_pid(bed.ref(w, 1));
  REQUIRE(bed.service->remove(audit::Author("user/alice"), id).ok());
  bed.wait_for([&] { return !bed.service->find(id).ok(); });
  bed.wait_for([&] { return !bed.runs(container) && !bed.runs(conmon); });
  CHECK_FALSE(bed.fs.exists(workload_dir(bed.bed.dir / "workloads", w.spec.id)).value());
  CHECK_FALSE(bed.fs.exists(bed.bed.dir / ("workloads/crun/" + bed.ref(w, 1).id)).value());
  auto cgroups = read_cgroups(bed.fs).value();
  for (const auto& [controller, point] : cgroups.hierarchy)
    CHECK_FALSE(bed.fs.exists(point + "/demilune/" + bed.ref(w, 1).id).value());
}

REAL_CASE("an image in use cannot be removed, an unused one can") {
  RealBed bed;
  auto id = bed.shell("sleep 600");
  bed.wait_running(id);
  auto in_use = [&](const Sha256& digest) { return bed.service->uses_image(digest).value(); };
  CHECK_FALSE(bed.bed.images->remove("busybox", in_use).ok());
  REQUIRE(bed.service->cancel(audit::Author("user/alice"), id).ok());
  bed.wait_end(id);
  CHECK(bed.bed.images->remove("busybox", in_use).ok());
}

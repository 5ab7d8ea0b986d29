#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "app/demo_story.h"
#include "compute/doctor.h"
#include "crypto/hash.h"
#include "registry/busybox_layout.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

constexpr char kService[] = "beacon";
constexpr char kReport[] = "reports/notes.sha256";
constexpr Millis kContainerDeadline{90'000};

std::string missing_here() {
  std::string missing;
  for (const auto& check : compute::check_compute(storage::posix_file_system()))
    if (!check.ok && check.needed) missing += (missing.empty() ? "" : "; ") + check.name + ": " + check.finding;
  std::error_code failed;
  if (!std::filesystem::exists("/bin/busybox", failed))
    missing += std::string(missing.empty() ? "" : "; ") + "no /bin/busybox (package busybox-static)";
  return missing;
}

void skip(DemoWorld& w, const std::string& step, const std::string& why) {
  w.skipped.push_back(step + ": " + why);
  say_line("  *** SKIPPED: " + step);
  say_line("  *** because: " + why);
}

pid_t service_pid(const DemoWorld& w) {
  std::error_code failed;
  pid_t newest = 0;
  std::filesystem::file_time_type when{};
  for (std::filesystem::recursive_directory_iterator
           at(w.field1->dir() + "/workloads", std::filesystem::directory_options::skip_permission_denied, failed),
       end;
       !failed && at != end; at.increment(failed)) {
    if (at->path().filename() == "rootfs" || at->path().filename() == "merged") at.disable_recursion_pending();
    if (at->path().filename() != "ctr.pid") continue;
    auto text = storage::read_file(storage::posix_file_system(), at->path(), 64);
    auto written = std::filesystem::last_write_time(at->path(), failed);
    if (!text.ok() || failed || (newest && written < when)) continue;
    newest = static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10));
    when = written;
  }
  return newest;
}

Result<void> wait_service(DemoWorld& w) {
  std::string last;
  auto runs = wait_until("the service runs", kContainerDeadline, [&]() -> Result<bool> {
    DL_TRY(auto job, w.field1->command({"job", "show", kService}));
    last = format::write_json(job);
    return job.text("phase") == "Running";
  });
  if (runs.ok()) return {};
  auto e = std::move(runs).error();
  return error(e.code, e.message + "; " + last);
}

// The sums that the job must have written: "<hash>  ./<name>" in the order of names.
Result<void> check_report(DemoWorld& w) {
  DL_TRY(auto client, w.field1->s3());
  DL_TRY(auto text, client->get(kDemoBucket, kReport));
  size_t lines = 0;
  for (size_t at = 0; at < text.size(); lines++) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) return error(Code::kCorrupt, "the report ends within a line");
    std::string line = text.substr(at, end - at);
    at = end + 1;
    size_t name = line.rfind('/');
    if (name == std::string::npos ||
        !w.ledger.expected("field/new/" + line.substr(name + 1)).contains(line.substr(0, 64)))
      return error(Code::kCorrupt, "the report has a wrong line: " + line);
  }
  if (lines != 300) return error(Code::kCorrupt, fmt::format("the report has {} lines, not 300", lines));
  w.ledger.wrote("field-01", kReport, crypto::sha256(text).hex());
  return {};
}

}  // namespace

Result<void> play_job(DemoWorld& w) {
  if (auto missing = missing_here(); !missing.empty()) {
    skip(w, "a job and a service on the device", missing);
    return {};
  }
  std::string layout = w.dir + "/busybox-oci";
  DL_OK(registry::write_busybox_layout(storage::posix_file_system(), layout));
  DL_TRY(auto image, w.field1->command({"image", "import", layout, "--name", "busybox"}));
  say("An OCI layout of Debian's busybox went into the device's own image store. A job reads s3://mission/field/new/ "
      "as /in, and what it leaves in /out becomes objects below s3://mission/reports/.");
  DL_TRY(auto job, w.field1->command({"run", "busybox", "--in", "s3://mission/field/new/", "--out",
                                      "s3://mission/reports/", "--wait", "--wait-timeout", "2m", "--", "sh", "-c",
                                      "cd /in && find . -type f | sort | xargs sha256sum > /out/notes.sha256"},
                                     std::chrono::minutes(3)));
  DL_OK(check_report(w));
  say("The job hashed ben's 300 notes; its report is right by the checker's own list.");
  DL_TRY(auto service, w.field1->command({"run", "busybox", "--name", kService, "--restart", "always", "--", "sh", "-c",
                                          "while true; do date; sleep 1; done"}));
  DL_OK(wait_service(w));
  w.service_pid = service_pid(w);
  if (w.service_pid <= 0) return error(Code::kInternal, "the service's process cannot be found");
  say(fmt::format("A service, '{}', runs on: its container's process is {}.", kService, w.service_pid));
  return {};
}

Result<void> check_adopted(DemoWorld& w) {
  if (w.service_pid == 0) {
    skip(w, "containers run on through the kill and are adopted", "no container was started");
    return {};
  }
  if (::kill(w.service_pid, 0) != 0) return error(Code::kInternal, "the service's container did not survive the kill");
  DL_OK(wait_service(w));
  pid_t now = service_pid(w);
  if (now != w.service_pid)
    return error(Code::kInternal, fmt::format("the service was started anew ({} was {})", now, w.service_pid));
  say(fmt::format("The container ran on all the while (process {}) and was adopted.", w.service_pid));
  return {};
}

Result<void> play_reboot(DemoWorld& w) {
  if (w.service_pid == 0) {
    skip(w, "the service is back by itself after a reboot", "no container was started");
    return {};
  }
  DL_OK(w.field1->kill());
  size_t ended = w.field1->end_containers();
  if (ended == 0) return error(Code::kInternal, "there was no container process to end");
  say(
      fmt::format("The daemon and {} processes of its containers are ended, as a power cut would. The daemon starts "
                  "again, still with no link.",
                  ended));
  DL_OK(w.field1->start());
  DL_OK(wait_until("the service has a new process", kContainerDeadline, [&]() -> Result<bool> {
    pid_t now = service_pid(w);
    return now > 0 && now != w.service_pid && ::kill(now, 0) == 0;
  }));
  DL_OK(wait_service(w));
  w.service_pid = service_pid(w);
  say(fmt::format("The service is back by itself, as process {}.", w.service_pid));
  return {};
}

}  // namespace dl::app

#include "app/demo.h"

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "app/demo_story.h"
#include "base/error_table.h"
#include "base/log.h"
#include "base/thread.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

struct Outcome {
  std::string failed_step;  // empty: every step held
  size_t played = 0;
};

std::string seconds_text(Millis time) { return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000); }

Millis since(MonoTime start) { return std::chrono::duration_cast<Millis>(system_clock().mono() - start); }

Outcome play(DemoWorld& w, const std::vector<DemoStep>& steps) {
  Outcome outcome;
  for (size_t i = 0; i < steps.size(); i++) {
    say_line(fmt::format("\n{}. {}", i + 1, steps[i].title));
    auto start = system_clock().mono();
    auto done = steps[i].play(w);
    if (!done.ok()) {
      say_line("  FAILED: " + done.error().message);
      outcome.failed_step = fmt::format("step {}, {}", i + 1, steps[i].title);
      return outcome;
    }
    outcome.played++;
    say_line(fmt::format("  ({})", seconds_text(since(start))));
  }
  return outcome;
}

uint64_t over_link(const std::unique_ptr<net::CutProxy>& link) {
  if (!link) return 0;
  auto c = link->counters();
  return c.to_target + c.from_target;
}

void report(const DemoWorld& w, const Outcome& outcome, size_t steps, Millis time) {
  auto line = [](std::string_view name, const std::string& value) { say_line(fmt::format("  {:<22}{}", name, value)); };
  std::string by_node;
  for (const auto& [node, n] : w.ledger.acknowledged_by_node())
    by_node += fmt::format("{}{} {}", by_node.empty() ? "" : ", ", node, grouped(n));
  say_line("\nMission report");
  line("steps", fmt::format("{} of {} held, {} skipped", outcome.played, steps, w.skipped.size()));
  for (const auto& s : w.skipped) line("  SKIPPED", s);
  line("acknowledged writes", fmt::format("{} ({})", grouped(w.ledger.acknowledged()), by_node));
  line("lost", outcome.failed_step.empty() ? "0"
               : w.lost > 0                ? grouped(w.lost)
                                           : "not known: the check was not reached");
  line("conflicts", fmt::format("{} shown, {} settled", w.conflicts_seen, w.conflicts_settled));
  line("bytes over the links", fmt::format("field-01 {}, field-02 {} (files: {})", grouped(over_link(w.link1)),
                                           grouped(over_link(w.link2)), grouped(w.data_bytes)));
  line("met again after", seconds_text(w.met_after));
  line("time", seconds_text(time));
  if (!outcome.failed_step.empty()) line("FAILED", outcome.failed_step);
}

void print_commands(const DemoWorld& w) {
  say_line("\nAll three nodes go on running. By hand, in another terminal:");
  for (const auto* node : w.nodes()) {
    say_line(fmt::format("\n  # {} ({})", node->name(), node->person().name));
    std::string exports = "  export";
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"})
      exports += fmt::format(" {}={}", name, node->aws_environment().at(name));
    say_line(exports);
    say_line(fmt::format("  {} --endpoint-url {} s3 ls s3://{}/", find_aws(), node->data_url(), kDemoBucket));
    say_line(fmt::format("  {} --data-dir {} sync status", w.program, node->dir()));
    say_line(fmt::format("  {} --data-dir {} conflict list", w.program, node->dir()));
  }
  say_line(fmt::format("\n  {} --data-dir {} job list", w.program, w.field1->dir()));
  if (isatty(0)) say_line("\nHere: `cut 1`, `mend 1`, `cut 2`, `mend 2`, `status`, `quit`.");
  say_line("Ctrl-C ends everything.");
}

// False: enough.
bool obey(DemoWorld& w, const std::string& line) {
  auto* link = line.ends_with(" 1") ? w.link1.get() : line.ends_with(" 2") ? w.link2.get() : nullptr;
  if (line == "quit") return false;
  if (line == "status") {
    say_line(fmt::format("field-01 {}, field-02 {}", w.link1->is_cut() ? "cut" : "linked",
                         w.link2->is_cut() ? "cut" : "linked"));
  } else if (link && line.starts_with("cut ")) {
    link->cut();
    say_line("cut: every connection is reset");
  } else if (link && line.starts_with("mend ")) {
    link->mend();
    say_line("mended: the device connects at its next try");
  } else if (!line.empty()) {
    say_line("`cut 1`, `mend 1`, `cut 2`, `mend 2`, `status`, `quit`");
  }
  return true;
}

void stay(DemoWorld& w) {
  print_commands(w);
  StopSignal pause;
  bool terminal = isatty(0);
  while (!interrupted()) {
    if (!terminal) {
      pause.wait_for(Millis(200));
      continue;
    }
    pollfd in{0, POLLIN, 0};
    if (::poll(&in, 1, 200) <= 0) continue;
    std::string line;
    if (!std::getline(std::cin, line))
      terminal = false;
    else if (!obey(w, line))
      return;
  }
}

int refuse(const Error& e) {
  say_line("demilune demo: " + e.message);
  if (!e.next.empty()) say_line("  next: " + e.next);
  return error_info(e.code).exit_status;
}

Result<std::string> work_dir(const cli::DemoOptions& options) {
  auto& fs = storage::posix_file_system();
  if (options.keep.empty()) {
    char name[] = "/tmp/demilune-demo-XXXXXX";
    if (!::mkdtemp(name)) return error(Code::kIo, "no directory can be made in /tmp");
    return std::string(name);
  }
  std::string path = std::filesystem::absolute(options.keep);
  DL_TRY(bool there, fs.exists(path));
  if (there) {
    DL_TRY(auto names, fs.list(path));
    if (!names.empty())
      return error(Code::kExists, "the directory " + path + " is not empty", "Name a new one with --keep.");
  }
  DL_OK(storage::make_dirs(fs, path, 0700));
  return path;
}

int play_in(const cli::DemoOptions& options, const std::string& dir, const std::string& program) {
  DemoWorld w(dir, program);
  auto steps = demo_steps();
  if (options.bare) steps.resize(1);
  auto start = system_clock().mono();
  auto outcome = play(w, steps);
  if (!options.bare) report(w, outcome, steps.size(), since(start));
  if (!outcome.failed_step.empty()) {
    say_line("\nThe demo FAILED in " + outcome.failed_step + ".");
    return interrupted() ? 130 : 1;
  }
  if (options.check)
    say_line("\nNothing was lost.");
  else
    stay(w);
  return 0;
}

}  // namespace

int run_demo(const cli::DemoOptions& options) {
  catch_interrupts();
  set_log_level(LogLevel::kWarn);
  if (find_aws().empty())
    return refuse(error(Code::kNotFound, "the AWS CLI (`aws`) is not in PATH", "On Debian: apt install awscli."));
  char program[4096];
  ssize_t length = ::readlink("/proc/self/exe", program, sizeof program);
  if (length <= 0) return refuse(error(Code::kIo, "/proc/self/exe cannot be read"));
  auto dir = work_dir(options);
  if (!dir.ok()) return refuse(dir.error());
  say_line("Demilune's demo, in " + *dir + (options.keep.empty() ? " (removed at the end)" : " (kept)"));
  int status = play_in(options, *dir, std::string(program, static_cast<size_t>(length)));
  if (options.keep.empty()) {
    auto removed = storage::remove_tree(storage::posix_file_system(), *dir);
    if (!removed.ok()) say_line("Removing " + *dir + ": " + removed.error().message);
  } else {
    say_line("Everything is kept in " + *dir + ".");
  }
  return status;
}

}  // namespace dl::app

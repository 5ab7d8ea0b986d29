#include "app/demo_tools.h"

#include <signal.h>

#include <atomic>
#include <cstdio>

#include <fmt/format.h>

#include "base/thread.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

constexpr uint64_t kMaxOutput = 64ull << 20;
constexpr size_t kColumns = 100;

volatile sig_atomic_t interrupt_seen = 0;
void on_interrupt(int) { interrupt_seen = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return interrupt_seen != 0; }

void say_line(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void say(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    size_t end = text.find(' ');
    auto word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      say_line(line);
      line.clear();
    }
    line += line.empty() ? "  " : " ";
    line += word;
  }
  if (!line.empty()) say_line(line);
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number), out;
  for (size_t i = 0; i < digits.size(); i++) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

Result<void> wait_until(const std::string& what, Millis deadline, const std::function<Result<bool>()>& done,
                        Millis every) {
  StopSignal pause;
  const auto end = system_clock().mono() + deadline;
  for (;;) {
    if (interrupted()) return error(Code::kCancelled, "interrupted");
    DL_TRY(bool yes, done());
    if (yes) return {};
    if (system_clock().mono() >= end)
      return error(Code::kTimeout, fmt::format("after {} s still not: {}", deadline.count() / 1000, what));
    pause.wait_for(every);
  }
}

Result<Output> run_tool(SpawnOptions options, const std::string& scratch_dir, Millis deadline) {
  static std::atomic<unsigned> number{0};
  auto& fs = storage::posix_file_system();
  std::string base = fmt::format("{}/tool-{}", scratch_dir, ++number);
  options.stdout_path = base + ".out";
  options.stderr_path = base + ".err";
  DL_TRY(auto process, Process::spawn(options));
  DL_OK(wait_until(
      options.argv[0] + " ends", deadline, [&]() -> Result<bool> { return !process.running(); }, Millis(10)));
  DL_TRY(int status, process.wait(Millis(0)));
  Output output{status, {}, {}};
  DL_TRY(output.out, storage::read_file(fs, options.stdout_path, kMaxOutput));
  DL_TRY(output.err, storage::read_file(fs, options.stderr_path, kMaxOutput));
  DL_OK(fs.remove(options.stdout_path));
  DL_OK(fs.remove(options.stderr_path));
  return output;
}

Result<void> write_text(const std::string& path, BytesView content, unsigned permissions) {
  auto& fs = storage::posix_file_system();
  DL_OK(storage::make_dirs(fs, path.substr(0, path.rfind('/')), 0700));
  DL_TRY(auto file, fs.open_write(path, storage::OpenMode::kCreateOrTruncate, permissions));
  return file->append(content);
}

}  // namespace dl::app

// The workload of the campaigns on real files, for power cuts below a real file system (tests/power/images.py).
//   storage_image run DIR LOG [--seed S] [--rounds N] [--plant BUG]    a store in DIR under load; what it acknowledged,
//   and
//                                                                     when, goes to LOG, which lies elsewhere
//   storage_image verify DIR LOG --until NANOSECONDS                   DIR is as it was at that time of the monotonic
//                                                                     clock: opens it and compares
// LOG: a line for each change, asked `Q time number change...` (key:value:end, in hexadecimal; the value - when it is
// erased) or acknowledged `A time number`.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "base/hex.h"
#include "base/log.h"
#include "storage/crash/workload.h"

namespace dl::storage::crash {
namespace {

struct Arguments {
  std::string dir, log;
  uint64_t seed = 1, rounds = 100, until = 0;
  std::string plant = "none";
};

uint64_t now_nanos() { return static_cast<uint64_t>(system_clock().mono().time_since_epoch().count()); }

class Log : public Workload::Listener {
 public:
  explicit Log(std::unique_ptr<WriteFile> file) : file_(std::move(file)) {}

  void asked(uint64_t number, const std::vector<Expected::Change>& changes) override {
    std::string line = "Q " + std::to_string(now_nanos()) + " " + std::to_string(number);
    for (const auto& change : changes)
      line += " " + to_hex(change.key) + ":" + (change.value ? to_hex(*change.value) : "-") + ":" + to_hex(change.end);
    add(line);
  }
  void acknowledged(uint64_t number) override {
    add("A " + std::to_string(now_nanos()) + " " + std::to_string(number));
  }
  // What went wrong with the log itself.
  Result<void> state() const { return state_; }

 private:
  void add(const std::string& line) {
    std::lock_guard lock(m_);
    auto written = file_->append(line + "\n");
    if (!written.ok() && state_.ok()) state_ = std::move(written);
  }
  std::mutex m_;
  std::unique_ptr<WriteFile> file_;
  Result<void> state_;
};

Result<void> run_load(const Arguments& args) {
  DL_TRY(Plant plant, parse_plant(args.plant));
  DL_TRY(auto file, posix_file_system().open_write(args.log, OpenMode::kCreateNew, 0600));
  Log log(std::move(file));
  Workload load(args.seed, plant, posix_file_system(), args.dir);
  load.listen(&log);
  for (int lives = 0; lives < 4; lives++) {  // restarts write too
    DL_OK(load.open());
    load.run(static_cast<int>(args.rounds / 4));
    load.close();
    if (load.died()) return error(Code::kInternal, "the store asked to be ended: " + load.why_died());
  }
  std::printf("storage_image: %llu writes acknowledged, %llu bodies moved\n",
              static_cast<unsigned long long>(load.acknowledged()), static_cast<unsigned long long>(load.moved()));
  return log.state();
}

struct Asked {
  uint64_t when = 0, acknowledged = 0;
  std::vector<Expected::Change> changes;
};

Result<std::map<uint64_t, Asked>> read_log(const std::string& path) {
  DL_TRY(Bytes text, read_file(posix_file_system(), path, 4ull << 30));
  std::map<uint64_t, Asked> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind, word;
    uint64_t when = 0, number = 0;
    words >> kind >> when >> number;
    if (kind == "A") {
      out[number].acknowledged = when;
      continue;
    }
    auto& asked = out[number];
    asked.when = when;
    while (words >> word) {
      size_t value_at = word.find(':') + 1, end_at = word.find(':', value_at) + 1;
      std::string value = word.substr(value_at, end_at - value_at - 1);
      Expected::Change change;
      DL_TRY(change.key, from_hex(word.substr(0, value_at - 1)));
      DL_TRY(change.end, from_hex(word.substr(end_at)));
      if (value != "-") {
        DL_TRY(change.value, from_hex(value));
      }
      asked.changes.push_back(std::move(change));
    }
  }
  return out;
}

Result<void> verify(const Arguments& args) {
  DL_TRY(auto log, read_log(args.log));
  Expected expected;
  uint64_t acknowledged = 0;
  for (const auto& [number, asked] : log) {
    if (asked.when >= args.until) break;
    bool safe = asked.acknowledged != 0 && asked.acknowledged < args.until;
    expected.add(asked.changes, safe ? Expected::Outcome::kAcknowledged : Expected::Outcome::kOpen);
    acknowledged += safe ? 1 : 0;
  }
  Workload load(1, Plant::kNone, posix_file_system(), args.dir);
  load.expect(std::move(expected));
  DL_OK(load.open());
  auto seen = load.verify();
  load.close();
  if (seen.ok()) std::printf("storage_image: %llu acknowledged\n", static_cast<unsigned long long>(acknowledged));
  return seen;
}

int usage() {
  std::fprintf(
      stderr,
      "usage: storage_image run DIR LOG [--seed S] [--rounds N] [--plant no-wal-sync|no-dir-sync|no-body-sync]\n"
      "       storage_image verify DIR LOG --until NANOSECONDS\n");
  return 2;
}

int run(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0) return usage();
  std::string what = argv[1];
  Arguments args;
  args.dir = argv[2], args.log = argv[3];
  for (int i = 4; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    if (name == "--plant") {
      args.plant = value;
      continue;
    }
    if (name != "--seed" && name != "--rounds" && name != "--until") return usage();
    (name == "--seed"     ? args.seed
     : name == "--rounds" ? args.rounds
                          : args.until) = std::strtoull(value.c_str(), nullptr, 10);
  }
  if (what != "run" && what != "verify") return usage();
  set_log_level(LogLevel::kError);
  auto done = what == "run" ? run_load(args) : verify(args);
  if (done.ok()) return 0;
  std::printf("FAILED: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace dl::storage::crash

int main(int argc, char** argv) { return dl::storage::crash::run(argc, argv); }

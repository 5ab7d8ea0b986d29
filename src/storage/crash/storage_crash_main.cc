// Power cuts and disk errors under the local store, on a disk in memory.
//   storage_crash [--cuts N] [--seed S] [--mode cut|every|eio|enospc|errno] [--plant BUG] [--verbose]
// cut: a long life with N cuts at random calls; every: a short life from an empty disk, cut at each of its calls in
// turn, N of them evenly spread; eio, enospc: N lives with errors at random calls; errno: about N lives, each with one
// error at one call, all calls in turn (--cuts 0: really all). Ends with 0 only if nothing
// acknowledged was lost, nothing false was shown and the store always opened. A planted bug must make it fail.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.h"
#include "storage/crash/errno_campaign.h"
#include "storage/crash/workload.h"

namespace dl::storage::crash {
namespace {

struct Arguments {
  uint64_t cuts = 100;
  uint64_t seed = 1;
  std::string mode = "cut";
  std::string plant = "none";
  bool verbose = false;
};

struct Tally {
  uint64_t passed = 0, failed = 0, acknowledged = 0, in_open = 0, moved = 0;
};

class Campaign {
 public:
  Campaign(const Arguments& args, Plant plant) : args_(args), plant_(plant), engine_(args.seed) {}
  int run() {
    if (args_.mode == "cut") cuts();
    if (args_.mode == "every") every_call();
    if (args_.mode == "eio") errors(Code::kIo);
    if (args_.mode == "enospc") errors(Code::kNoSpace);
    if (args_.mode == "errno") every_error();
    std::printf(
        "storage_crash %s, seed %llu, plant %s: %llu passed, %llu failed (%llu writes acknowledged, %llu "
        "faults while opening, %llu bodies moved)\n",
        args_.mode.c_str(), static_cast<unsigned long long>(args_.seed), args_.plant.c_str(),
        static_cast<unsigned long long>(tally_.passed), static_cast<unsigned long long>(tally_.failed),
        static_cast<unsigned long long>(tally_.acknowledged), static_cast<unsigned long long>(tally_.in_open),
        static_cast<unsigned long long>(tally_.moved));
    // A campaign of CI's size that never moved a body has not tested the moving.
    bool visited = tally_.moved > 0 || tally_.passed < 30 || args_.mode == "errno";
    if (!visited) std::printf("FAILED: no body was ever moved\n");
    return tally_.failed == 0 && tally_.passed > 0 && visited ? 0 : 1;
  }

 private:
  // True: go on.
  bool judge(const Result<void>& result, uint64_t number) {
    if (result.ok()) {
      tally_.passed++;
      return true;
    }
    tally_.failed++;
    std::printf("FAILED at %llu: %s\n  again: storage_crash --mode %s --cuts %llu --seed %llu --plant %s\n",
                static_cast<unsigned long long>(number), result.error().message.c_str(), args_.mode.c_str(),
                static_cast<unsigned long long>(args_.cuts), static_cast<unsigned long long>(args_.seed),
                args_.plant.c_str());
    return false;
  }

  static Result<void> reopen_and_verify(Workload& load) {
    load.close();
    load.disk().crash();
    DL_OK(load.open());
    return load.verify();
  }

  void cuts() {
    Workload load(engine_(), plant_);
    Result<void> state = load.open();
    for (uint64_t i = 1; i <= args_.cuts && state.ok(); i++) {
      bool in_open = engine_() % 8 == 0;
      if (in_open) {
        load.close();
        load.disk().cut_after(1 + engine_() % 60);
        if (!load.open().ok()) tally_.in_open++;
        if (load.is_open()) load.run(40);
      } else {
        load.disk().cut_after(1 + engine_() % 500);
        load.run(60);
      }
      state = reopen_and_verify(load);
      if (!judge(state, i)) break;
    }
    load.close();
    tally_.acknowledged = load.acknowledged();
    tally_.moved = load.moved();
  }

  static void short_life(Workload& load) {
    if (!load.open().ok()) return;
    load.run(25);
    load.close();
    if (load.disk().is_cut() || !load.open().ok()) return;
    load.run(10);
  }

  void every_call() {
    uint64_t seed = engine_();
    Workload whole(seed, plant_);
    short_life(whole);
    whole.close();
    uint64_t calls = whole.disk().calls();
    for (uint64_t i = 0; i < args_.cuts; i++) {
      uint64_t at = args_.cuts >= calls ? i % calls + 1 : i * calls / args_.cuts + 1;
      Workload load(seed, plant_);
      load.disk().cut_after(at);
      short_life(load);
      tally_.acknowledged += load.acknowledged();
      auto state = reopen_and_verify(load);
      load.close();
      tally_.moved += load.moved();
      if (!judge(state, at)) return;
    }
  }

  // An error is no power cut: what was written stays in the disk's cache, as after a restart of the process; every
  // third time the power goes all the same.
  void errors(Code code) {
    Workload load(engine_(), plant_);
    Result<void> state = load.open();
    for (uint64_t i = 1; i <= args_.cuts && state.ok(); i++) {
      bool in_open = engine_() % 6 == 0;
      auto reads = code == Code::kIo && engine_() % 4 == 0 ? SimDisk::Reads::kCounted : SimDisk::Reads::kSpared;
      if (in_open) load.close();
      load.disk().fail_after(1 + engine_() % (in_open ? 50 : 300), 1 + engine_() % (code == Code::kIo ? 2 : 40), code,
                             reads);
      if (in_open && !load.open().ok()) tally_.in_open++;
      if (load.is_open()) load.run(60);
      load.disk().clear_faults();
      load.close();
      if (engine_() % 3 == 0) load.disk().crash();
      state = load.open();
      if (state.ok()) state = load.verify();
      if (!judge(state, i)) break;
    }
    load.close();
    tally_.acknowledged = load.acknowledged();
    tally_.moved = load.moved();
  }

  void every_error() {
    ErrnoCampaign campaign(args_.cuts, args_.seed, plant_);
    auto state = campaign.run();
    std::printf("%s", campaign.report().c_str());
    tally_.acknowledged = campaign.acknowledged();
    tally_.passed = campaign.lives() - (state.ok() ? 1 : 2);
    judge(state, campaign.lives());
  }

  const Arguments args_;
  const Plant plant_;
  std::mt19937_64 engine_;
  Tally tally_;
};

int usage() {
  std::fprintf(stderr,
               "usage: storage_crash [--cuts N] [--seed S] [--mode cut|every|eio|enospc|errno] [--verbose]\n"
               "       [--plant early-ack|no-dir-sync|no-wal-sync|no-body-sync|retry-after-failed-sync|\n"
               "                ignored-return-code]\n");
  return 2;
}

int run(int argc, char** argv) {
  Arguments args;
  for (int i = 1; i < argc; i++) {
    std::string name = argv[i];
    if (name == "--verbose") {
      args.verbose = true;
      continue;
    }
    if (i + 1 >= argc) return usage();
    std::string value = argv[++i];
    if (name == "--cuts") {
      args.cuts = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--seed") {
      args.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--mode") {
      args.mode = value;
    } else if (name == "--plant") {
      args.plant = value;
    } else {
      return usage();
    }
  }
  constexpr std::string_view kModes[] = {"cut", "every", "eio", "enospc", "errno"};
  if (std::find(std::begin(kModes), std::end(kModes), args.mode) == std::end(kModes)) return usage();
  auto plant = parse_plant(args.plant);
  if (!plant.ok() || (args.cuts == 0 && args.mode != "errno")) return usage();
  set_log_level(args.verbose ? LogLevel::kDebug : LogLevel::kError);
  return Campaign(args, *plant).run();
}

}  // namespace
}  // namespace dl::storage::crash

int main(int argc, char** argv) { return dl::storage::crash::run(argc, argv); }

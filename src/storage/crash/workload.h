#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "storage/crash/planted_files.h"
#include "storage/local/store.h"
#include "storage/sim/sim_disk.h"

// Drives a local store on a SimDisk with a mixed load, and knows what it must hold whatever happens to the disk.
namespace dl::storage::crash {

// Limits small enough that flushes, compactions, blob files, new logs and full segments all happen within seconds.
LocalLimits small_limits();

using State = std::map<std::string, std::string>;

// The states a store may be in. An acknowledged change is in all of them; changes whose outcome is open may have
// happened, in order, up to any of them.
class Expected {
 public:
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nullopt: erased
    std::string end;                   // not empty: all keys in [key, end) are erased
  };
  enum class Outcome { kAcknowledged, kOpen, kRefused };
  void add(const std::vector<Change>& changes, Outcome outcome);
  // Whether it is one of the states; from then on it is the only one.
  bool settle(const State& found);
  size_t alternatives() const { return states_.size(); }
  std::string describe_difference(const State& found) const;

 private:
  std::vector<State> states_{State{}};
  bool after_open_ = false;     // the newest change is open: the next open one builds on it
  std::vector<State> carried_;  // states in which all open ones so far happened
};

enum class Plant {
  kNone,
  kEarlyAck,
  kNoDirSync,
  kNoWalSync,
  kNoBodySync,
  kNoWatermark,
  kRetryAfterFailedSync,
  kIgnoredReturnCode
};
Result<Plant> parse_plant(std::string_view name);

class Workload {
 public:
  Workload(uint64_t seed, Plant plant);
  // Over real files instead, in DIR; disk() may not be called. `files` outlives it.
  Workload(uint64_t seed, Plant plant, FileSystem& files, std::string dir);
  SimDisk& disk() { return *disk_; }
  void use(std::unique_ptr<SimDisk> disk) { disk_ = std::move(disk); }

  // From the next open() on no bodies are copied out of segments: commits that nobody asked for stand behind real ones.
  void stay() { move_bytes_ = 0; }
  // Errors are open_local_store's.
  Result<void> open();
  void close();
  bool is_open() const { return store_ != nullptr; }
  // The store asked to end the process, and why.
  bool died() const { return died_; }
  std::string why_died() const;
  // Up to `rounds` groups of changes; ends early when the power is off or the store died.
  void run(int rounds);
  // Reads everything and compares. Errors: what is wrong, in words.
  Result<void> verify();
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t refused() const { return refused_; }
  // Every change from now on is told: first that it was asked for, with what it would do, then that it was
  // acknowledged.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void asked(uint64_t number, const std::vector<Expected::Change>& changes) = 0;
    virtual void acknowledged(uint64_t number) = 0;
  };
  void listen(Listener* listener) { listener_ = listener; }
  // What another process' load made of the store, some time ago.
  void expect(Expected expected) {
    expected_ = std::move(expected);
    clock_.advance(Millis(86'400'000));
  }
  // How changes were refused that a disk error caused, since the last call; bodies count, which no step attached.
  std::vector<Error> take_errors();
  uint64_t moved() const { return moved_; }  // bodies copied out of mostly dead segments

 private:
  struct Issued;
  std::unique_ptr<Issued> issue();
  std::unique_ptr<Issued> put_row();
  std::unique_ptr<Issued> put_object();
  std::unique_ptr<Issued> erase_object();
  std::unique_ptr<Issued> erase_some();
  void send(std::unique_ptr<Issued>& change, Step step);
  Result<State> read_state();
  Result<void> check_bodies(const State& found);
  Result<void> check_no_strays(const State& found);
  Result<void> check_segments();
  uint64_t below(uint64_t bound) { return engine_() % bound; }

  std::mt19937_64 engine_;
  Plant plant_;
  std::unique_ptr<SimDisk> disk_;
  FileSystem* below_ = nullptr;  // instead of the disk
  std::string dir_;
  std::unique_ptr<PlantedFiles> files_;
  std::vector<Error> errors_;
  Listener* listener_ = nullptr;
  uint64_t numbers_ = 0;
  ManualClock clock_;
  SeededRandom random_;
  std::unique_ptr<LocalStore> store_;
  std::atomic<bool> died_{false};
  mutable std::mutex why_m_;
  std::string why_;
  Expected expected_;
  uint64_t version_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t refused_ = 0;
  uint64_t moved_ = 0;
  uint64_t move_bytes_ = 150'000;
  bool fresh_ = false;  // nothing was asked since it was opened
};

}  // namespace dl::storage::crash

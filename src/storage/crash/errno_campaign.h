#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "storage/crash/workload.h"

namespace dl::storage::crash {

// Every call to the files that a life of the store makes is answered once with each error that the system has for it:
// the first call in the first life, the second in the second, until a life makes fewer calls. A life is a store made
// anew, or one that is opened again; a load; a look at everything; a restart, every other time with a power cut.
// After the error the caller has an error that names it; the store goes on or asks to be ended, as
// docs/internals/storage.md says for that error; and a restart finds everything acknowledged.
class ErrnoCampaign {
 public:
  // About `most` lives (0: every call): the calls are then taken at equal distances.
  ErrnoCampaign(uint64_t most, uint64_t seed, Plant plant) : most_(most), seed_(seed), plant_(plant) {}
  // Ends at the first failure. Errors: what was wrong, and at which call.
  Result<void> run();
  uint64_t lives() const { return lives_; }
  uint64_t acknowledged() const { return acknowledged_; }
  // "EIO: 512 lives; create 10, read 90, ..." one line an error.
  std::string report() const;

 private:
  struct Kind {
    const char* name;
    int number;
  };
  enum class Start { kNew, kUsed };
  Result<void> all_calls(const Kind& kind, Start start);
  uint64_t count_calls(const Kind& kind, Start start);
  Result<void> life(Workload& load, const Kind& kind, Start start, uint64_t nth, bool cut);

  const uint64_t most_;
  const uint64_t seed_;
  const Plant plant_;
  uint64_t lives_ = 0, acknowledged_ = 0;
  std::map<std::string, std::map<std::string, uint64_t>> hits_;  // error -> call -> how often
};

}  // namespace dl::storage::crash

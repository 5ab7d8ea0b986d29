#include "node/pulse.h"

#include <doctest/doctest.h>

#include "base/log.h"
#include "storage/sim/sim_disk.h"

namespace dl::node {
namespace {

struct Bed {
  Bed() {
    set_log_level(LogLevel::kError);
    limits.reopen_free_bytes = 0;
    store = storage::open_local_store(disk, "/data", {{"default", Bytes(32, 'k'), Bytes(32, 'b')}}, clock, random,
                                      limits, [](const std::string&) {})
                .value();
  }
  storage::SimDisk disk{1};
  ManualClock clock;
  SeededRandom random{1};
  storage::LocalLimits limits;
  std::unique_ptr<storage::LocalStore> store;
};

Code code_of(const Result<void>& ready) { return ready.ok() ? Code::kInternal : ready.error().code; }

}  // namespace

TEST_CASE("a node is not ready before its store was asked, nor when it has not answered for long") {
  Bed bed;
  Pulse pulse(*bed.store, bed.clock);
  CHECK(code_of(pulse.ready()) == Code::kUnavailable);
  pulse.beat();
  CHECK(pulse.ready().ok());
  bed.clock.advance(Pulse::kMaxSilence);
  CHECK(pulse.ready().ok());
  bed.clock.advance(Millis(1));
  CHECK(code_of(pulse.ready()) == Code::kUnavailable);
  pulse.beat();
  CHECK(pulse.ready().ok());
}

TEST_CASE("a disk below its reserve is told, and so is that it has space again") {
  Bed bed;
  Pulse pulse(*bed.store, bed.clock);
  bed.disk.set_space({1000ull << 20, 40ull << 20});
  pulse.beat();
  CHECK(code_of(pulse.ready()) == Code::kNoSpace);
  bed.disk.set_space({1000ull << 20, 400ull << 20});
  pulse.beat();
  CHECK(pulse.ready().ok());
}

TEST_CASE("a store that has failed is never ready again") {
  Bed bed;
  Pulse pulse(*bed.store, bed.clock);
  bed.disk.fail_after(1, 100, Code::kIo);
  auto put = bed.store->partition("default").commit_wait([](storage::Batch& batch) -> Result<void> {
    batch.put("k", "v");
    return {};
  });
  CHECK_FALSE(put.ok());
  bed.disk.clear_faults();
  pulse.beat();
  CHECK(code_of(pulse.ready()) == Code::kIo);
}

TEST_CASE("a store that was stopped is not ready") {
  Bed bed;
  Pulse pulse(*bed.store, bed.clock);
  bed.store->stop();
  pulse.beat();
  CHECK_FALSE(pulse.ready().ok());
}

}  // namespace dl::node

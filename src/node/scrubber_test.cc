#include "node/scrubber.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "storage/sim/sim_disk.h"

namespace dl::node {
namespace {

double seconds(MonoTime::duration d) { return std::chrono::duration<double>(d).count(); }

// Time is counted, not waited for.
TEST_CASE("a scrub's pace never takes more than its rate, whatever the runs are") {
  for (uint64_t rate : {1'000ull, 1ull << 20, 8ull << 20}) {
    SeededRandom random(rate);
    Pace pace(rate);
    const MonoTime begun{std::chrono::seconds(5)};
    MonoTime now = begun;
    double taken = 0;
    for (int i = 0; i < 2'000; i++) {
      const uint64_t run = 1 + static_cast<uint8_t>(random.bytes(1)[0]) * 1024;
      now += pace.wait_for(run, now);
      CHECK(taken <= static_cast<double>(rate) * seconds(now - begun) + 1);
      taken += static_cast<double>(run);
    }
    // It uses what it may, and time that passed unused is no right to a burst.
    CHECK(taken >= 0.9 * static_cast<double>(rate) * seconds(now - begun));
    now += std::chrono::hours(1);
    now += pace.wait_for(rate, now);
    CHECK(pace.wait_for(1, now) >= std::chrono::milliseconds(999));
  }
}

TEST_CASE("a scrub tells each damaged body once, and when it ended outlives a start") {
  storage::SimDisk disk(1);
  ManualClock clock;
  SeededRandom random(1);
  storage::LocalLimits limits;
  limits.reserve_percent = 0;
  auto open = [&] {
    return storage::open_local_store(disk, "/data", {{"default", Bytes(32, 'k'), Bytes(32, 'b')}}, clock, random,
                                     limits, [](const std::string&) {})
        .value();
  };
  auto opened = open();
  auto& store = *opened;
  auto writer = store.blobs("default").create(300'000);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->append(random.bytes(300'000)).ok());
  auto body = (*writer)->finish();
  REQUIRE(body.ok());
  REQUIRE(store.partition("default")
              .commit_wait([&](storage::Batch& batch) -> Result<void> {
                store.blobs("default").attach(batch, *body, "owner");
                return {};
              })
              .ok());

  std::vector<storage::ScrubFinding> found;
  Scrubber::Config config{&store,     &store.partition("default"),
                          &clock,     Millis(0),
                          1ull << 40, [&](const storage::ScrubFinding& f) { found.push_back(f); }};
  {
    Scrubber scrubber(config);
    REQUIRE(scrubber.start().ok());
    CHECK_FALSE(scrubber.last());
    REQUIRE(scrubber.run().ok());
    CHECK(found.empty());
    CHECK(scrubber.bytes() >= 300'000);
    CHECK(scrubber.last()->bodies == 1);
    CHECK(scrubber.last()->findings == 0);
  }
  opened.reset();
  const std::string segment = "/data/segments/default/00000001.seg";
  Bytes content = disk.content(segment);
  content[100'000] = static_cast<char>(content[100'000] ^ 1);
  disk.set_content(segment, content);
  clock.advance(Millis(5'000));
  opened = open();
  config.store = opened.get();
  config.partition = &opened->partition("default");
  Scrubber again(config);
  REQUIRE(again.start().ok());
  CHECK(again.last()->findings == 0);  // the one before
  REQUIRE(again.run().ok());
  REQUIRE(found.size() == 1);
  CHECK(found[0].blob == body->blobs[0].blob);
  Scrubber later(config);
  REQUIRE(later.start().ok());
  CHECK(later.last() == again.last());
  CHECK(later.last()->findings == 1);
  CHECK(later.last()->when == clock.wall());
}

}  // namespace
}  // namespace dl::node

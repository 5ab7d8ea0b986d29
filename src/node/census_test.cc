#include "node/census.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "format/keys.h"
#include "format/rows.h"
#include "format/upload.h"
#include "storage/memory/memory_store.h"

namespace dl::node {

TEST_CASE("conflicts and uploads are counted slice by slice, and what is told is of a whole walk") {
  ManualClock clock;
  SeededRandom random(1);
  storage::MemoryStore store({"default"}, clock, random);
  auto& partition = store.partition("default");
  auto bucket = random.id<BucketId>();
  auto put = [&](const Bytes& key, const Bytes& value) {
    REQUIRE(partition
                .commit_wait([&](storage::Batch& batch) -> Result<void> {
                  batch.put(key, value);
                  return {};
                })
                .ok());
  };
  auto listing = [&](int i, uint32_t conflicts) {
    format::ListingRow row;
    row.conflicts = conflicts;
    put(format::key_prefix(format::RowType::kListing, bucket, "k" + std::to_string(i)), format::encode(row));
  };
  auto upload = [&](uint64_t millis) {
    Bytes time;
    put_be64(time, millis);
    put(format::upload_key(bucket, "k", UploadId::of(time.substr(2) + random.bytes(10))),
        format::encode_upload(format::Upload{}));
  };
  Census census(partition);
  CHECK_FALSE(census.counts());
  REQUIRE(census.step(100).ok());
  CHECK(census.counts()->conflicts == 0);
  CHECK(census.counts()->uploads == 0);
  CHECK_FALSE(census.counts()->oldest_upload);

  for (int i = 0; i < 20; i++) listing(i, i % 5 == 0 ? 2 : 0);
  for (uint64_t millis : {5'000u, 3'000u, 9'000u}) upload(millis);
  int steps = 0;
  while (census.counts()->uploads == 0) {
    REQUIRE(census.step(4).ok());
    REQUIRE(++steps < 20);
    if (census.counts()->uploads == 0) CHECK(census.counts()->conflicts == 0);  // still of the walk before
  }
  CHECK(steps == 6);  // five slices of rows, one of uploads
  CHECK(census.counts()->conflicts == 4);
  CHECK(census.counts()->uploads == 3);
  CHECK(census.counts()->oldest_upload == WallTime(Millis(3'000)));

  listing(0, 0);
  REQUIRE(census.step(1000).ok());
  CHECK(census.counts()->conflicts == 3);
  put(format::key_prefix(format::RowType::kListing, bucket, "k1"), "damaged");
  CHECK_FALSE(census.step(1000).ok());
  CHECK(census.counts()->conflicts == 3);
}

}  // namespace dl::node

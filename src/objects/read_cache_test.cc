#include <doctest/doctest.h>

#include "objects/read_cache.h"

using dl::Bytes;
using dl::objects::ReadCache;

namespace {

std::shared_ptr<ReadCache::Entry> entry_of(uint64_t stamp, size_t body) {
  auto out = std::make_shared<ReadCache::Entry>();
  out->stamp = stamp;
  out->has_body = true;
  out->body = Bytes(body, 'x');
  return out;
}

Bytes row(int i) { return "row " + std::to_string(i); }

}  // namespace

TEST_CASE("an entry is found under its stamp only, and gone once another was asked for") {
  ReadCache cache(1 << 20);
  cache.put("a", entry_of(2, 10));
  REQUIRE(cache.find("a", 2));
  CHECK(cache.find("a", 2)->body.size() == 10);
  CHECK(!cache.find("a", 4));
  CHECK(!cache.find("a", 2));
  CHECK(cache.stats().bytes == 0);
  CHECK(cache.stats().hits == 2);
  CHECK(cache.stats().misses == 2);
}

TEST_CASE("what is put again takes the place of what was there") {
  ReadCache cache(1 << 20);
  cache.put("a", entry_of(2, 10));
  auto once = cache.stats().bytes;
  cache.put("a", entry_of(2, 10));
  CHECK(cache.stats().bytes == once);
}

TEST_CASE("memory stays within the bound, and what was used last stays") {
  ReadCache cache(1 << 20);
  for (int i = 0; i < 1000; i++) {
    cache.put(row(i), entry_of(2, 4096));
    CHECK(cache.find(row(0), 2) != nullptr);
    CHECK(cache.stats().bytes <= cache.stats().limit);
  }
  CHECK(cache.stats().bytes > cache.stats().limit / 2);
  CHECK(!cache.find(row(1), 2));
  CHECK(cache.find(row(999), 2));
  cache.put("large", entry_of(2, 1 << 20));
  CHECK(!cache.find("large", 2));
}

TEST_CASE("everything that an entry holds is counted") {
  ReadCache::Entry small, large;
  large.info.fields.headers = {{"content-disposition", std::string(20'000, 'x')}};
  large.info.fields.user_metadata = {{"m", std::string(2000, 'x')}};
  large.info.attributes.tags.emplace().value = {{"t", std::string(3000, 'x')}};
  large.info.attributes.acl.emplace().value = std::string(4000, 'x');
  large.info.fields.part_runs.resize(1000);
  CHECK(large.cost() > small.cost() + 29'000 + 1000 * sizeof(dl::format::PartRun));
}

TEST_CASE("without memory nothing is kept") {
  ReadCache cache(0);
  cache.put("a", entry_of(2, 1));
  CHECK(!cache.find("a", 2));
}

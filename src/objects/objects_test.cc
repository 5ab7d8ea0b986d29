#include <doctest/doctest.h>

#include <set>

#include "base/hex.h"
#include "base/random.h"
#include "objects/checksum.h"
#include "objects/conditions.h"
#include "objects/reason.h"
#include "objects/testing/paging_model.h"

using namespace dl;
using namespace dl::objects;
using format::ChecksumKind;

namespace {

format::Checksum checksum_of(ChecksumKind kind, BytesView data) {
  ChecksumTaker taker(kind);
  taker.update(data);
  return taker.finish();
}

}  // namespace

TEST_CASE("pages show each key and each common prefix once, whatever the page size") {
  SeededRandom random(11);
  for (int round = 0; round < 2000; ++round) {
    std::set<Bytes> keys;
    for (uint64_t n = random.below(12); n > 0; --n) {
      Bytes key;
      for (uint64_t length = 1 + random.below(4); length > 0; --length) key.push_back("a/\xff"[random.below(3)]);
      keys.insert(key);
    }
    const Bytes prefix = random.below(2) ? "a" : "", delimiter = random.below(3) ? "/" : "";
    const auto all = objects::testing::list_at_once(keys, prefix, delimiter);
    for (size_t limit : {1, 2, 1000}) CHECK(objects::testing::list_by_pages(keys, prefix, delimiter, limit) == all);
  }
}

TEST_CASE("a page that ended with a common prefix goes on behind it") {
  CHECK(listing_start("", "/", "a/") == "a0");
  CHECK(listing_start("", "/", "a/b") == "a0");
  CHECK(listing_start("", "", "a/") == Bytes("a/\0", 3));
  CHECK(listing_start("b", "/", "a") == "b");
  CHECK(listing_start("b", "/", "c") == std::nullopt);
  CHECK(listing_start("", "\xff", "a\xff") == "b");
  CHECK(listing_start("", "\xff", "\xff") == std::nullopt);
}

TEST_CASE("a whole's CRC is told from its parts, and composites are of the parts' checksums") {
  const Bytes a(100'000, 'a'), b(77, 'b');
  for (auto kind : {ChecksumKind::kCrc32, ChecksumKind::kCrc32c, ChecksumKind::kCrc64Nvme}) {
    std::vector<PartChecksum> parts{{checksum_of(kind, a), a.size()}, {checksum_of(kind, b), b.size()}};
    CHECK(combine(kind, parts) == checksum_of(kind, a + b));
    CHECK(combines(kind));
  }
  std::vector<PartChecksum> parts{{checksum_of(ChecksumKind::kSha256, a), a.size()}};
  auto composite = compose(ChecksumKind::kSha256, parts);
  CHECK(composite.composite);
  CHECK(composite.parts == 1);
  CHECK(composite.value == checksum_of(ChecksumKind::kSha256, parts[0].checksum.value).value);
  CHECK(to_base64(checksum_of(ChecksumKind::kCrc32, "hello world").value) == "DUoRhQ==");
}

TEST_CASE("ranges and parts lie where they should") {
  auto whole = resolve_range({0, std::nullopt}, 10);
  CHECK(whole->offset == 0);
  CHECK(whole->length == 10);
  CHECK(resolve_range({std::nullopt, 20}, 10)->length == 10);
  CHECK(reason_of(resolve_range({10, 12}, 10).error()) == Reason::kInvalidRange);
  CHECK(reason_of(resolve_range({0, 0}, 0).error()) == Reason::kInvalidRange);
  format::ObjectFields fields;
  fields.size = 25;
  fields.part_runs = {{10, 2}, {5, 1}};
  CHECK(part_count(fields) == 3);
  CHECK(resolve_part(fields, 2)->offset == 10);
  CHECK(resolve_part(fields, 3)->offset == 20);
  CHECK(resolve_part(fields, 3)->length == 5);
  CHECK(reason_of(resolve_part(fields, 4).error()) == Reason::kInvalidPartNumber);
  CHECK(reason_of(resolve_part(fields, 0).error()) == Reason::kInvalidPartNumber);
}

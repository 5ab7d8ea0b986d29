#include "crypto/keyring.h"

#include <doctest/doctest.h>

#include "base/testing/golden.h"

using namespace dl;
using namespace dl::crypto;

namespace {
const Bytes kRoot(32, 'r');
}

TEST_CASE("a key ring has the bytes that were decided") {
  SeededRandom random(1);
  KeyRing ring = KeyRing::make(random);
  ring.set(ring::kDeviceKey, "device key");
  ring.ensure_key(ring::partition_files("default"), random);
  CHECK(to_hex(ring.seal(kRoot, random).value()) == to_hex(testing::golden("keyring")));
  CHECK(KeyRing::open(kRoot, testing::golden("keyring")).value().get("device/key").value() == "device key");
}

TEST_CASE("keys come back as they were made, and are made once") {
  SeededRandom random(2);
  KeyRing ring = KeyRing::make(random);
  Bytes key = ring.ensure_key("partition/default/files", random);
  CHECK(key.size() == 32);
  CHECK(ring.ensure_key("partition/default/files", random) == key);
  CHECK(ring.ensure_key("partition/control/files", random) != key);
  CHECK(ring.changed());
  Bytes file = ring.seal(kRoot, random).value();
  CHECK(!ring.changed());

  KeyRing again = KeyRing::open(kRoot, file).value();
  CHECK(again.revision() == 1);
  CHECK(again.id() == ring.id());
  CHECK(again.get("partition/default/files").value() == key);
  CHECK(again.get("nothing").error().code == Code::kNotFound);
  CHECK(!again.changed());
  CHECK(again.remove("partition/default/files"));
  CHECK(!again.remove("partition/default/files"));
  KeyRing third = KeyRing::open(kRoot, again.seal(kRoot, random).value()).value();
  CHECK(third.revision() == 2);
  CHECK(!third.find("partition/default/files"));
}

TEST_CASE("a wrong root is told from damage, and neither opens") {
  SeededRandom random(3);
  KeyRing ring = KeyRing::make(random);
  ring.ensure_key("a", random);
  Bytes file = ring.seal(kRoot, random).value();
  CHECK(KeyRing::open(Bytes(32, 'x'), file).error().code == Code::kForeign);
  CHECK(KeyRing::open(kRoot, "something else").error().code == Code::kForeign);
  CHECK(KeyRing::open(kRoot, "").error().code == Code::kForeign);
  Bytes newer = file;
  newer[7] = 2;
  CHECK(KeyRing::open(kRoot, newer).error().code == Code::kUnsupported);
  for (size_t i = 0; i < file.size(); i++) {
    Bytes bad = file;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    REQUIRE(!KeyRing::open(kRoot, bad).ok());
    REQUIRE(!KeyRing::open(kRoot, file.substr(0, i)).ok());
  }
  Bytes last = file;
  last.back() = static_cast<char>(last.back() ^ 1);
  CHECK(KeyRing::open(kRoot, last).error().code == Code::kCorrupt);
}

TEST_CASE("a ring holds values up to its limits and says when it is full") {
  SeededRandom random(4);
  KeyRing ring = KeyRing::make(random);
  for (int i = 0; i < 63; i++) ring.set("k" + std::to_string(i), Bytes(kMaxRingValueBytes, 'v'));
  CHECK(KeyRing::open(kRoot, ring.seal(kRoot, random).value()).ok());
  for (int i = 63; i < 66; i++) ring.set("k" + std::to_string(i), Bytes(kMaxRingValueBytes, 'v'));
  CHECK(ring.seal(kRoot, random).error().code == Code::kTooLarge);
}

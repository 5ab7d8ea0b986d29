#include <doctest/doctest.h>

#include "journal/seal.h"
#include "sync/testing/trio.h"

namespace dl::sync::testing {
namespace {

format::OriginRow origin_row(Site& at, const Site& of) {
  return journal::load_origin(*at.node.view(), journal::testing::test_bucket(), of.node.space.self).value();
}

TEST_CASE("what a device gives is sealed with its key, and the hub keeps the seals that it checked") {
  Trio t;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 4; i++) t.a.node.put("k" + std::to_string(i), "round " + std::to_string(round));
    t.connect();
    REQUIRE(t.run());
    REQUIRE(!t.to_a.ended);
  }
  auto at_hub = origin_row(t.hub, t.a), own = origin_row(t.a, t.a);
  CHECK(at_hub.received == own.received);
  CHECK(at_hub.sealed == at_hub.received);
  CHECK(at_hub.seal == own.seal);
  auto seals = journal::read_seals(*t.hub.node.view(), t.hub.node.space, t.a.node.space.self, false, 1, 100).value();
  REQUIRE(seals.size() >= 3);
  CHECK(seals[0].incarnation == format::Incarnation{t.a.device, t.a.node.space.self, {}});
  for (auto seal : seals) {
    auto signature = std::exchange(seal.signature, {});
    CHECK(t.a.key.public_key().verify(format::encode_seal(seal), signature));
    CHECK(!t.b.key.public_key().verify(format::encode_seal(seal), signature));
  }
}

// What a thief of the link's keys, or a broken relay, might do to one frame of records.
enum class Harm : uint8_t { kNoSeal, kOtherSignature, kOtherRecord, kLeftOut, kOrder };

TEST_CASE("records whose seal is missing or wrong are refused whole, and come when they are honest again") {
  for (auto harm : {Harm::kNoSeal, Harm::kOtherSignature, Harm::kOtherRecord, Harm::kLeftOut, Harm::kOrder}) {
    CAPTURE(static_cast<int>(harm));
    Trio t;
    t.a.node.put("k", "one");
    t.a.node.put("l", "two");
    t.connect();
    REQUIRE(t.run());
    auto before = picture(t.hub);
    t.a.node.put("m", "three");
    t.a.node.put("n", "four");
    t.to_a.spoil = [&](Way, format::Frame& frame) {
      auto* records = std::get_if<format::RecordsFrame>(&frame);
      if (!records) return;
      REQUIRE(records->seals.size() == 1);
      switch (harm) {
        case Harm::kNoSeal:
          records->seals.clear();
          break;
        case Harm::kOtherSignature:
          records->seals[0].back() ^= 1;
          break;
        case Harm::kOtherRecord: {
          // A record as good as the true one, by another principal.
          auto record = format::decode_record(*records->items[1].record).value();
          record.principal = "mallory";
          records->items[1].record = format::encode_record(record).value();
          break;
        }
        case Harm::kLeftOut:
          records->items.pop_back();
          break;
        case Harm::kOrder:
          std::swap(records->items[0], records->items[1]);
          break;
      }
    };
    t.to_a.connect();
    run({&t.to_a});
    REQUIRE(t.to_a.ended);
    CHECK(t.to_a.ended->code == Code::kForeign);  // what a link alarms about
    CHECK(t.to_a.ended->message.find("records came") != std::string::npos);
    CHECK(picture(t.hub) == before);
    CHECK(origin_row(t.hub, t.a).received == 2);
    CHECK(t.a.node.read("m") == "three");
    t.to_a.spoil = {};
    t.to_a.connect();
    REQUIRE(t.run());
    CHECK(t.hub.node.read("m") == "three");
    CHECK(t.hub.node.read("n") == "four");
  }
}

TEST_CASE("records that another key than the device's sealed are refused") {
  Trio t;
  t.a.node.put("k", "one");
  Site thief("a", false, 2);  // the same disk, and not the key
  thief.key = t.b.key;
  share(t.hub, thief, t.space);
  JournalSpaces spaces(thief.members, thief.clock, thief.sealing());
  thief.node.put("k", "one");
  thief.key = t.a.key;  // the certificate on the link is the device's
  Link link(t.hub, thief, nullptr, &spaces);
  link.connect();
  run({&link});
  REQUIRE(link.ended);
  CHECK(link.ended->code == Code::kForeign);
  CHECK(picture(t.hub).empty());
  CHECK(origin_row(t.hub, t.a).received == 0);
}

TEST_CASE("a journal that was sealed before it was given is given just so") {
  Trio t;
  t.a.node.put("k", "never seen by anyone");
  REQUIRE(t.a.spaces.seal(t.space).ok());
  CHECK(origin_row(t.a, t.a).sealed == 1);
  CHECK(origin_row(t.a, t.a).given == 0);
  t.a.node.put("k", "voids the first");  // still allowed: sealed is not given
  t.a.node.put("l", "x");
  REQUIRE(t.a.spaces.seal(t.space).ok());
  CHECK(origin_row(t.a, t.a).sealed == 3);
  t.connect();
  REQUIRE(t.run());
  REQUIRE(!t.to_a.ended);
  CHECK(origin_row(t.hub, t.a).sealed == 3);
  CHECK(t.hub.node.read("k") == "voids the first");
  CHECK(t.hub.node.versions().size() == 2);
}

TEST_CASE("many records come under seals that fit their frames, also from the middle on") {
  Trio t;
  for (size_t i = 0; i < 2500; i++) t.a.node.put("k" + std::to_string(i), "");
  for (size_t i = 0; i < 10; i++) {
    auto draft = t.a.node.object("large" + std::to_string(i), "");
    draft.object.user_metadata = {{"m", Bytes(30'000, 'x')}};
    t.a.node.write(draft).value();
  }
  t.to_a.connect();
  for (int i = 0; i < 6; i++) {
    t.to_a.deliver(Way::kMetaDown);
    t.to_a.deliver(Way::kMetaUp);
  }
  auto part = origin_row(t.hub, t.a);
  CHECK(part.received > 0);
  CHECK(part.received < 2510);
  CHECK(part.sealed == part.received);
  t.hub.restart();
  t.connect();
  REQUIRE(t.run());
  REQUIRE(!t.to_a.ended);
  CHECK(origin_row(t.hub, t.a).received == 2510);
  CHECK(origin_row(t.hub, t.a).sealed == 2510);
}

}  // namespace
}  // namespace dl::sync::testing

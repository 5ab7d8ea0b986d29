#include <doctest/doctest.h>

#include "sync/testing/trio.h"

namespace dl::sync::testing {
namespace {

// Unassigned at the hub; the device still holds the space and gives what it has.
struct Unassigned : Trio {
  Unassigned() {
    to_a.settled = [this](Site& site, const BucketId& id, uint64_t oseq) {
      if (&site == &a && id == space) settled = oseq;
    };
  }
  void unassign() { hub.members.shared[a.device].erase(space); }
  void let_go() {
    a.drop(space);
    a.members.held.erase(space);
    settled.reset();
    to_a.change();
  }
  void assign() {
    hub.members.shared[a.device].insert(space);
    to_a.change();
    a.hold(space);
    to_a.change();
  }
  uint64_t own() { return journal::load_origin(*a.node.view(), space, a.node.space.self)->received; }
  std::optional<uint64_t> settled;
};

TEST_CASE("after a bucket was unassigned the bodies that only the device has still come, and then it may let go") {
  for (size_t size : {size_t{20}, size_t{2'500'000}})
    for (bool dark : {true, false}) {
      CAPTURE(size);
      CAPTURE(dark);
      Unassigned t;
      t.hub.node.put("other", "of the hub");
      t.connect();
      REQUIRE(t.run());
      if (dark) t.to_a.cut();
      Bytes body = body_of(size, 1);
      t.a.node.put("only here", body);
      t.a.node.put("also", "small");
      if (!dark) {  // its records are at the hub, its bodies are not
        t.to_a.change(false, false);
        while (t.to_a.deliver(Way::kMetaUp)) {
        }
      }
      t.unassign();
      t.hub.node.put("secret", "of the hub");
      if (dark)
        t.to_a.connect();
      else
        t.to_a.change();
      REQUIRE(t.run());
      REQUIRE(!t.to_a.ended);
      CHECK(t.hub.node.read("only here") == body);
      CHECK(t.hub.node.read("also") == "small");
      CHECK(t.a.node.read("secret") == "-");
      CHECK(t.settled == t.own());
    }
}

TEST_CASE("a cut before the last body came keeps the device's data, whenever it happens") {
  size_t cuts = 0;
  for (size_t frames = 0; frames < 40; frames += 3) {
    CAPTURE(frames);
    Unassigned t;
    Bytes body = body_of(2'500'000, 1);
    t.a.node.put("large", body);
    t.a.node.put("small", "x");
    t.unassign();
    t.to_a.connect();
    size_t done = 0;
    for (bool any = true; any && done < frames;) {
      any = false;
      t.to_a.change();
      for (Way way : kWays)
        if (done < frames && t.to_a.deliver(way)) any = true, done++;
    }
    t.to_a.cut();
    if (frames % 2 == 1) t.hub.restart();
    if (t.settled != t.own()) cuts++;
    bool all_there = t.hub.node.read("large") == body && t.hub.node.read("small") == "x";
    CHECK((t.settled != t.own() || all_there));
    t.to_a.connect();
    REQUIRE(t.run());
    CHECK(t.hub.node.read("large") == body);
    CHECK(t.settled == t.own());
  }
  CHECK(cuts > 3);
}

TEST_CASE("records of a deleted bucket are held with their bodies before the device may let go") {
  Unassigned t;
  t.connect();
  REQUIRE(t.run());
  t.to_a.cut();
  auto w = t.a.node.put("k", "written offline");
  t.hub.node.step([&](storage::Batch& b) { return journal::close_space(b, t.hub.node.space); }).value();
  t.unassign();
  t.to_a.connect();
  REQUIRE(t.run());
  CHECK(t.settled == 1);
  CHECK(t.hub.node.read("k") == "-");
  CHECK(journal::find_body(*t.hub.node.view(), t.hub.node.space, w.hash).value().has_value());
}

TEST_CASE("a space that was let go and is assigned again flows both ways, in the same session or a later one") {
  for (bool same_session : {true, false}) {
    CAPTURE(same_session);
    Unassigned t;
    t.a.node.put("k", "of a");
    t.hub.node.put("h", "of the hub");
    t.connect();
    REQUIRE(t.run());
    REQUIRE(picture(t.a) == picture(t.hub));
    for (int round = 0; round < 3; round++) {
      t.a.node.put("last" + std::to_string(round), "written just before");
      t.to_a.change();
      t.unassign();
      t.to_a.change();
      REQUIRE(t.run());
      REQUIRE(t.settled == t.own());
      t.let_go();
      REQUIRE(t.run());
      CHECK(t.a.node.versions().empty());
      t.hub.node.put("meanwhile" + std::to_string(round), "by the hub");
      if (!same_session) t.to_a.cut();
      if (same_session) {
        t.assign();
      } else {
        t.hub.members.shared[t.a.device].insert(t.space);
        t.a.hold(t.space);
        t.to_a.connect();
      }
      t.a.node.put("again" + std::to_string(round), "of a, before it heard anything");
      t.to_a.change();
      t.to_b.change();
      REQUIRE(t.run());
      REQUIRE(!t.to_a.ended);
      CHECK(t.to_a.meta(true).in_step());
      CHECK(t.to_a.meta(false).in_step());
      CHECK(picture(t.a) == picture(t.hub));
      CHECK(picture(t.b) == picture(t.hub));
      CHECK(t.a.node.read("meanwhile" + std::to_string(round)) == "by the hub");
      CHECK(t.hub.node.read("again" + std::to_string(round)) == "of a, before it heard anything");
      CHECK(t.a.node.read("last" + std::to_string(round)) == "written just before");
    }
    CHECK(t.own() == 7);
  }
}

TEST_CASE("a space without a record is heard to be whole, once") {
  Trio t;
  size_t pieces = 0;
  t.to_a.sent = [&](Way, const format::Frame& frame) { pieces += std::holds_alternative<format::HistoryFrame>(frame); };
  auto followed = [&] { return journal::read_position(*t.a.node.view(), t.a.node.space)->followed; };
  CHECK(!followed());
  t.connect();
  REQUIRE(t.run());
  CHECK(followed());
  CHECK(pieces == 1);
  t.connect();
  REQUIRE(t.run());
  CHECK(pieces == 1);
  t.a.restart();
  CHECK(followed());
  t.a.node.put("k", "x");
  t.connect();
  REQUIRE(t.run());
  CHECK(t.hub.node.read("k") == "x");
}

TEST_CASE("a space that is not shared is not heard, not even to be empty") {
  Unassigned t;
  t.unassign();
  t.connect();
  REQUIRE(t.run());
  CHECK(!journal::read_position(*t.a.node.view(), t.a.node.space)->followed);
}

TEST_CASE("a device that may not write any more is told, and nothing of its frame is taken") {
  Trio t;
  t.connect();
  REQUIRE(t.run());
  t.a.node.put("k", "x");
  t.to_a.change(false);
  t.hub.members.receivable[t.a.device].clear();  // lost
  run({&t.to_a});
  REQUIRE(t.to_a.ended);
  CHECK(t.to_a.ended->code == Code::kDenied);
  CHECK(picture(t.hub).empty());
}

}  // namespace
}  // namespace dl::sync::testing

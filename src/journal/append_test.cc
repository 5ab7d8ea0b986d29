#include <doctest/doctest.h>

#include "journal/testing/node.h"

using namespace dl;
using namespace dl::journal;
using dl::journal::testing::TestNode;

namespace {

struct Pair {
  ManualClock clock;
  TestNode hub{"hub", true, clock, 1};
  TestNode device{"device", false, clock, 2};
};

std::vector<Bytes> listing(TestNode& node) {
  std::vector<Bytes> out;
  scan_objects(*node.view(), node.space, {}, [&](const Listed& l) -> Result<storage::Scan> {
    out.push_back(l.key);
    return storage::Scan::kContinue;
  }).value();
  return out;
}

}  // namespace

TEST_CASE("a write is shown at once: committed at the home, tentative at a device") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    auto w = node->put("a", "hello");
    CHECK(node->read("a") == "hello");
    auto v = *node->key("a").current;
    CHECK(v.hash == w.hash);
    CHECK(v.version == w.version);
    CHECK(v.record.null);
    CHECK(v.state == (node->space.home ? State::kCommitted : State::kTentative));
    CHECK(listing(*node) == std::vector<Bytes>{"a"});
  }
}

TEST_CASE("an overwrite without versioning leaves one version, and the old body is freed") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    node->put("a", "one-long-enough-for-a-segment");
    node->put("a", "two");
    CHECK(node->versions().size() == 1);
    CHECK(node->read("a") == "two");
    p.clock.advance(Millis(1));
    CHECK(node->reclaim() == 1);  // at the home by its own write, at the device because the first is voided
  }
}

TEST_CASE("a hundred overwrites at a device neither fill the record nor the listing") {
  Pair p;
  for (int i = 0; i < 100; i++) p.device.put("a", "body " + std::to_string(i));
  CHECK(p.device.versions().size() == 1);
  CHECK(p.device.read("a") == "body 99");
  auto v = *p.device.key("a").current;
  CHECK(v.record.oseq == 100);
  CHECK(v.record.ends.size() == 1);
}

TEST_CASE("with versioning every version stays, newest first, and a marker hides the key") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    auto a = node->put("a", "one", Versioning::kEnabled);
    auto b = node->put("a", "two", Versioning::kEnabled);
    CHECK(node->read("a") == "two");
    node->write(node->marker("a", Versioning::kEnabled)).value();
    CHECK(node->read("a") == "-");
    CHECK(listing(*node).empty());
    auto versions = node->versions();
    REQUIRE(versions.size() == 3);
    CHECK(versions[0].record.kind == format::RecordKind::kMarker);
    CHECK(versions[0].current);
    CHECK(versions[1].hash == b.hash);
    CHECK(versions[2].hash == a.hash);
    CHECK(node->read(versions[2]) == "one");
    // Taking the marker away brings the object back.
    node->write(node->purge("a", versions[0].hash)).value();
    CHECK(node->read("a") == "two");
    CHECK(listing(*node) == std::vector<Bytes>{"a"});
    CHECK(find_version(*node->view(), node->space, "a", a.version).value()->hash == a.hash);
    CHECK(!find_version(*node->view(), node->space, "a", versions[0].version).value());
  }
}

TEST_CASE("DELETE of an absent key without versioning writes nothing; of a present one leaves no trace in listings") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    CHECK(!node->write(node->marker("a")).value().wrote);
    node->put("a", "x");
    CHECK(node->write(node->marker("a")).value().wrote);
    CHECK(!node->write(node->marker("a")).value().wrote);
    CHECK(node->versions().empty());
    CHECK(node->read("a") == "-");
    node->put("a", "again");
    CHECK(node->read("a") == "again");
  }
}

TEST_CASE("when versioning is suspended the null version is replaced and the others stay") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    auto n0 = node->put("a", "n0");
    auto v1 = node->put("a", "v1", Versioning::kEnabled);
    auto n2 = node->put("a", "n2", Versioning::kSuspended);
    auto versions = node->versions();
    REQUIRE(versions.size() == 2);
    CHECK(versions[0].hash == n2.hash);
    CHECK(versions[1].hash == v1.hash);
    CHECK(find_null(*node->view(), node->space, "a").value()->hash == n2.hash);
    CHECK(!find_version(*node->view(), node->space, "a", n0.version).value());
  }
}

TEST_CASE("a version under legal hold or retention cannot be ended; governance yields to the bypass") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    auto v = node->put("a", "v", Versioning::kEnabled);
    node->write(node->hold("a", v.hash, true)).value();
    CHECK(node->key("a").current->attributes.hold);
    CHECK(node->write(node->purge("a", v.hash)).error().code == Code::kDenied);
    node->write(node->hold("a", v.hash, false)).value();
    Draft keep = node->hold("a", v.hash, true);
    keep.attributes = {};
    keep.attributes.retention.emplace();
    keep.attributes.retention->value.until_millis =
        static_cast<uint64_t>((p.clock.wall() + Millis(1000)).time_since_epoch().count());
    node->write(keep).value();
    CHECK(node->write(node->purge("a", v.hash)).error().code == Code::kDenied);
    Draft bypass = node->purge("a", v.hash);
    bypass.bypass_governance = true;
    CHECK(node->write(bypass).ok());
    CHECK(node->read("a") == "-");
  }
}

TEST_CASE("tags replace each other and survive with the version") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    auto v = node->put("a", "v", Versioning::kEnabled);
    node->write(node->tags("a", v.hash, "one")).value();
    node->write(node->tags("a", v.hash, "two")).value();
    CHECK(node->key("a").current->attributes.tags.value()[0].value == "two");
    CHECK(node->write(node->tags("a", RecordHash{}, "x")).error().code == Code::kNotFound);
  }
}

TEST_CASE("settling takes all heads as parents") {
  Pair p;
  for (TestNode* node : {&p.hub, &p.device}) {
    node->put("a", "one", Versioning::kEnabled);
    Draft other = node->object("a", "two", Versioning::kEnabled);
    other.parents.emplace();  // knew nothing: a true conflict
    node->write(other).value();
    auto key = node->key("a");
    CHECK(key.conflict_count == 1);
    CHECK(key.conflicts.size() == 1);
    size_t listed = 0;
    scan_conflicts(*node->view(), node->space, {}, [&](const Conflict& c) -> Result<storage::Scan> {
      listed += c.heads.size();
      return storage::Scan::kContinue;
    }).value();
    CHECK(listed == 1);
    node->put("a", "plain", Versioning::kEnabled);  // one parent: settles nothing
    CHECK(node->key("a").conflict_count == 1);
    Draft settle = node->object("a", "settled", Versioning::kEnabled);
    settle.settles = true;
    node->write(settle).value();
    CHECK(node->key("a").conflict_count == 0);
    CHECK(node->read("a") == "settled");
    CHECK(node->versions().size() == 4);
  }
}

TEST_CASE("keys with zero bytes and prefixes of each other list in order") {
  Pair p;
  std::vector<Bytes> keys = {Bytes("a"),      Bytes("a\0", 2), Bytes("a\0\xff", 3),
                             Bytes("a\1", 2), Bytes("ab"),     Bytes("b")};
  for (size_t i = keys.size(); i-- > 0;) p.hub.put(keys[i], "x");
  CHECK(listing(p.hub) == keys);
  std::vector<Bytes> seen;
  for (const auto& v : p.hub.versions()) seen.push_back(v.record.key);
  CHECK(seen == keys);
}

TEST_CASE("a bucket counts as empty only when no version, listed marker or undecided record is left") {
  Pair p;
  CHECK(!space_holds_anything(*p.hub.view(), p.hub.space).value());
  p.hub.put("a", "x");
  CHECK(space_holds_anything(*p.hub.view(), p.hub.space).value());
  p.hub.write(p.hub.marker("a")).value();
  CHECK(!space_holds_anything(*p.hub.view(), p.hub.space).value());
  CHECK(p.hub.step([&](storage::Batch& b) { return close_space(b, p.hub.space); }).ok());
  p.device.put("a", "x");
  p.device.write(p.device.marker("a")).value();
  CHECK(space_holds_anything(*p.device.view(), p.device.space).value());
}

TEST_CASE("versions can be listed in pages, also across the versions of one key") {
  Pair p;
  for (int i = 0; i < 5; i++) p.hub.put("a", std::to_string(i), Versioning::kEnabled);
  p.hub.put("b", "x", Versioning::kEnabled);
  std::vector<Bytes> bodies;
  Bytes key;
  std::optional<VersionId> after;
  for (bool more = true; more;) {
    more = false;
    scan_versions(*p.hub.view(), p.hub.space, key, after, [&](const Version& v) -> Result<storage::Scan> {
      bodies.push_back(p.hub.read(v));
      key = v.record.key;
      after = v.version;
      more = true;
      return storage::Scan::kStop;
    }).value();
  }
  CHECK(bodies == std::vector<Bytes>{"4", "3", "2", "1", "0", "x"});
}

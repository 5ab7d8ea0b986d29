#include "sync/body_session.h"

#include <doctest/doctest.h>

#include "storage/blob_rows.h"
#include "sync/limits.h"
#include "sync/testing/trio.h"

namespace dl::sync::testing {
namespace {

// Bytes of bodies that leave towards one end, and how many of them wait for an acknowledgement.
struct Meter {
  Meter(Link& link, Way data, Way acks) {
    link.sent = [this, data, acks](Way way, const format::Frame& frame) {
      if (auto* body = std::get_if<format::BodyFrame>(&frame); body && way == data) {
        bytes += body->data.size();
        from = std::min(from, body->offset);
        if (!body->missing) sent[body->record] = std::max(sent[body->record], body->offset + body->data.size());
      }
      if (auto* ack = std::get_if<format::BodyAckFrame>(&frame); ack && way == acks) acked[ack->record] = ack->offset;
      uint64_t open = 0;
      for (const auto& [record, upto] : sent) open += upto - std::min(upto, acked[record]);
      most = std::max(most, open);
    };
  }
  uint64_t bytes = 0, most = 0, from = UINT64_MAX;
  std::map<RecordHash, uint64_t> sent, acked;
};

TEST_CASE("a large body goes on where the link broke, also after a restart of the receiving node") {
  for (bool up : {true, false})
    for (bool restart : {true, false})
      for (bool parts : {true, false}) {
        CAPTURE(up);
        CAPTURE(restart);
        CAPTURE(parts);
        Trio t;
        Site &from = up ? t.a : t.hub, &to = up ? t.hub : t.a;
        Way data = up ? Way::kBodyUp : Way::kBodyDown, acks = up ? Way::kBodyDown : Way::kBodyUp;
        const uint64_t size = 7'000'000;
        Bytes body = body_of(size, 1);
        if (parts)
          from.node.write(multipart(from, "k", {body.substr(0, 3'000'000), body.substr(3'000'000)})).value();
        else
          from.node.put("k", body);
        t.to_a.connect();
        bool any = true;
        Meter first(t.to_a, data, acks);
        for (size_t taken = 0; any && taken < 80;) {  // 80 frames of 60 KiB
          any = false;
          t.to_a.change();
          for (Way way : kWays)
            if (t.to_a.deliver(way)) any = true, taken += way == data;
        }
        t.to_a.cut();
        if (restart) to.restart();
        auto hash = from.node.key("k").current->hash;
        auto wanted = to.spaces.find_wanted(t.space, hash).value();
        REQUIRE(wanted);
        auto arriving = to.spaces.find_arriving(*wanted).value();
        REQUIRE(arriving);
        REQUIRE(arriving->length >= 2 * kChunkBytes);
        Meter second(t.to_a, data, acks);
        t.to_a.connect();
        REQUIRE(run({&t.to_a}));
        CHECK(second.from == arriving->length);
        CHECK(second.bytes == size - arriving->length);
        CHECK(to.node.read("k") == body);
      }
}

TEST_CASE("a record that is ended while its large body is on its way leaves no chunk behind") {
  for (bool cut : {true, false}) {
    CAPTURE(cut);
    Trio t;
    auto w = t.a.node.put("k", body_of(9'000'000, 1), journal::Versioning::kEnabled);
    t.to_a.connect();
    t.to_a.change();
    while (!t.hub.spaces.find_wanted(t.space, w.hash).value() ||
           !t.hub.spaces.find_arriving(*t.hub.spaces.find_wanted(t.space, w.hash).value()).value()) {
      t.to_a.change();
      for (Way way : kWays) t.to_a.deliver(way);
    }
    auto wanted = *t.hub.spaces.find_wanted(t.space, w.hash).value();
    t.a.node.write(t.a.node.purge("k", w.hash)).value();
    t.to_a.change(true, false);
    while (t.to_a.deliver(Way::kMetaUp)) {
    }
    CHECK(!t.hub.spaces.find_arriving(wanted).value());
    if (cut) t.to_a.connect();
    REQUIRE(run({&t.to_a}));
    CHECK(!t.to_a.ended);
    CHECK(!t.hub.spaces.find_arriving(wanted).value());
    t.hub.clock.advance(Millis(8ll * 24 * 3600 * 1000));
    CHECK(t.hub.node.reclaim() >= 1);
    CHECK(t.hub.node.versions().empty());
  }
}

TEST_CASE("a body with a wrong byte is refused, the session lives and others arrive") {
  for (size_t size : {size_t{1000}, size_t{2'500'000}}) {
    Trio t;
    Bytes bad = body_of(size, 1);
    t.hub.node.put("bad", bad);
    t.hub.node.put("good", body_of(size, 2));
    auto hash = t.hub.node.key("bad").current->hash;
    bool spoilt = false;
    t.to_a.spoil = [&](Way, format::Frame& frame) {
      auto* body = std::get_if<format::BodyFrame>(&frame);
      if (!body || body->record != hash || spoilt) return;
      body->data[body->data.size() / 2] ^= 1;
      spoilt = true;
    };
    t.to_a.connect();
    REQUIRE(run({&t.to_a}));
    CHECK(spoilt);
    CHECK(!t.to_a.ended);
    CHECK(t.a.node.read("bad") == "~");
    CHECK(t.a.node.read("good") == body_of(size, 2));
    t.to_a.connect();  // a new session asks again
    REQUIRE(run({&t.to_a}));
    CHECK(t.a.node.read("bad") == bad);
  }
}

TEST_CASE("a body that is damaged where it lies is not given, the session lives and others arrive") {
  for (size_t size : {size_t{1000}, size_t{2'500'000}}) {
    CAPTURE(size);
    Trio t;
    const Bytes bad = body_of(size, 1);
    t.hub.node.put("bad", bad);
    t.hub.node.put("good", body_of(size, 2));
    const auto version = *t.hub.node.key("bad").current;
    REQUIRE(!version.body.empty());
    const Bytes row = storage::blob_key(version.body.back().blob);
    const Bytes whole = **t.hub.node.partition().get(row);
    auto put_row = [&](const Bytes& value) {
      auto done = t.hub.node.step([&](storage::Batch& batch) -> Result<void> {
        batch.put(row, value);
        return {};
      });
      REQUIRE(done.ok());
    };
    put_row("\x7f");
    t.to_a.connect();
    REQUIRE(run({&t.to_a}));
    CHECK(!t.to_a.ended);
    CHECK(t.a.node.read("bad") == "~");
    CHECK(t.a.node.read("good") == body_of(size, 2));
    put_row(whole);
    t.to_a.connect();  // a new session asks again
    REQUIRE(run({&t.to_a}));
    CHECK(t.a.node.read("bad") == bad);
  }
}

TEST_CASE("a part list with a wrong hash is refused, and asked for again by the next session") {
  Trio t;
  std::vector<Bytes> parts{body_of(2'000'000, 2), body_of(900'000, 3)};
  t.hub.node.write(multipart(t.hub, "parts", parts)).value();
  bool spoilt = false;
  t.to_a.spoil = [&](Way, format::Frame& frame) {
    auto* body = std::get_if<format::BodyFrame>(&frame);
    if (!body || body->manifest.empty() || spoilt) return;
    body->manifest.back() ^= 1;
    spoilt = true;
  };
  t.to_a.connect();
  REQUIRE(run({&t.to_a}));
  CHECK(spoilt);
  CHECK(!t.to_a.ended);
  CHECK(t.a.node.read("parts") == "~");
  t.to_a.connect();
  REQUIRE(run({&t.to_a}));
  CHECK(t.a.node.read("parts") == parts[0] + parts[1]);
}

TEST_CASE(
    "at most a window of body bytes waits for acknowledgement, and bodies that share it never starve each other") {
  for (size_t size : {size_t{200'000}, size_t{1'900'000}, size_t{2'200'000}, size_t{6'000'000}}) {
    CAPTURE(size);
    Trio t;
    const size_t kBodies = 6;
    for (size_t i = 0; i < kBodies; i++) t.hub.node.put("k" + std::to_string(i), body_of(size, i));
    Meter meter(t.to_a, Way::kBodyDown, Way::kBodyUp);
    t.to_a.connect();
    REQUIRE(run({&t.to_a}));
    CHECK(meter.most <= kWindowBytes);
    for (size_t i = 0; i < kBodies; i++) CHECK(t.a.node.read("k" + std::to_string(i)) == body_of(size, i));
  }
}

TEST_CASE("several large bodies that people wait for all arrive") {
  Trio t;
  const size_t kBodies = 5;
  for (size_t i = 0; i < kBodies; i++) t.hub.node.put("k" + std::to_string(i), body_of(3'000'000, i));
  t.to_a.connect();
  while (t.to_a.deliver(Way::kMetaUp) || t.to_a.deliver(Way::kMetaDown)) {
  }
  for (size_t i = 0; i < kBodies; i++)
    t.to_a.body(false).hurry(t.space, t.hub.node.key("k" + std::to_string(i)).current->hash);
  Meter meter(t.to_a, Way::kBodyDown, Way::kBodyUp);
  REQUIRE(run({&t.to_a}));
  CHECK(meter.most <= kWindowBytes);
  for (size_t i = 0; i < kBodies; i++) CHECK(t.a.node.read("k" + std::to_string(i)) == body_of(3'000'000, i));
}

TEST_CASE("frames out of place on the body channel") {
  Trio t;
  t.hub.node.put("k", "value of a body");
  auto hash = t.hub.node.key("k").current->hash;
  BodySession hub(t.hub.spaces, t.hub.device, t.hub.node.space.self, t.a.as_peer(), {});
  BodySession device(t.a.spaces, t.a.device, t.a.node.space.self, t.hub.as_peer(), {});
  auto refused = [&](const format::Frame& frame) { return !hub.on_frame(frame).ok(); };
  CHECK(refused(format::WantFrame{t.space, hash, 0}));  // before its hello
  auto hello = device.hello(t.a.clock.wall());
  auto other = std::get<format::HelloFrame>(hello);
  other.device = t.b.device;
  CHECK(refused(other));
  other = std::get<format::HelloFrame>(hello);
  other.node = t.b.node.space.self;  // another incarnation than the certificate's device enrolled with
  auto foreign = hub.on_frame(other);
  REQUIRE(!foreign.ok());
  CHECK(foreign.error().code == Code::kForeign);
  CHECK(!hub.greeted());
  REQUIRE(!refused(hello));
  CHECK(refused(format::RecordsFrame{t.space, t.a.node.space.self, 1, {}, {}}));
  REQUIRE(!refused(format::WantFrame{t.space, hash, 0}));
  CHECK(refused(format::WantFrame{t.space, hash, 0}));                // twice
  CHECK(refused(format::BodyAckFrame{hash, 5}));                      // nothing was sent yet
  CHECK(!refused(format::BodyFrame{hash, 0, "x", true, {}, false}));  // nobody asked: not taken
  auto sent = hub.flush().value();
  REQUIRE(sent.size() == 1);
  CHECK(std::get<format::BodyFrame>(sent[0]).data == "value of a body");
}

TEST_CASE("a body of a space that is not shared is not given") {
  Trio t;
  t.hub.node.put("k", "secret");
  auto hash = t.hub.node.key("k").current->hash;
  t.hub.members.shared[t.a.device].clear();
  BodySession hub(t.hub.spaces, t.hub.device, t.hub.node.space.self, t.a.as_peer(), {});
  BodySession device(t.a.spaces, t.a.device, t.a.node.space.self, t.hub.as_peer(), {});
  REQUIRE(hub.on_frame(device.hello(t.a.clock.wall())).ok());
  auto out = hub.on_frame(format::WantFrame{t.space, hash, 0}).value();
  REQUIRE(out.size() == 1);
  CHECK(std::get<format::BodyFrame>(out[0]).missing);
  CHECK(hub.flush().value().empty());
}

}  // namespace
}  // namespace dl::sync::testing

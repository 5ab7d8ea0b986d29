#include "sync/meta_session.h"

#include <doctest/doctest.h>

#include "journal/stored_rows.h"
#include "journal/work.h"
#include "sync/limits.h"
#include "sync/testing/trio.h"

namespace dl::sync::testing {
namespace {

bool same_everywhere(Trio& t) { return picture(t.hub) == picture(t.a) && picture(t.hub) == picture(t.b); }

// What a session answers to one frame, when it should not like it.
std::optional<Code> refusal(MetaSession& session, const format::Frame& frame) {
  auto out = session.on_frame(frame);
  return out.ok() ? std::nullopt : std::optional(out.error().code);
}

TEST_CASE("a first contact brings history and bodies of every kind") {
  Trio t;
  t.hub.node.put("small", "abc");
  t.hub.node.put("large", body_of(5'000'000, 1));
  t.hub.node.put("empty", "");
  std::vector<Bytes> parts{body_of(3'000'000, 2), body_of(100, 3)};
  t.hub.node.write(multipart(t.hub, "parts", parts)).value();
  t.connect();
  REQUIRE(t.run());
  CHECK(same_everywhere(t));
  for (auto* site : {&t.a, &t.b}) {
    CHECK(site->node.read("small") == "abc");
    CHECK(site->node.read("large") == body_of(5'000'000, 1));
    CHECK(site->node.read("empty") == "");
    CHECK(site->node.read("parts") == parts[0] + parts[1]);
    auto manifest = journal::find_manifest(*site->node.view(), site->node.key("parts").current->hash).value();
    REQUIRE(manifest);
    CHECK(manifest->parts.size() == 2);
  }
  CHECK(t.to_a.meta(true).in_step());
  CHECK(t.to_a.meta(false).in_step());
}

TEST_CASE("what a device writes reaches the hub and the other device, before and during a contact") {
  Trio t;
  t.a.node.put("before", "1");
  t.a.node.write(multipart(t.a, "parts", {body_of(2'500'000, 4), body_of(7, 5)})).value();
  t.connect();
  REQUIRE(t.run());
  t.a.node.put("during", body_of(3'000'000, 1));
  t.b.node.put("other", "3");
  t.to_a.change();
  t.to_b.change();
  REQUIRE(t.run());
  CHECK(same_everywhere(t));
  CHECK(t.b.node.read("before") == "1");
  CHECK(t.b.node.read("during") == body_of(3'000'000, 1));
  CHECK(t.b.node.read("parts") == body_of(2'500'000, 4) + body_of(7, 5));
  CHECK(t.a.node.read("other") == "3");
  CHECK(picture(t.a).find("tentative") == std::string::npos);
}

TEST_CASE("two writes that did not know each other are one conflict, the same on all nodes") {
  Trio t;
  t.a.node.put("k", "of a");
  t.b.node.put("k", "of b");
  t.connect();
  REQUIRE(t.run());
  CHECK(same_everywhere(t));
  CHECK(t.hub.node.key("k").conflict_count == 1);
}

TEST_CASE("a link that breaks at any frame of an exchange ends in the same state") {
  auto prepare = [](Trio& t) {
    t.hub.node.put("old", "old");
    t.hub.node.put("big", body_of(2'200'000, 9));
    for (int i = 0; i < 5; i++) t.a.node.put("a" + std::to_string(i), body_of(10 + i, 50 + i));
    t.a.node.put("old", "of a");
    t.b.node.put("old", "of b");
    t.a.node.put("large", body_of(2'300'000, 8));
  };
  // Everything up to frame `cut`, then new sessions; `restart` also loses the memory of both ends.
  auto frames_until_rest = [](Trio& t, size_t cut) {
    size_t frames = 0;
    bool any = true;
    while (any && frames < cut) {
      any = false;
      for (Way way : kWays)
        if (frames < cut && t.to_a.deliver(way)) {
          any = true;
          frames++;
          t.to_a.change();
        }
    }
    return frames;
  };
  Trio whole;
  prepare(whole);
  whole.to_a.connect();
  size_t total = frames_until_rest(whole, 100'000);
  whole.connect();
  REQUIRE(whole.run());
  REQUIRE(total > 20);
  REQUIRE(total < 1000);
  for (size_t cut = 0; cut <= total; cut++) {
    CAPTURE(cut);
    Trio t;
    prepare(t);
    t.to_a.connect();
    frames_until_rest(t, cut);
    t.to_a.cut();
    if (cut % 2) {
      t.hub.restart();
      t.a.restart();
    }
    t.connect();
    REQUIRE(t.run());
    REQUIRE(!t.to_a.ended);
    REQUIRE(same_everywhere(t));
    REQUIRE(t.b.node.read("large") == body_of(2'300'000, 8));
    REQUIRE(t.b.node.read("big") == body_of(2'200'000, 9));
    REQUIRE(picture(t.hub).size() == picture(whole.hub).size());
    REQUIRE(t.hub.node.read("a4") == body_of(14, 54));
  }
}

TEST_CASE("frames out of place end the session and change nothing") {
  Trio t;
  t.hub.node.put("k", "v");
  t.a.node.put("mine", "v");
  auto records = t.a.spaces.give_records(t.space, t.a.node.space.self, 1, 1000).value();
  auto before = picture(t.hub);

  MetaSession hub(t.hub.spaces, t.hub.device, t.hub.node.space.self, t.a.as_peer(), {});
  CHECK(refusal(hub, records) == Code::kInvalid);  // before its hello
  MetaSession device(t.a.spaces, t.a.device, t.a.node.space.self, t.hub.as_peer(), {});
  auto hello = device.start(t.a.clock.wall()).value();
  REQUIRE(hello.size() == 1);
  auto foreign_hello = std::get<format::HelloFrame>(hello[0]);
  foreign_hello.device = t.b.device;
  CHECK(refusal(hub, foreign_hello) == Code::kForeign);
  foreign_hello = std::get<format::HelloFrame>(hello[0]);
  foreign_hello.node = t.b.node.space.self;
  CHECK(refusal(hub, foreign_hello) == Code::kForeign);
  foreign_hello = std::get<format::HelloFrame>(hello[0]);
  foreign_hello.channel = format::Channel::kBodies;
  CHECK(refusal(hub, foreign_hello) == Code::kInvalid);
  foreign_hello = std::get<format::HelloFrame>(hello[0]);
  foreign_hello.protocol = 99;
  CHECK(refusal(hub, foreign_hello) == Code::kUnsupported);

  REQUIRE(hub.start(t.hub.clock.wall()).ok());
  REQUIRE(hub.on_frame(hello[0]).ok());
  auto foreign = records;
  foreign.origin = t.b.node.space.self;
  CHECK(refusal(hub, foreign) == Code::kForeign);
  auto gap = records;
  gap.from = 7;
  CHECK(refusal(hub, gap) == Code::kConflict);
  auto broken = records;
  broken.items[0].record = "no record";
  CHECK(refusal(hub, broken) == Code::kForeign);  // not what its seal says
  auto elsewhere = records;
  elsewhere.space = BucketId::of("another-bucket-1");
  CHECK(refusal(hub, elsewhere).has_value());
  CHECK(refusal(hub, format::RecordsAckFrame{t.space, t.hub.node.space.self, 5}) == Code::kInvalid);
  CHECK(refusal(hub, format::HistoryAckFrame{t.space, 1, 500}) == Code::kInvalid);
  CHECK(refusal(hub, format::HistoryFrame{t.space, 1, 0, 1, 0, true, "x"}) == Code::kInvalid);
  CHECK(refusal(hub, format::BodyFrame{}) == Code::kInvalid);
  CHECK(picture(t.hub) == before);
  CHECK(!refusal(hub, records));  // and the honest frame is still welcome
}

TEST_CASE("a device takes history from the hub alone") {
  Trio t;
  t.hub.node.put("k", "v");
  auto stretch = t.hub.spaces.give_history(t.space, {1, 0, 0}, 1000).value();
  REQUIRE(stretch);
  Peer other = t.b.as_peer();
  MetaSession device(t.a.spaces, t.a.device, t.a.node.space.self, other, {});
  REQUIRE(device.start(t.a.clock.wall()).ok());
  MetaSession peer(t.b.spaces, t.b.device, t.b.node.space.self, t.a.as_peer(), {});
  t.b.members.shared[t.a.device].insert(t.space);
  t.a.members.shared[t.b.device].insert(t.space);
  REQUIRE(device.on_frame(peer.start(t.b.clock.wall()).value()[0]).ok());
  CHECK(refusal(device, format::HistoryFrame{t.space, stretch->epoch, stretch->from, stretch->to, 0, true,
                                             stretch->data}) == Code::kForeign);
  CHECK(picture(t.a).empty());
}

TEST_CASE("a hub from the past is refused and nothing is lost") {
  Trio t;
  t.hub.node.put("k", "v");
  t.connect();
  REQUIRE(t.run());
  Site old_hub("hub", true, 1);
  share(old_hub, t.a, t.space);
  Link link(old_hub, t.a);
  link.connect();
  t.a.node.put("new", "of a");
  auto before = picture(t.a);
  run({&link});
  REQUIRE(link.ended);
  CHECK(link.ended->code == Code::kForeign);
  CHECK(picture(t.a) == before);
  CHECK(t.a.node.read("k") == "v");
}

TEST_CASE("a device whose disk was set back ends the session with a clear error and the hub keeps its records") {
  // Less than the hub has of its journal; as much, but another record; more, on another beginning.
  for (size_t writes : {0, 1, 2}) {
    CAPTURE(writes);
    Trio t;
    t.a.node.put("k", "v");
    if (writes == 0) t.a.node.put("l", "v");
    t.connect();
    REQUIRE(t.run());
    auto before = picture(t.hub);
    Site old_a("a", false, 2);
    share(t.hub, old_a, t.space);
    for (size_t i = 0; i < writes; i++) old_a.node.put("other" + std::to_string(i), "x");
    Link link(t.hub, old_a);
    link.connect();
    run({&link});
    REQUIRE(link.ended);
    CHECK(link.ended->code == Code::kForeign);
    CHECK(picture(t.hub) == before);
    // The history of the other journal was not taken, so what was written since is still shown.
    if (writes > 0) CHECK(old_a.node.read("other0") == "x");
  }
}

TEST_CASE("a space that is assigned during a session flows without a new contact, whoever knows it first") {
  for (bool hub_first : {true, false}) {
    CAPTURE(hub_first);
    Trio t;
    t.connect();
    REQUIRE(t.run());
    BucketId id = BucketId::of("another-bucket-1");
    auto at_hub = t.hub.hold(id);
    t.hub.node
        .step([&](storage::Batch& b) { return append(b, at_hub, t.hub.node.object("h", "of hub"), t.hub.node.now()); })
        .value();
    auto assign_hub = [&] {
      t.hub.members.shared[t.a.device].insert(id);
      t.hub.members.receivable[t.a.device].insert(id);
      t.to_a.change();
    };
    auto assign_device = [&] {
      t.a.hold(id);
      t.a.members.shared[t.hub.device].insert(id);
      t.a.members.receivable[t.hub.device].insert(id);
      t.to_a.change(false);
    };
    if (hub_first) {
      assign_hub();
      REQUIRE(t.run());
      assign_device();
    } else {
      assign_device();
      REQUIRE(t.run());
      assign_hub();
    }
    REQUIRE(t.run());
    auto at_a = t.a.members.held.at(id).space;
    auto h = journal::find_key(*t.a.node.view(), at_a, "h").value();
    REQUIRE(h.current);
    CHECK(t.a.node.read(*h.current) == "of hub");
    t.a.node.step([&](storage::Batch& b) { return append(b, at_a, t.a.node.object("d", "of a"), t.a.node.now()); })
        .value();
    t.to_a.change();
    REQUIRE(t.run());
    REQUIRE(!t.to_a.ended);
    auto d = journal::find_key(*t.hub.node.view(), at_hub, "d").value();
    REQUIRE(d.current);
    CHECK(t.hub.node.read(*d.current) == "of a");
  }
}

TEST_CASE("an unassigned space still gives its records and gets no more history") {
  Trio t;
  t.connect();
  REQUIRE(t.run());
  t.a.node.put("late", "of a");
  t.hub.members.shared[t.a.device].clear();
  t.hub.node.put("secret", "x");
  t.connect();
  REQUIRE(t.run());
  CHECK(t.a.node.read("secret") == "-");
  CHECK(t.b.node.read("secret") == "x");
  CHECK(journal::load_origin(*t.hub.node.view(), t.space, t.a.node.space.self)->received == 1);
  CHECK(t.a.node.read("late") == "of a");
}

TEST_CASE("a space is unassigned while the session is up") {
  Trio t;
  t.connect();
  REQUIRE(t.run());
  t.hub.members.shared[t.a.device].clear();
  t.to_a.change();
  t.hub.node.put("secret", "x");
  t.to_a.change();
  t.to_b.change();
  REQUIRE(t.run());
  CHECK(t.a.node.read("secret") == "-");
  CHECK(t.b.node.read("secret") == "x");
  // Assigned again: it catches up in the same session.
  t.hub.members.shared[t.a.device].insert(t.space);
  t.to_a.change();
  REQUIRE(t.run());
  CHECK(t.a.node.read("secret") == "x");
}

TEST_CASE("history and records wait for acknowledgement past the window") {
  Trio t;
  const size_t kRecords = 700;
  for (size_t i = 0; i < kRecords; i++) {
    auto draft = t.a.node.object("k" + std::to_string(i), "");
    draft.object.user_metadata = {{"m", Bytes(10'000, 'x')}};
    t.a.node.write(draft).value();
  }
  uint64_t in_flight = 0, most = 0, history = 0, most_history = 0;
  t.to_a.sent = [&](Way way, const format::Frame& frame) {
    if (way == Way::kMetaUp && std::holds_alternative<format::RecordsFrame>(frame))
      most = std::max(most, in_flight += format::encode_frame(frame)->size());
  };
  t.to_b.sent = [&](Way way, const format::Frame& frame) {
    if (auto* h = std::get_if<format::HistoryFrame>(&frame); h && way == Way::kMetaDown)
      most_history = std::max(most_history, history += h->data.size());
  };
  // Nobody answers: both stop at the window.
  t.to_a.connect();
  t.to_a.deliver(Way::kMetaDown);
  CHECK(most > kWindowBytes / 2);
  CHECK(most <= kWindowBytes);
  t.to_a.connect();
  REQUIRE(t.run());
  REQUIRE(journal::load_origin(*t.hub.node.view(), t.space, t.a.node.space.self)->received == kRecords);
  t.to_b.connect();
  t.to_b.deliver(Way::kMetaUp);
  CHECK(most_history > kWindowBytes / 2);
  CHECK(most_history <= kWindowBytes);
  REQUIRE(t.run());
  CHECK(picture(t.b) == picture(t.hub));
}

}  // namespace
}  // namespace dl::sync::testing

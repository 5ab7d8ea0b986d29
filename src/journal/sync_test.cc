#include <doctest/doctest.h>

#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/seal.h"
#include "journal/testing/node.h"
#include "journal/work.h"

using namespace dl;
using namespace dl::journal;
using dl::journal::testing::TestNode;

namespace {

struct Fleet {
  ManualClock clock;
  TestNode hub{"hub", true, clock, 1};
  TestNode a{"a", false, clock, 2};
  TestNode b{"b", false, clock, 3};

  std::vector<JournalItem> journal(TestNode& of, uint64_t from = 1) {
    of.step([&](storage::Batch& x) { return mark_given(x, of.space, UINT64_MAX); }).value();
    return read_journal(*of.view(), of.space, of.space.self, from, 1000, 1 << 20).value();
  }
  Result<Received> give(TestNode& to, const NodeId& origin, uint64_t from, const std::vector<JournalItem>& items) {
    return to.step([&](storage::Batch& x) { return receive_records(x, to.space, origin, from, items, to.now()); });
  }
  size_t commit(size_t max = 1000) {
    return hub.step([&](storage::Batch& x) { return commit_ready(x, hub.space, max, hub.now()); }).value();
  }
  void body(TestNode& from, TestNode& to, const RecordHash& hash) {
    auto source = find_body(*from.view(), from.space, hash).value();
    REQUIRE(source);
    Version v;
    v.record = source->record;
    v.body = source->pieces;
    Bytes bytes = from.read(v);
    ArrivedBody arrived{crypto::sha256(bytes), to.write_body(bytes), {}, {}};
    to.step([&](storage::Batch& x) { return body_arrived(x, to.space, hash, arrived, to.now()); }).value();
  }
  void sync(TestNode& device) {
    uint64_t from = load_origin(*hub.view(), hub.space.bucket, device.space.self)->received + 1;
    give(hub, device.space.self, from, journal(device, from)).value();
    commit();
    for (const auto& w : wanted(*hub.view(), hub.space, 100).value())
      if (find_body(*device.view(), device.space, w.hash).value()) body(device, hub, w.hash);
    commit();
    follow(device, hub);
  }
  Applied follow(TestNode& device, TestNode& source) {
    Applied last;
    for (;;) {
      auto at = read_position(*device.view(), device.space).value();
      auto piece = read_history(*source.view(), source.space, at.cursor, 1).value();
      if (!piece) return last;
      last =
          device.step([&](storage::Batch& x) { return apply_history(x, device.space, *piece, device.now()); }).value();
    }
  }
};

}  // namespace

TEST_CASE("a device's write is committed when its body is at the hub, and then everybody sees it") {
  Fleet f;
  auto w = f.a.put("k", "hello from a");
  f.give(f.hub, f.a.space.self, 1, f.journal(f.a)).value();
  f.commit();
  CHECK(f.hub.read("k") == "-");
  CHECK(f.hub.key("k").arriving == 1);
  f.body(f.a, f.hub, w.hash);
  CHECK(f.hub.read("k") == "hello from a");
  CHECK(f.hub.key("k").arriving == 0);
  auto applied = f.follow(f.b, f.hub);
  CHECK(applied.complete);
  CHECK(applied.equal);
  CHECK(f.b.read("k") == "~");  // remote: current, its body elsewhere
  CHECK(wanted(*f.b.view(), f.b.space, 10)->at(0).committed);
  f.body(f.hub, f.b, w.hash);
  CHECK(f.b.read("k") == "hello from a");
  CHECK(wanted(*f.b.view(), f.b.space, 10)->empty());
  CHECK(f.a.key("k").current->state == State::kTentative);
  f.follow(f.a, f.hub);
  CHECK(f.a.key("k").current->state == State::kCommitted);
}

TEST_CASE("another device's overwrite that is still arriving does not hide what can be read") {
  Fleet f;
  f.hub.put("k", "old body at the hub");
  f.follow(f.a, f.hub);
  f.follow(f.b, f.hub);
  f.body(f.hub, f.b, f.hub.key("k").current->hash);
  auto w = f.a.put("k", "new body of device a");
  f.give(f.b, f.a.space.self, 1, f.journal(f.a)).value();
  CHECK(f.b.read("k") == "old body at the hub");
  CHECK(f.b.key("k").arriving == 1);
  f.body(f.a, f.b, w.hash);
  CHECK(f.b.read("k") == "new body of device a");
  CHECK(f.b.key("k").current->state == State::kTentative);
}

TEST_CASE("two devices that did not know each other both keep their write; resolving settles it everywhere") {
  Fleet f;
  f.a.put("k", "by a", Versioning::kEnabled);
  f.b.put("k", "by b", Versioning::kEnabled);
  f.sync(f.a);
  f.sync(f.b);
  f.sync(f.a);
  for (TestNode* n : {&f.hub, &f.a, &f.b}) {
    CHECK(n->key("k").conflict_count == 1);
    CHECK(n->versions().size() == 2);
  }
  Draft d = f.a.object("k", "settled by a", Versioning::kEnabled);
  d.settles = true;
  f.a.write(d).value();
  CHECK(f.a.key("k").conflict_count == 0);
  f.sync(f.a);
  f.sync(f.b);
  for (TestNode* n : {&f.hub, &f.a, &f.b}) CHECK(n->key("k").conflict_count == 0);
  CHECK(read_position(*f.a.view(), f.a.space)->fingerprint == read_position(*f.hub.view(), f.hub.space)->fingerprint);
}

TEST_CASE("a journal with a gap, another record in a known place, or a foreign record changes nothing") {
  Fleet f;
  f.a.put("k", "1", Versioning::kEnabled);
  f.a.put("k", "2", Versioning::kEnabled);
  auto items = f.journal(f.a);
  CHECK(f.give(f.hub, f.a.space.self, 2, {items[1]}).error().code == Code::kConflict);
  CHECK(f.give(f.hub, f.a.space.self, 1, items)->received == 2);
  CHECK(f.give(f.hub, f.a.space.self, 1, items)->fresh == 0);
  // The same disk image, gone on elsewhere: another second record.
  TestNode clone("a", false, f.clock, 2);
  clone.put("k", "1", Versioning::kEnabled);
  clone.put("other", "x", Versioning::kEnabled);
  auto other = read_journal(*clone.view(), clone.space, clone.space.self, 1, 9, 999).value();
  clone.step([&](storage::Batch& x) { return mark_given(x, clone.space, 9); }).value();
  other = read_journal(*clone.view(), clone.space, clone.space.self, 1, 9, 9999).value();
  CHECK(f.give(f.hub, f.a.space.self, 1, other).error().code == Code::kForeign);
  CHECK(f.give(f.hub, f.b.space.self, 1, items).error().code == Code::kCorrupt);
  JournalItem rubbish;
  rubbish.record = "rubbish";
  CHECK(f.give(f.hub, f.a.space.self, 3, {rubbish}).error().code == Code::kCorrupt);
  CHECK(load_origin(*f.hub.view(), f.hub.space.bucket, f.a.space.self)->received == 2);
  // A device that hears more of its own journal than it has is an old image.
  TestNode old("a", false, f.clock, 2);
  CHECK(f.give(old, old.space.self, 1, items).error().code == Code::kForeign);
}

TEST_CASE("a body that is not the record's is refused") {
  Fleet f;
  auto w = f.a.put("k", "the real body");
  f.give(f.hub, f.a.space.self, 1, f.journal(f.a)).value();
  ArrivedBody wrong{crypto::sha256("another body!"), f.hub.write_body("another body!"), {}, {}};
  auto done = f.hub.step([&](storage::Batch& x) { return body_arrived(x, f.hub.space, w.hash, wrong, f.hub.now()); });
  CHECK(done.error().code == Code::kCorrupt);
  CHECK(f.hub.read("k") == "-");
}

TEST_CASE("what was given is not voided, what was not given travels as a hash") {
  Fleet f;
  f.a.put("k", "never seen by anyone");
  f.a.put("k", "given");
  auto first = f.journal(f.a);
  REQUIRE(first.size() == 2);
  CHECK(!first[0].record);
  CHECK(first[1].record);
  f.a.put("k", "after");
  auto all = f.journal(f.a);
  CHECK(all[1].record);
  CHECK(all[2].record);
  f.sync(f.a);
  CHECK(f.hub.read("k") == "after");
  CHECK(f.hub.versions().size() == 1);
  CHECK(load_all_pending(*f.a.view(), f.a.space.bucket, "k")->empty());
}

TEST_CASE("a held record leaves every view, keeps its bytes, and comes back when it is accepted") {
  Fleet f;
  f.a.put("k", "good");
  f.sync(f.a);
  auto w = f.a.put("k", "by a removed author");
  f.give(f.hub, f.a.space.self, 2, f.journal(f.a, 2)).value();
  f.hub
      .step([&](storage::Batch& x) {
        return set_verdict(x, f.hub.space, w.hash, format::Status::kHeld, Reason::kAuthor);
      })
      .value();
  f.commit();
  f.body(f.a, f.hub, w.hash);
  f.follow(f.a, f.hub);
  CHECK(f.hub.read("k") == "good");
  CHECK(f.a.read("k") == "good");
  for (TestNode* n : {&f.hub, &f.a}) {
    size_t held = 0;
    scan_inbox(*n->view(), n->space, [&](const InboxItem& i) -> Result<storage::Scan> {
      held += i.status == format::Status::kHeld && i.reason == Reason::kAuthor && i.record.has_value();
      return storage::Scan::kContinue;
    }).value();
    CHECK(held == 1);
  }
  CHECK(f.hub.step([&](storage::Batch& x) { return accept_held(x, f.hub.space, w.hash, f.hub.now()); }).value());
  f.follow(f.a, f.hub);
  CHECK(f.hub.read("k") == "by a removed author");
  CHECK(f.a.read("k") == "by a removed author");
}

TEST_CASE("a held record that is accepted before its body is at the hub is not lost at its writer") {
  Fleet f;
  auto w = f.a.put("k", "its only copy is at a");
  f.give(f.hub, f.a.space.self, 1, f.journal(f.a)).value();
  f.hub
      .step([&](storage::Batch& x) {
        return set_verdict(x, f.hub.space, w.hash, format::Status::kHeld, Reason::kAuthor);
      })
      .value();
  CHECK(f.hub.step([&](storage::Batch& x) { return accept_held(x, f.hub.space, w.hash, f.hub.now()); }).value());
  f.follow(f.a, f.hub);  // seed 25868: the writer took it for ended and freed the body
  CHECK(f.hub.read("k") == "-");
  f.body(f.a, f.hub, w.hash);
  CHECK(f.hub.read("k") == "its only copy is at a");
  f.follow(f.a, f.hub);
  CHECK(f.a.read("k") == "its only copy is at a");
}

TEST_CASE("records that come for a deleted bucket are held with their bodies") {
  Fleet f;
  auto w = f.a.put("k", "written offline");
  f.hub.step([&](storage::Batch& x) { return close_space(x, f.hub.space); }).value();
  f.sync(f.a);
  CHECK(f.hub.read("k") == "-");
  CHECK(find_body(*f.hub.view(), f.hub.space, w.hash).value());
  CHECK(f.a.read("k") == "-");
}

TEST_CASE("a version ended by a synced record keeps its body at the hub for seven days") {
  Fleet f;
  auto v = f.hub.put("k", "a body in a segment", Versioning::kEnabled);
  f.follow(f.a, f.hub);
  f.a.write(f.a.purge("k", v.hash)).value();
  f.sync(f.a);
  CHECK(f.hub.versions().empty());
  f.clock.advance(Millis(6ll * 24 * 3600 * 1000));
  CHECK(f.hub.reclaim() == 0);
  f.clock.advance(Millis(2ll * 24 * 3600 * 1000));
  CHECK(f.hub.reclaim() == 1);
}

TEST_CASE("an interrupted history goes on where it stopped, and an old piece changes nothing") {
  Fleet f;
  for (int i = 0; i < 5; i++) f.hub.put("k" + std::to_string(i), "x", Versioning::kEnabled);
  auto first = read_history(*f.hub.view(), f.hub.space, {}, 1).value();
  REQUIRE(first);
  CHECK(!first->last);
  auto apply = [&](const format::HistoryPiece& p) {
    return f.a.step([&](storage::Batch& x) { return apply_history(x, f.a.space, p, f.a.now()); });
  };
  auto gap = read_history(*f.hub.view(), f.hub.space, {1, 3, 0}, 1).value();
  CHECK(apply(*gap).error().code == Code::kConflict);
  apply(*first).value();
  CHECK(f.a.versions().size() == 1);
  f.follow(f.a, f.hub);
  CHECK(f.a.versions().size() == 5);
  apply(*first).value();
  CHECK(f.a.versions().size() == 5);
  CHECK(read_position(*f.a.view(), f.a.space)->complete);
  CHECK(!read_history(*f.hub.view(), f.hub.space, read_position(*f.a.view(), f.a.space)->cursor, 1).value());
}

TEST_CASE("a history whose state names what did not come is refused whole") {
  Fleet f;
  f.hub.put("k", "x");
  auto piece = read_history(*f.hub.view(), f.hub.space, {}, 1000).value();
  piece->rows.clear();
  auto done = f.a.step([&](storage::Batch& x) { return apply_history(x, f.a.space, *piece, f.a.now()); });
  CHECK(done.error().code == Code::kCorrupt);
  CHECK(read_position(*f.a.view(), f.a.space)->cursor.csn == 0);
}

TEST_CASE("a follower serves the history on, and the next one ends equal") {
  Fleet f;
  for (int i = 0; i < 4; i++) f.hub.put("k", std::to_string(i), Versioning::kEnabled);
  f.hub.write(f.hub.marker("k", Versioning::kEnabled)).value();
  f.follow(f.a, f.hub);
  auto applied = f.follow(f.b, f.a);
  CHECK(applied.complete);
  CHECK(applied.equal);
  CHECK(f.b.versions().size() == 5);
}

TEST_CASE("an unassigned space leaves nothing behind") {
  Fleet f;
  for (int i = 0; i < 10; i++) f.hub.put("k" + std::to_string(i), "a body in a segment", Versioning::kEnabled);
  f.hub.write(f.hub.tags("k1", f.hub.key("k1").current->hash, "t")).value();
  bool more = true;
  for (int i = 0; more; i++) {
    REQUIRE(i < 100);
    more = f.hub.step([&](storage::Batch& x) { return drop_space(x, f.hub.space, 3, f.clock.wall()); }).value();
  }
  size_t rows = 0;
  f.hub.view()
      ->scan({}, {},
             [&](BytesView k, BytesView) -> Result<storage::Scan> {
               rows += k[0] < 0x09 || (k[0] > 0x0e && k[0] < 0x20);
               return storage::Scan::kContinue;
             })
      .value();
  CHECK(rows == 0);
  f.clock.advance(Millis(1));
  CHECK(f.hub.reclaim() == 10);
}

TEST_CASE("inline values travel inside their records") {
  Fleet f;
  Draft d = f.a.object("config", "");
  d.fresh.reset();
  d.value = "a small value";
  d.object.size = d.value->size();
  f.a.write(d).value();
  f.sync(f.a);
  CHECK(f.hub.key("config").current->record.value == "a small value");
  f.follow(f.b, f.hub);
  CHECK(f.b.key("config").current->body_here);
  CHECK(f.b.key("config").current->record.value == "a small value");
}

TEST_CASE("seals chain over a journal; another record, order or signature is found out") {
  Fleet f;
  auto sign = [](BytesView m) -> Result<Bytes> { return "signed:" + crypto::sha256(m).hex(); };
  auto verify = [](BytesView m, BytesView s) -> Result<void> {
    if (s != "signed:" + crypto::sha256(m).hex()) return error(Code::kForeign, "not the device's signature");
    return {};
  };
  format::Incarnation incarnation{DeviceId::of("device-16-bytes!"), f.a.space.self, {}};
  std::vector<format::Seal> seals;
  std::vector<std::vector<RecordHash>> hashes;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 3; i++) f.a.put("k", std::to_string(round * 3 + i), Versioning::kEnabled);
    auto seal = build_seal(*f.a.view(), f.a.space, incarnation, 100, sign).value();
    REQUIRE(seal);
    f.a.step([&](storage::Batch& x) { return store_seal(x, f.a.space, *seal); }).value();
    seals.push_back(*seal);
    hashes.emplace_back();
    for (uint64_t o = seal->from; o <= seal->to; o++)
      hashes.back().push_back((*load_journal(*f.a.view(), f.a.space.bucket, f.a.space.self, o))->hash);
  }
  CHECK(!build_seal(*f.a.view(), f.a.space, incarnation, 100, sign).value());
  CHECK(seals[0].incarnation == incarnation);
  CHECK(!seals[1].incarnation);
  CHECK(verify_seal(seals[0], nullptr, hashes[0], verify).ok());
  CHECK(verify_seal(seals[1], &seals[0], hashes[1], verify).ok());
  CHECK(read_seals(*f.a.view(), f.a.space, f.a.space.self, false, 4, 10)->size() == 1);
  CHECK(verify_seal(seals[1], nullptr, hashes[1], verify).error().code == Code::kForeign);
  CHECK(verify_seal(seals[0], nullptr, hashes[1], verify).error().code == Code::kForeign);
  std::swap(hashes[1][0], hashes[1][1]);
  CHECK(verify_seal(seals[1], &seals[0], hashes[1], verify).error().code == Code::kForeign);
  seals[0].to++;
  CHECK(verify_seal(seals[0], nullptr, hashes[0], verify).error().code == Code::kForeign);
}

TEST_CASE("the home seals its history; a follower at that place proves it has the same live set") {
  Fleet f;
  auto sign = [](BytesView) -> Result<Bytes> { return Bytes("s"); };
  auto verify = [](BytesView, BytesView) -> Result<void> { return {}; };
  format::Incarnation incarnation{DeviceId::of("hub-16-bytes-id!"), f.hub.space.self, {}};
  f.hub.put("k", "x");
  auto seal = build_history_seal(*f.hub.view(), f.hub.space, incarnation, sign).value();
  REQUIRE(seal);
  f.hub.step([&](storage::Batch& x) { return store_seal(x, f.hub.space, *seal); }).value();
  CHECK(!build_history_seal(*f.hub.view(), f.hub.space, incarnation, sign).value());
  f.follow(f.a, f.hub);
  auto at = read_position(*f.a.view(), f.a.space).value();
  CHECK(at.cursor.csn == seal->to);
  CHECK(verify_history_seal(*seal, nullptr, at.fingerprint, verify).ok());
  f.hub.put("k2", "x");
  f.follow(f.a, f.hub);
  CHECK(!verify_history_seal(*seal, nullptr, read_position(*f.a.view(), f.a.space)->fingerprint, verify).ok());
}

TEST_CASE("an ancestor whose origin is lost can be given up") {
  Fleet f;
  auto first = f.a.put("k", "never arrives at the hub", Versioning::kEnabled);
  f.give(f.b, f.a.space.self, 1, f.journal(f.a)).value();
  f.body(f.a, f.b, first.hash);
  f.b.put("k", "by b on top", Versioning::kEnabled);
  f.sync(f.b);
  CHECK(load_key_state(*f.hub.view(), f.hub.space.bucket, "k")->state.awaited == std::vector{first.hash});
  auto drop = [&] { return f.hub.step([&](storage::Batch& x) { return give_up(x, f.hub.space, "k", first.hash); }); };
  CHECK(drop().ok());
  CHECK(drop().error().code == Code::kNotFound);
  f.follow(f.b, f.hub);
  CHECK(f.b.read("k") == "by b on top");
}

#include <doctest/doctest.h>

#include "format/upload.h"
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

namespace {

void drop(TestNode& node, size_t max, WallTime due) {
  bool more = true;
  for (int i = 0; more; i++) {
    REQUIRE(i < 100);
    more = node.step([&](storage::Batch& x) { return drop_space(x, node.space, max, due); }).value();
  }
}

// Rows of spaces that a node holds, and one text of all their bytes.
std::pair<size_t, Bytes> held_rows(TestNode& node) {
  size_t rows = 0;
  Bytes all;
  node.view()
      ->scan({}, {},
             [&](BytesView k, BytesView v) -> Result<storage::Scan> {
               bool of_space = k[0] <= 0x0a || (k[0] > 0x0e && k[0] < 0x20);
               if (of_space) {
                 rows++;
                 all += Bytes(k) + Bytes(v);
               }
               return storage::Scan::kContinue;
             })
      .value();
  return {rows, all};
}

}  // namespace

TEST_CASE("an unassigned space leaves nothing behind but the place where this node's journal ended") {
  Fleet f;
  for (int i = 0; i < 10; i++) f.hub.put("secret" + std::to_string(i), "a body in a segment", Versioning::kEnabled);
  f.hub.write(f.hub.tags("secret1", f.hub.key("secret1").current->hash, "t")).value();
  f.hub
      .step([&](storage::Batch& x) -> Result<void> {
        UploadId upload = UploadId::of("upload-16-bytes!");
        x.put(format::upload_key(f.hub.space.bucket, "secret-upload", upload), format::encode_upload({}));
        for (uint32_t part = 1; part <= 7; part++) {
          format::UploadPart row{.size = 19, .md5 = Bytes(16, 'm')};
          auto body = f.hub.write_body("a part in a segment");
          Bytes key = format::upload_part_key(f.hub.space.bucket, upload, part);
          f.hub.space.blobs->attach(x, body, key);
          for (const auto& piece : body.pieces()) row.pieces.push_back({piece.blob, piece.offset, piece.length});
          x.put(key, format::encode_upload_part(row));
        }
        return {};
      })
      .value();
  drop(f.hub, 3, f.clock.wall());
  auto [rows, all] = held_rows(f.hub);
  CHECK(rows == 2);  // number and hash of its last record; there is no seal yet
  CHECK(all.find("secret") == Bytes::npos);
  f.clock.advance(Millis(1));
  CHECK(f.hub.reclaim() == 17);
}

TEST_CASE("a device that wrote nothing leaves nothing at all of an unassigned space") {
  Fleet f;
  f.hub.put("secret", "a body in a segment");
  f.follow(f.a, f.hub);
  drop(f.a, 1, f.clock.wall());
  CHECK(held_rows(f.a).first == 0);
}

TEST_CASE("a space that is created again goes on with the same journal and follows from the beginning") {
  Fleet f;
  f.a.put("k", "first", Versioning::kEnabled);
  f.sync(f.a);
  f.hub.put("h", "by the hub", Versioning::kEnabled);
  drop(f.a, 2, f.clock.wall());
  f.a.step([&](storage::Batch& x) { return create_space(x, f.a.space); }).value();
  CHECK(f.a.versions().empty());
  f.a.put("k", "second", Versioning::kEnabled);  // before it heard anything: a true conflict
  f.sync(f.a);
  auto row = load_origin(*f.hub.view(), f.hub.space.bucket, f.a.space.self).value();
  CHECK(row.received == 2);
  CHECK(row.decided.prefix == 2);
  CHECK(f.a.key("k").conflict_count == 1);
  CHECK(f.hub.key("k").conflict_count == 1);
  CHECK(f.a.key("h").current.has_value());
  CHECK(read_position(*f.a.view(), f.a.space)->fingerprint == read_position(*f.hub.view(), f.hub.space)->fingerprint);
  CHECK(load_origin(*f.a.view(), f.a.space.bucket, f.a.space.self)->decided.prefix == 2);
}

TEST_CASE("an empty history is told once, and then known to be whole") {
  Fleet f;
  CHECK(!read_position(*f.a.view(), f.a.space)->followed);
  auto piece = read_history(*f.hub.view(), f.hub.space, {}, 1000, IfEmpty::kPiece).value();
  REQUIRE(piece);
  CHECK(piece->last);
  CHECK(piece->entries.empty());
  f.a.step([&](storage::Batch& x) { return apply_history(x, f.a.space, *piece, f.a.now()); }).value();
  CHECK(read_position(*f.a.view(), f.a.space)->followed);
  CHECK(!read_history(*f.hub.view(), f.hub.space, {}, 1000).value());
  // A first piece that is not the last does not count; the whole does, and it stays so while more comes.
  for (int i = 0; i < 3; i++) f.hub.put("k" + std::to_string(i), "x");
  auto part = read_history(*f.hub.view(), f.hub.space, {}, 1).value();
  f.b.step([&](storage::Batch& x) { return apply_history(x, f.b.space, *part, f.b.now()); }).value();
  CHECK(!read_position(*f.b.view(), f.b.space)->followed);
  f.follow(f.b, f.hub);
  CHECK(read_position(*f.b.view(), f.b.space)->followed);
  part = read_history(*f.hub.view(), f.hub.space, {}, 1).value();
  f.a.step([&](storage::Batch& x) { return apply_history(x, f.a.space, *part, f.a.now()); }).value();
  CHECK(read_position(*f.a.view(), f.a.space)->followed);
}

TEST_CASE("records of a lost device that wait for their body are held, and the rest goes on") {
  Fleet f;
  f.a.put("here", "its body comes", Versioning::kEnabled);
  std::vector<RecordHash> waiting;
  for (int i = 0; i < 5; i++)
    waiting.push_back(f.a.put("gone" + std::to_string(i), "its body never comes", Versioning::kEnabled).hash);
  f.give(f.hub, f.a.space.self, 1, f.journal(f.a)).value();
  f.commit();
  f.body(f.a, f.hub, f.a.key("here").current->hash);
  auto settled = [&] { return settled_at(*f.hub.view(), f.hub.space, f.a.space.self).value(); };
  CHECK(!settled());
  auto hold = [&] {
    return f.hub
        .step([&](storage::Batch& x) { return hold_waiting(x, f.hub.space, f.a.space.self, Reason::kDevice, 2); })
        .value();
  };
  CHECK(hold());
  CHECK(hold());
  CHECK(!hold());
  CHECK(load_origin(*f.hub.view(), f.hub.space.bucket, f.a.space.self)->decided.prefix == 6);
  CHECK(f.hub.read("here") == "its body comes");
  CHECK(f.hub.key("gone0").arriving == 0);
  size_t held = 0;
  scan_inbox(*f.hub.view(), f.hub.space, [&](const InboxItem& i) -> Result<storage::Scan> {
    held += i.status == format::Status::kHeld && i.reason == Reason::kDevice && i.record.has_value();
    return storage::Scan::kContinue;
  }).value();
  CHECK(held == 5);
  CHECK(!settled());  // decided, but the only copies are at the device
  // It was found after all: the bodies still count, and a person may accept.
  for (const auto& hash : waiting) f.body(f.a, f.hub, hash);
  CHECK(settled() == 6);
  CHECK(f.hub.read("gone1") == "-");
  CHECK(f.hub.step([&](storage::Batch& x) { return accept_held(x, f.hub.space, waiting[1], f.hub.now()); }).value());
  CHECK(f.hub.read("gone1") == "its body never comes");
}

TEST_CASE("a record that is ended while it waits for its body is decided") {
  Fleet f;
  auto w = f.a.put("k", "its body is late", Versioning::kEnabled);
  f.a.step([&](storage::Batch& x) { return mark_given(x, f.a.space, 1); }).value();
  f.give(f.hub, f.a.space.self, 1, f.journal(f.a)).value();
  f.commit();
  f.a.write(f.a.purge("k", w.hash)).value();
  f.give(f.hub, f.a.space.self, 2, f.journal(f.a, 2)).value();
  f.commit();
  CHECK(load_origin(*f.hub.view(), f.hub.space.bucket, f.a.space.self)->decided.prefix == 2);
  CHECK(settled_at(*f.hub.view(), f.hub.space, f.a.space.self).value() == 2);
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
    auto seal = build_seal(*f.a.view(), f.a.space, incarnation, {}, sign).value();
    REQUIRE(seal);
    f.a.step([&](storage::Batch& x) { return store_seal(x, f.a.space, *seal); }).value();
    seals.push_back(*seal);
    hashes.emplace_back();
    for (uint64_t o = seal->from; o <= seal->to; o++)
      hashes.back().push_back((*load_journal(*f.a.view(), f.a.space.bucket, f.a.space.self, o))->hash);
  }
  CHECK(!build_seal(*f.a.view(), f.a.space, incarnation, {}, sign).value());
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

TEST_CASE("a journal is taken only just as its seals say") {
  Fleet f;
  auto sign = [](BytesView m) -> Result<Bytes> { return "signed:" + crypto::sha256(m).hex(); };
  auto verify = [](BytesView m, BytesView s) -> Result<void> {
    if (s != "signed:" + crypto::sha256(m).hex()) return error(Code::kForeign, "not the device's signature");
    return {};
  };
  DeviceId device = DeviceId::of("device-16-bytes!");
  format::Incarnation incarnation{device, f.a.space.self, {}};
  for (int i = 0; i < 6; i++) f.a.put("k", Bytes(100, static_cast<char>('a' + i)), Versioning::kEnabled);
  std::vector<format::Seal> seals;
  while (auto seal = build_seal(*f.a.view(), f.a.space, incarnation, {.places = 2}, sign).value()) {
    f.a.step([&](storage::Batch& x) { return store_seal(x, f.a.space, *seal); }).value();
    seals.push_back(*seal);
  }
  REQUIRE(seals.size() == 3);
  auto items = f.journal(f.a);
  auto check = [&](uint64_t from, std::vector<JournalItem> i, const std::vector<format::Seal>& s) {
    auto result = verify_seals(*f.hub.view(), f.hub.space, f.a.space.self, device, from, i, s, verify);
    CHECK((result.ok() || result.error().code == Code::kForeign));
    return result.ok();
  };
  CHECK(check(1, items, seals));
  CHECK(check(1, {items[0], items[1]}, {seals[0]}));
  CHECK(!check(1, items, {}));
  CHECK(!check(1, items, {seals[0], seals[1]}));                           // the end is not covered
  CHECK(!check(1, {items[0], items[1], items[2]}, {seals[0], seals[1]}));  // a seal over what did not come
  CHECK(!check(1, items, {seals[0], seals[2]}));
  CHECK(!check(3, {items[2], items[3]}, {seals[1]}));  // the one before is not here
  auto forged = items;
  forged[3].record = forged[2].record;
  CHECK(!check(1, forged, seals));
  auto other = seals;
  other[1].signature[9] ^= 1;
  CHECK(!check(1, items, other));
  auto elsewhere = incarnation;
  elsewhere.device = DeviceId::of("another-16-bytes");
  TestNode again("a", false, f.clock, 2);
  again.put("k", Bytes(100, 'a'), Versioning::kEnabled);
  auto foreign = build_seal(*again.view(), again.space, elsewhere, {}, sign).value();
  CHECK(!check(1, {items[0]}, {*foreign}));
  // What is here already is compared with, and later seals follow it.
  f.give(f.hub, f.a.space.self, 1, {items[0], items[1]}).value();
  f.hub.step([&](storage::Batch& x) { return store_seal(x, f.hub.space, seals[0]); }).value();
  CHECK(check(3, {items[2], items[3]}, {seals[1]}));
  CHECK(check(1, items, seals));
  other = seals;
  other[0].signature = "signed anew";
  CHECK(!check(1, items, other));
}

TEST_CASE("a seal covers what fits a frame, and at least one record") {
  Fleet f;
  auto sign = [](BytesView) -> Result<Bytes> { return Bytes("s"); };
  for (int i = 0; i < 4; i++) {
    Draft d = f.a.object("k" + std::to_string(i), "");
    d.object.user_metadata = {{"m", Bytes(20'000, 'x')}};
    f.a.write(d).value();
  }
  auto seal = build_seal(*f.a.view(), f.a.space, {}, {.places = 100, .bytes = 48'000}, sign).value();
  CHECK(seal->to == 2);
  CHECK(build_seal(*f.a.view(), f.a.space, {}, {.places = 100, .bytes = 10}, sign).value()->to == 1);
  CHECK(build_seal(*f.a.view(), f.a.space, {}, {.places = 3, .bytes = 1 << 20}, sign).value()->to == 3);
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

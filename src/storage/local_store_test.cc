// What only the store on disk does: its directory, its reserve, damage, want of space, bodies that belong to nobody.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/thread.h"
#include "storage/local/store.h"
#include "storage/sim/sim_disk.h"

namespace dl::storage {
namespace {

struct Node {
  Node() {
    limits.reserve_percent = 0;
    limits.reopen_free_bytes = 0;
    limits.write_buffer_bytes = 256 << 10;
    limits.segment_bytes = 256 << 10;
    limits.committer.tick = Millis(2);
    limits.reclaim_interval = Millis(3'600'000);
  }
  Result<void> open(std::vector<std::string> names = {"control", "default"}) {
    store.reset();
    std::vector<PartitionKeys> keys;
    for (const auto& name : names) keys.push_back({name, Bytes(32, name[0]), Bytes(32, 'b')});
    DL_TRY(store, open_local_store(disk, "/data", keys, clock, random, limits, [this](const std::string& why) {
             deaths++;
             last_words = why;
           }));
    return {};
  }
  Partition& rows() { return store->partition("default"); }
  Result<void> put(std::string key, std::string value, Purpose purpose = Purpose::kWrite) {
    return rows().commit_wait(
        [&](Batch& batch) -> Result<void> {
          batch.put(key, value);
          return {};
        },
        purpose);
  }
  Result<WrittenBody> write_body(const Bytes& body) {
    DL_TRY(auto writer, store->blobs("default").create(body.size()));
    DL_OK(writer->append(body));
    return writer->finish();
  }
  Result<void> attach(const WrittenBody& body) {
    return rows().commit_wait([&](Batch& batch) -> Result<void> {
      store->blobs("default").attach(batch, body, "owner");
      return {};
    });
  }
  Result<void> release(const WrittenBody& body) {
    return rows().commit_wait([&](Batch& batch) -> Result<void> {
      for (const auto& blob : body.blobs)
        DL_OK(store->blobs("default").release(batch, blob.blob, "owner", clock.wall()));
      return {};
    });
  }
  Result<Bytes> read(const WrittenBody& body) {
    Bytes out(body.length, '\0');
    DL_OK(read_pieces(store->blobs("default"), body.pieces(), 0, out.data(), out.size()));
    return out;
  }
  std::map<std::string, Bytes> contents() const {
    std::map<std::string, Bytes> out;
    for (const auto& path : disk.files()) out[path] = disk.content(path);
    return out;
  }
  std::vector<std::string> files(const std::string& part) const {
    std::vector<std::string> out;
    for (const auto& path : disk.files())
      if (path.find(part) != std::string::npos) out.push_back(path);
    return out;
  }

  SimDisk disk{1};
  ManualClock clock;
  SeededRandom random{1};
  LocalLimits limits;
  std::atomic<int> deaths{0};
  std::string last_words;
  std::unique_ptr<LocalStore> store;
};

}  // namespace

TEST_CASE("a directory of another format, with foreign files or of somebody else's is refused and not touched") {
  struct Case {
    std::string path, content;
  };
  for (const auto& one : {Case{"/data/FORMAT", "demilune data directory, format 2\n"}, Case{"/data/holiday.jpg", "x"},
                          Case{"/data/segments", "x"}}) {
    CAPTURE(one.path);
    Node node;
    REQUIRE(node.disk.make_dir("/data", 0700).ok());
    node.disk.set_content(one.path, one.content);
    auto before = node.contents();
    auto opened = node.open();
    REQUIRE(!opened.ok());
    CHECK(opened.error().code == Code::kForeign);
    CHECK((node.contents() == before));
  }
}

TEST_CASE("a partition without keys is refused, not forgotten") {
  Node node;
  REQUIRE(node.open().ok());
  node.store.reset();
  auto opened = node.open({"control"});
  REQUIRE(!opened.ok());
  CHECK(opened.error().code == Code::kForeign);
  CHECK(opened.error().message.find("default") != std::string::npos);
  CHECK(node.open().ok());
}

TEST_CASE("limits that an operator set out of range are refused, and nothing is made") {
  struct Case {
    std::string name;
    std::function<void(LocalLimits&)> set;
  };
  for (const auto& one : {Case{"storage.inline", [](auto& l) { l.inline_limit = (1 << 20) + 1; }},
                          Case{"storage.cache", [](auto& l) { l.cache_bytes = 0; }},
                          Case{"storage.write_buffer", [](auto& l) { l.write_buffer_bytes = 1; }}}) {
    Node node;
    one.set(node.limits);
    auto opened = node.open();
    REQUIRE(!opened.ok());
    CHECK(opened.error().code == Code::kInvalid);
    CHECK(opened.error().message.find(one.name) != std::string::npos);
    CHECK(node.contents().empty());
  }
}

TEST_CASE("a second store on the same directory is refused while the first is open") {
  Node node;
  REQUIRE(node.open().ok());
  auto second = open_local_store(
      node.disk, "/data", {{"control", Bytes(32, 'c'), Bytes(32, 'b')}, {"default", Bytes(32, 'd'), Bytes(32, 'b')}},
      node.clock, node.random, node.limits);
  REQUIRE(!second.ok());
  CHECK(second.error().code == Code::kConflict);
}

TEST_CASE("partitions do not see each other, and a wrong key opens nothing and changes nothing") {
  Node node;
  REQUIRE(node.open().ok());
  REQUIRE(node.put("k", "default's").ok());
  CHECK(!node.store->partition("control").get("k").value());
  node.store.reset();
  auto before = node.contents();
  auto wrong = open_local_store(
      node.disk, "/data", {{"control", Bytes(32, 'x'), Bytes(32, 'b')}, {"default", Bytes(32, 'd'), Bytes(32, 'b')}},
      node.clock, node.random, node.limits);
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().code == Code::kCorrupt);
  CHECK((node.contents() == before));
}

TEST_CASE("nothing of a row or a body stands on the disk in the clear") {
  Node node;
  REQUIRE(node.open().ok());
  std::string secret = "the secret that nobody may read";
  REQUIRE(node.put(secret, secret).ok());
  Bytes large;
  while (large.size() < 100'000) large += secret;
  for (const Bytes& body : {secret, large}) REQUIRE(node.attach(node.write_body(body).value()).ok());
  node.store.reset();
  for (const auto& [path, content] : node.contents()) {
    CAPTURE(path);
    CHECK(content.find("secret") == Bytes::npos);
  }
}

TEST_CASE("below the reserve writes and bodies are refused, deletes are not; with space again both go on") {
  Node node;
  node.limits.reserve_percent = 5;
  node.limits.reserve_floor_bytes = 0;
  REQUIRE(node.open().ok());
  node.disk.set_space({1000 << 20, 55 << 20});
  CHECK(node.put("a", "1").ok());
  auto body = node.store->blobs("default").create(6 << 20);
  REQUIRE(!body.ok());
  CHECK(body.error().code == Code::kNoSpace);
  node.disk.set_space({1000 << 20, 49 << 20});
  auto refused = node.put("b", "1");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Code::kNoSpace);
  CHECK(node.put("c", "1", Purpose::kFree).ok());
  node.disk.set_space({1000 << 20, 500 << 20});
  CHECK(node.put("b", "2").ok());
}

TEST_CASE("a missing or shortened file is named, and not a byte is changed") {
  Node node;
  REQUIRE(node.open().ok());
  Bytes body = node.random.bytes(100'000);
  REQUIRE(node.attach(node.write_body(body).value()).ok());
  for (int i = 0; i < 40; i++) REQUIRE(node.put("k" + std::to_string(i), node.random.bytes(20'000)).ok());
  REQUIRE(node.open().ok());
  node.store.reset();
  for (std::string kind : {".seg", ".sst", ".blob", "CURRENT", "MANIFEST", "/watermark/default"}) {
    for (bool gone : {true, false}) {
      if (!gone && kind == "/watermark/default") continue;  // one of its two slots is enough
      auto found = node.files(kind);
      auto in_default = std::find_if(found.begin(), found.end(),
                                     [](const auto& path) { return path.find("default") != std::string::npos; });
      REQUIRE(in_default != found.end());
      CAPTURE(*in_default);
      CAPTURE(gone);
      Node damaged;
      REQUIRE(make_dirs(damaged.disk, "/data/kv/default", 0700).ok());
      for (std::string dir :
           {"/data/kv/control", "/data/segments/control", "/data/segments/default", "/data/watermark"})
        REQUIRE(make_dirs(damaged.disk, dir, 0700).ok());
      for (const auto& [path, content] : node.contents())
        if (!gone || path != *in_default)
          damaged.disk.set_content(path, path == *in_default ? content.substr(0, content.size() / 2) : content);
      auto before = damaged.contents();
      auto opened = damaged.open();
      REQUIRE(!opened.ok());
      CHECK(opened.error().code == Code::kCorrupt);
      std::string name = in_default->substr(in_default->find_last_of('/') + 1);
      name = name.substr(0, name.find('.'));  // the engine may ask for an older ending first
      if (kind != "CURRENT" || gone) CHECK(opened.error().message.find(name) != std::string::npos);
      CHECK((damaged.contents() == before));
    }
  }
}

TEST_CASE("a body damaged in its segment is told with its place, never returned") {
  Node node;
  REQUIRE(node.open().ok());
  Bytes body = node.random.bytes(200'000);
  auto written = node.write_body(body).value();
  REQUIRE(node.attach(written).ok());
  node.store.reset();
  std::string path = node.files(".seg").at(0);
  Bytes content = node.disk.content(path);
  content[4096 + 70'000] ^= 4;
  node.disk.set_content(path, content);
  REQUIRE(node.open().ok());
  auto read = node.read(written);
  REQUIRE(!read.ok());
  CHECK(read.error().code == Code::kCorrupt);
  CHECK(read.error().message.find("segment 1") != std::string::npos);
  char out[100];
  CHECK(node.store->blobs("default").read(written.blobs[0].blob, 0, out, 100).ok());  // another slab
}

TEST_CASE("a scrub finds every damaged body and file, and nothing in a store that is whole") {
  Node node;
  REQUIRE(node.open().ok());
  for (int i = 0; i < 3; i++) REQUIRE(node.attach(node.write_body(node.random.bytes(100'000)).value()).ok());
  for (int i = 0; i < 60; i++) REQUIRE(node.put("k" + std::to_string(i), node.random.bytes(20'000)).ok());
  REQUIRE(node.open().ok());
  auto whole = node.store->scrub();
  REQUIRE(whole.ok());
  CHECK(whole->bodies == 3);
  CHECK(whole->bytes > 300'000);
  CHECK(whole->damage.empty());
  node.store.reset();
  for (std::string kind : {".seg", ".blob"}) {
    std::string path = node.files(kind).at(0);
    Bytes content = node.disk.content(path);
    content[content.size() / 3] ^= 1;
    node.disk.set_content(path, content);
  }
  REQUIRE(node.open().ok());
  auto hurt = node.store->scrub();
  REQUIRE(hurt.ok());
  CHECK(hurt->damaged == 2);
  CHECK(hurt->damage.size() == 2);
}

TEST_CASE("bodies that no step took are freed at the next start, or an hour later") {
  Node node;
  REQUIRE(node.open().ok());
  auto kept = node.write_body(node.random.bytes(100'000)).value();
  REQUIRE(node.attach(kept).ok());
  uint64_t live = node.store->segment_bytes("default");
  REQUIRE(node.write_body(node.random.bytes(50'000)).ok());
  {
    auto left = node.store->blobs("default").create(50'000).value();
    REQUIRE(left->append("begun").ok());
  }
  CHECK(node.store->segment_bytes("default") > live);
  node.clock.advance(Millis(3'599'000));
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->segment_bytes("default") > live);
  node.clock.advance(Millis(2'000));
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->segment_bytes("default") == live);

  REQUIRE(node.write_body(node.random.bytes(50'000)).ok());
  REQUIRE(node.open().ok());
  CHECK(node.store->segment_bytes("default") == live);
  CHECK(node.read(kept).ok());
}

TEST_CASE("a segment whose last body is gone is removed; what lives in others stays readable") {
  Node node;
  REQUIRE(node.open().ok());
  std::vector<WrittenBody> bodies;
  for (int i = 0; i < 8; i++) {
    bodies.push_back(node.write_body(Bytes(100'000, static_cast<char>('a' + i))).value());
    REQUIRE(node.attach(bodies.back()).ok());
  }
  CHECK(node.files(".seg").size() == 4);
  for (int i = 0; i < 6; i++) REQUIRE(node.release(bodies[i]).ok());
  CHECK(node.store->reclaim().value() == 6);
  CHECK(node.files(".seg").size() == 1);
  CHECK((node.read(bodies[7]).value() == Bytes(100'000, 'h')));
  REQUIRE(node.open().ok());
  CHECK((node.read(bodies[6]).value() == Bytes(100'000, 'g')));
}

TEST_CASE("the space of deleted rows comes back, and what lives stays readable") {
  Node node;
  node.limits.blob_file_bytes = 256 << 10;
  node.limits.least_garbage_bytes = 256 << 10;
  node.limits.deletion_window = 256;
  node.limits.deletion_trigger = 64;
  REQUIRE(node.open().ok());
  auto key = [](int i) { return "row" + std::to_string(i); };
  auto value = [](int i) { return std::string(8000, static_cast<char>('a' + i % 26)); };
  for (int i = 0; i < 800; i++) REQUIRE(node.put(key(i), value(i)).ok());
  auto disk_bytes = [&] { return node.disk.bytes_in("/kv/default/"); };
  uint64_t full = disk_bytes();
  CHECK(full > 800 * 8000);
  for (int i = 0; i < 800; i++) {
    if (i % 10 == 0) continue;
    REQUIRE(node.rows()
                .commit_wait([&](Batch& batch) -> Result<void> {
                  batch.erase(key(i));
                  return {};
                })
                .ok());
  }
  for (int i = 0; i < 100; i++) REQUIRE(node.put("filler" + std::to_string(i), std::string(8000, 'z')).ok());
  uint64_t last = full;
  // Garbage is known when the engine's own compactions, which run behind, have met the deletions.
  StopSignal never;
  for (int i = 0; i < 1500 && last > full / 2; i++) {
    if (i > 0) never.wait_for(Millis(20));
    REQUIRE(node.store->reclaim().ok());
    last = disk_bytes();
  }
  CHECK(last < full / 2);
  for (int i = 0; i < 800; i += 10) CHECK(*node.rows().get(key(i)).value() == value(i));
  CHECK(!node.rows().get(key(1)).value());
}

TEST_CASE("bad sectors under a table or a body: found, told, served around, and no reason to end") {
  Node node;
  REQUIRE(node.open().ok());
  const Bytes bad = SeededRandom(5).bytes(45'000), good = SeededRandom(6).bytes(45'000);
  auto bad_body = node.write_body(bad).value();
  REQUIRE(node.attach(bad_body).ok());
  REQUIRE(node.open().ok());  // the next body lies in another segment
  auto good_body = node.write_body(good).value();
  REQUIRE(node.attach(good_body).ok());
  auto scrub = [&] {
    std::vector<std::string> found;
    auto report = node.store->scrub(
        {[](uint64_t) { return Result<void>(); },
         [&](const ScrubFinding& finding) { found.push_back(finding.partition + " " + finding.what); }});
    REQUIRE_MESSAGE(report.ok(), (report.ok() ? "" : report.error().message));
    CHECK(report->damaged == found.size());
    return found;
  };
  CHECK(scrub().empty());

  node.disk.set_unreadable(node.files("/segments/default/").front());
  auto found = scrub();
  REQUIRE(found.size() == 1);
  CHECK(found.front().find("Input/output error") != std::string::npos);
  CHECK(!node.read(bad_body).ok());
  CHECK(node.read(good_body).value() == good);
  node.disk.set_unreadable("");

  auto fill = [&](int from, int to) {
    for (int i = from; i < to; i++) {
      auto done = node.put("row" + std::to_string(i % 500), std::string(400, 'x'));
      REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.error().message + node.last_words));
    }
  };
  auto tables = [&] {
    auto out = node.files(".sst");
    std::erase_if(out, [](const std::string& path) { return path.find("/kv/default/") == std::string::npos; });
    return out;
  };
  // Merges meet it: they are given up, writes and other reads go on, and the store is not ended. One that was on its
  // way already takes the table away; then it is another's turn.
  std::string table;
  StopSignal never;
  for (int i = 0; i < 1000 && !node.store->damage("default"); i++) {
    auto now = tables();
    if (now.size() > 1 && std::ranges::count(now, table) == 0) node.disk.set_unreadable(table = now.front());
    fill(i * 100, i * 100 + 100);
    never.wait_for(Millis(2));
  }
  const std::string name = table.substr(table.rfind('/') + 1);
  CHECK(node.store->damage("default"));
  fill(0, 500);
  CHECK(node.deaths == 0);
  CHECK(node.store->health("default").ok());
  found = scrub();  // it ends, though rows that tell of bodies may lie in that table
  CHECK(std::ranges::count_if(found, [&](const std::string& one) { return one.find(name) != std::string::npos; }) > 0);
}

TEST_CASE("a segment below half live is emptied and its file goes; bodies stay readable, also after a restart") {
  Node node;
  REQUIRE(node.open().ok());
  std::vector<Bytes> bodies;
  std::vector<WrittenBody> kept;
  auto random = SeededRandom(3);
  // Five of 45 KB fill a segment; the first of each stays.
  for (int i = 0; i < 20; i++) {
    Bytes body = random.bytes(45'000);
    auto written = node.write_body(body).value();
    REQUIRE(node.attach(written).ok());
    if (i % 5 == 0) {
      bodies.push_back(body);
      kept.push_back(written);
    } else {
      REQUIRE(node.release(written).ok());
    }
  }
  auto before = node.store->stats("default");
  CHECK(before.segments >= 4);
  CHECK(before.moved_bodies == 0);
  node.clock.advance(Millis(1));
  REQUIRE(node.store->reclaim().ok());
  auto after = node.store->stats("default");
  CHECK(after.moved_bodies == 4);
  CHECK(after.segments == 1);
  CHECK(node.files(".seg").size() == 1);
  auto check = [&] {
    for (size_t i = 0; i < kept.size(); i++) CHECK(node.read(kept[i]).value() == bodies[i]);
    CHECK(node.store->scrub().value().damaged == 0);
  };
  check();
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->stats("default").moved_bodies == 4);  // at rest
  REQUIRE(node.open().ok());
  check();
  for (const auto& body : kept) REQUIRE(node.release(body).ok());
  node.clock.advance(Millis(1));
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->stats("default").segment_bytes == 0);
}

TEST_CASE("no more than move_bytes are copied in one round") {
  Node node;
  node.limits.move_bytes = 60'000;
  REQUIRE(node.open().ok());
  std::vector<WrittenBody> kept;
  for (int i = 0; i < 20; i++) {
    auto written = node.write_body(Bytes(45'000, static_cast<char>('a' + i))).value();
    REQUIRE(node.attach(written).ok());
    if (i % 5 == 0)
      kept.push_back(written);
    else
      REQUIRE(node.release(written).ok());
  }
  node.clock.advance(Millis(1));
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->stats("default").moved_bodies == 2);  // the bound is looked at before each batch
  REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->stats("default").moved_bodies == 4);
  for (size_t i = 0; i < kept.size(); i++) CHECK(node.read(kept[i]).ok());
}

TEST_CASE("a segment with a damaged body is not emptied: the damage stays where a scrub finds it") {
  Node node;
  REQUIRE(node.open().ok());
  std::vector<WrittenBody> written;
  for (int i = 0; i < 10; i++) {
    written.push_back(node.write_body(Bytes(45'000, static_cast<char>('a' + i))).value());
    REQUIRE(node.attach(written.back()).ok());
  }
  std::string first = node.files(".seg").at(0);
  Bytes content = node.disk.content(first);
  content[4096 + 100] ^= 1;
  node.disk.set_content(first, content);
  for (int i = 1; i < 5; i++) REQUIRE(node.release(written[static_cast<size_t>(i)]).ok());
  node.clock.advance(Millis(1));
  for (int round = 0; round < 3; round++) REQUIRE(node.store->reclaim().ok());
  CHECK(node.store->stats("default").moved_bodies == 0);
  CHECK(node.read(written[0]).error().code == Code::kCorrupt);
  CHECK(node.store->scrub().value().damaged == 1);
  for (size_t i = 5; i < 10; i++) CHECK(node.read(written[i]).ok());
}

TEST_CASE("bodies are read while their segments are emptied under the readers' hands") {
  Node node;
  node.limits.reclaim_interval = Millis(1);
  REQUIRE(node.open().ok());
  auto random = SeededRandom(5);
  std::map<int, std::pair<Bytes, WrittenBody>> kept;
  std::mutex m;
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0}, wrong{0};
  Thread reader("reader", [&] {
    while (!stop) {
      std::vector<std::pair<Bytes, WrittenBody>> now;
      {
        std::lock_guard lock(m);
        for (const auto& [i, one] : kept) now.push_back(one);
      }
      for (const auto& [body, written] : now) {
        auto got = node.read(written);
        reads++;
        if (!got.ok() || *got != body) wrong++;
      }
    }
  });
  for (int i = 0; i < 200; i++) {
    Bytes body = random.bytes(40'000);
    auto written = node.write_body(body).value();
    REQUIRE(node.attach(written).ok());
    if (i % 8 == 0) {
      std::lock_guard lock(m);
      kept[i] = {body, written};
    } else {
      REQUIRE(node.release(written).ok());
    }
    node.clock.advance(Millis(1));
  }
  for (int tries = 0; tries < 1000 && node.store->stats("default").segments > 8; tries++)
    StopSignal().wait_for(Millis(5));
  stop = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(reads > 0);
  CHECK(node.store->stats("default").moved_bodies > 0);
  CHECK(node.store->stats("default").segments <= 8);
}

TEST_CASE("a disk with plenty of room is believed for a moment, and no longer; large bodies are always asked for") {
  Node node;
  node.limits.reserve_percent = 5;
  node.disk.set_space({1000ull << 30, 900ull << 30});
  REQUIRE(node.open().ok());
  REQUIRE(node.put("k", "v").ok());
  node.disk.set_space({1000ull << 30, 10ull << 30});
  auto large = node.store->blobs("default").create(1ull << 30);
  REQUIRE(!large.ok());
  CHECK(large.error().code == Code::kNoSpace);
  StopSignal never;
  Code code = Code::kInternal;
  for (int i = 0; i < 1000 && code != Code::kNoSpace; i++) {
    auto done = node.put("k", "v");
    code = done.ok() ? Code::kInternal : done.error().code;
    never.wait_for(Millis(2));
  }
  CHECK(code == Code::kNoSpace);
  CHECK(node.put("k", "v", Purpose::kFree).ok());
}

TEST_CASE("health says what a write would meet") {
  Node node;
  node.limits.reserve_percent = 5;
  REQUIRE(node.open().ok());
  CHECK(node.store->health("default").ok());
  node.disk.set_space({1000ull << 20, 10ull << 20});
  CHECK(node.store->health("default").error().code == Code::kNoSpace);
  node.disk.set_space({1000ull << 20, 900ull << 20});
  CHECK(node.store->health("default").ok());
  node.disk.fail_after(1, 1000, Code::kIo);
  CHECK_FALSE(node.put("k", "v").ok());
  CHECK(node.deaths > 0);
  CHECK(node.store->health("default").error().code == Code::kIo);
  node.disk.clear_faults();
}

TEST_CASE("a full disk closes the store; it says so, waits, and opens again with all that was acknowledged") {
  Node node;
  node.limits.reopen_free_bytes = 1 << 20;
  REQUIRE(node.open().ok());
  REQUIRE(node.put("before", "1").ok());
  node.disk.set_space({1 << 30, 0});
  node.disk.fail_after(1, 1'000'000, Code::kNoSpace);
  auto open_write = node.put("during", "1");
  REQUIRE(!open_write.ok());
  CHECK(open_write.error().code == Code::kUnavailable);
  CHECK(node.put("refused", "1").error().code == Code::kNoSpace);
  CHECK(node.rows().get("before").error().code == Code::kUnavailable);
  node.disk.clear_faults();
  node.disk.set_space({1 << 30, 1 << 29});
  while (!node.rows().get("before").ok()) CHECK(node.deaths == 0);
  CHECK(*node.rows().get("before").value() == "1");
  CHECK(!node.rows().get("refused").value());
  CHECK(node.put("after", "1").ok());
  CHECK(node.deaths == 0);
}

TEST_CASE("a failed sync ends the process: whoever asked is not told that it is safe") {
  Node node;
  REQUIRE(node.open().ok());
  REQUIRE(node.put("a", "1").ok());
  node.disk.fail_after(1, 1'000'000, Code::kIo);
  auto failed = node.put("b", "1");
  REQUIRE(!failed.ok());
  CHECK(failed.error().code == Code::kIo);
  CHECK(node.deaths == 1);
  CHECK(node.last_words.find("default") != std::string::npos);
  CHECK(node.put("c", "1").error().code == Code::kIo);
  node.disk.clear_faults();
  REQUIRE(node.open().ok());
  CHECK(*node.rows().get("a").value() == "1");
  CHECK(!node.rows().get("c").value());
}

}  // namespace dl::storage

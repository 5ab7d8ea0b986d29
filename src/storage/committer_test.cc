#include "storage/committer.h"

#include <doctest/doctest.h>

#include <memory>

#include "storage/memory/memory_partition.h"

namespace dl::storage {
namespace {

struct Log {
  std::vector<std::string> lines;
  Done note(std::string name) {
    return [this, name](Result<void> r) {
      lines.push_back(name + (r.ok() ? " ok" : " " + std::to_string(static_cast<int>(r.error().code))));
    };
  }
};

Step putting(std::string key) {
  return [=](Batch& batch) -> Result<void> {
    batch.put(key, "v");
    return {};
  };
}

struct Manual {
  explicit Manual(CommitterLimits limits = {})
      : part("test", std::make_shared<MemoryRows>(), Committer::Mode::kManual, limits) {}
  MemoryPartition part;
  Log log;
};

}  // namespace

TEST_CASE("steps that wait together are one write, and none is answered before it") {
  Manual t;
  for (const char* key : {"a", "b", "c"}) t.part.commit(putting(key), t.log.note(key), Purpose::kWrite);
  CHECK(t.log.lines.empty());
  CHECK(t.part.committer().run_one_group());
  CHECK(t.log.lines == std::vector<std::string>{"a ok", "b ok", "c ok"});
  CHECK(t.part.committer().groups() == 1);
  CHECK(!t.part.committer().run_one_group());
}

TEST_CASE("in a group a step sees what the earlier ones put, and nothing of one that failed") {
  Manual t;
  t.part.commit(putting("a"), t.log.note("a"), Purpose::kWrite);
  t.part.commit(
      [](Batch& batch) -> Result<void> {
        batch.put("bad", "v");
        batch.erase("a");
        return error(Code::kConflict, "no");
      },
      t.log.note("bad"), Purpose::kWrite);
  bool saw_a = false, saw_bad = true;
  t.part.commit(
      [&](Batch& batch) -> Result<void> {
        saw_a = batch.get("a").value().has_value();
        saw_bad = batch.get("bad").value().has_value();
        return {};
      },
      t.log.note("look"), Purpose::kWrite);
  t.part.committer().run_one_group();
  CHECK(saw_a);
  CHECK(!saw_bad);
  CHECK(!t.part.get("bad").value());
  CHECK(t.log.lines == std::vector<std::string>{"a ok", "bad 7", "look ok"});
}

TEST_CASE("a full queue answers busy at once; what waits is not harmed") {
  CommitterLimits limits;
  limits.queued_steps = 2;
  Manual t(limits);
  for (const char* key : {"a", "b", "c"}) t.part.commit(putting(key), t.log.note(key), Purpose::kWrite);
  CHECK(t.log.lines == std::vector<std::string>{"c 11"});
  t.part.committer().run_one_group();
  CHECK(t.log.lines == std::vector<std::string>{"c 11", "a ok", "b ok"});
}

TEST_CASE("a group that holds enough bytes is closed; the rest is the next group") {
  CommitterLimits limits;
  limits.group_bytes = 10;
  Manual t(limits);
  for (const char* key : {"aaaaaaaaa", "b", "c"}) t.part.commit(putting(key), t.log.note(key), Purpose::kWrite);
  t.part.committer().run_one_group();
  CHECK(t.log.lines.size() == 1);
  t.part.committer().run_one_group();
  CHECK(t.log.lines.size() == 3);
  CHECK(t.part.committer().groups() == 2);
}

TEST_CASE("below the reserve writes are refused and frees are not") {
  Manual t;
  t.part.refuse_writes(true);
  t.part.commit(putting("a"), t.log.note("a"), Purpose::kWrite);
  t.part.commit(putting("b"), t.log.note("b"), Purpose::kFree);
  t.part.committer().run_one_group();
  CHECK(t.log.lines == std::vector<std::string>{"a 12", "b ok"});
  CHECK(!t.part.get("a").value());
}

TEST_CASE("stop runs what is queued; a write inside a done comes too late and says so") {
  Manual t;
  t.part.commit(putting("a"), t.log.note("a"), Purpose::kWrite);
  t.part.commit(
      putting("b"), [&](Result<void>) { t.part.commit(putting("c"), t.log.note("c"), Purpose::kWrite); },
      Purpose::kWrite);
  t.part.stop();
  CHECK(t.log.lines == std::vector<std::string>{"a ok", "c 14"});
}

TEST_CASE("inline: a commit made inside a done runs after the one it answers, in order") {
  MemoryPartition part("test", std::make_shared<MemoryRows>(), Committer::Mode::kInline, {});
  Log log;
  part.commit(
      putting("a"),
      [&](Result<void>) {
        part.commit(putting("b"), log.note("b"), Purpose::kWrite);
        log.lines.push_back("a ok");
      },
      Purpose::kWrite);
  CHECK(log.lines == std::vector<std::string>{"a ok", "b ok"});
}

TEST_CASE("erased ranges that touch become one, and a row put later shows through") {
  Overlay overlay;
  overlay.put("c", "1");
  overlay.erase_range("b", "d");
  overlay.erase_range("d", "f");
  overlay.erase_range("h", "k");
  overlay.erase_range("a", "b");
  CHECK(overlay.ranges() == Overlay::Ranges{{"a", "f"}, {"h", "k"}});
  CHECK(overlay.rows().empty());
  CHECK(overlay.in_erased_range("a"));
  CHECK(!overlay.in_erased_range("f"));
  overlay.put("e", "2");
  Overlay later;
  later.erase_range("f", "h");
  later.put("g", "3");
  overlay.absorb(std::move(later));
  CHECK(overlay.ranges() == Overlay::Ranges{{"a", "k"}});
  CHECK(overlay.rows().size() == 2);
}

}  // namespace dl::storage

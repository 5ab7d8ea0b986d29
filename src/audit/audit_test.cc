#include <doctest/doctest.h>

#include "audit/log.h"
#include "audit/queue.h"
#include "base/random.h"
#include "base/testing/golden.h"
#include "storage/memory/memory_store.h"

using namespace dl;
using namespace dl::audit;

namespace {

struct World {
  ManualClock clock;
  SeededRandom random{1};
  storage::MemoryStore store{{"default"}, clock, random};
  storage::Partition& partition = store.partition("default");

  Bytes record(const std::string& action) {
    format::AuditRecord r;
    r.time = clock.wall();
    r.action = action;
    return format::encode_audit(r).value();
  }
  std::vector<std::string> actions(uint64_t from = 0) {
    std::vector<std::string> out;
    auto view = partition.snapshot().value();
    auto done = scan(*view, from, [&](uint64_t index, const format::AuditRecord& r) -> Result<storage::Scan> {
      CHECK(index == from + out.size());
      out.push_back(r.action);
      return storage::Scan::kContinue;
    });
    REQUIRE(done.ok());
    return out;
  }
};

}  // namespace

TEST_CASE("the rows and the leaf hash of an audit record are those that were decided") {
  World w;
  Bytes record = testing::golden("audit_record");
  CHECK(leaf_hash(record).hex() == to_hex(testing::golden("audit_leaf")));
  REQUIRE(w.partition
              .commit_wait([&](storage::Batch& b) -> Result<void> {
                DL_TRY(uint64_t index, append(b, record));
                CHECK(index == 0);
                return Result<void>();
              })
              .ok());
  Bytes rows;
  auto view = w.partition.snapshot().value();
  REQUIRE(view->scan("", "",
                     [&](BytesView key, BytesView value) -> Result<storage::Scan> {
                       put_be32(rows, static_cast<uint32_t>(key.size()));
                       rows.append(key);
                       put_be32(rows, static_cast<uint32_t>(value.size()));
                       rows.append(value);
                       return storage::Scan::kContinue;
                     })
              .ok());
  CHECK(to_hex(rows) == to_hex(testing::golden("audit_rows")));
}

TEST_CASE("a record is written with its mutation or not at all, and the numbers stay dense") {
  World w;
  auto write = [&](const std::string& action, bool fails) {
    return w.partition.commit_wait([&, action, fails](storage::Batch& b) -> Result<void> {
      DL_OK(append(b, w.record(action)));
      if (fails) return error(Code::kPrecondition, "as planned");
      return {};
    });
  };
  CHECK(write("one", false).ok());
  CHECK(!write("two", true).ok());
  CHECK(write("three", false).ok());
  CHECK(w.actions() == std::vector<std::string>{"one", "three"});
  CHECK(w.actions(1) == std::vector<std::string>{"three"});
  CHECK(w.actions(2).empty());
}

TEST_CASE("a record that is missing or damaged is named, not skipped") {
  World w;
  for (const char* action : {"a", "b", "c"})
    REQUIRE(w.partition
                .commit_wait([&](storage::Batch& b) -> Result<void> {
                  DL_OK(append(b, w.record(action)));
                  return {};
                })
                .ok());
  auto scan_all = [&] {
    auto view = w.partition.snapshot().value();
    return scan(*view, 0,
                [](uint64_t, const format::AuditRecord&) -> Result<storage::Scan> { return storage::Scan::kContinue; });
  };
  auto erase = [&](uint64_t index) {
    Bytes key(1, '\x0e');
    put_be64(key, index);
    REQUIRE(w.partition
                .commit_wait([key](storage::Batch& b) -> Result<void> {
                  b.erase(key);
                  return {};
                })
                .ok());
  };
  CHECK(scan_all().ok());
  erase(2);
  CHECK(scan_all().error().message.find("record 2 is missing") != std::string::npos);
  erase(0);
  CHECK(scan_all().error().message.find("record 0 is missing") != std::string::npos);
}

TEST_CASE("reads and refusals are written in order by the queue's own thread") {
  World w;
  Queue queue(w.partition);
  queue.start();
  for (int i = 0; i < 2500; i++) REQUIRE(queue.submit(w.record("read " + std::to_string(i))).ok());
  queue.stop();
  CHECK(queue.queued() == 0);
  auto actions = w.actions();
  REQUIRE(actions.size() == 2500);
  CHECK(actions[2499] == "read 2499");
  CHECK(queue.submit(w.record("late")).error().code == Code::kCancelled);
}

TEST_CASE("a full queue says busy, and takes again once written") {
  World w;
  Queue queue(w.partition, 3);
  for (int i = 0; i < 3; i++) CHECK(queue.submit(w.record("r")).ok());
  CHECK(queue.submit(w.record("r")).error().code == Code::kBusy);
  CHECK(queue.flush().ok());
  CHECK(queue.submit(w.record("r")).ok());
  CHECK(queue.submit(Bytes(format::kMaxAuditBytes + 1, 'x')).error().code == Code::kTooLarge);
}

TEST_CASE("records that cannot be written now wait") {
  World w;
  Queue queue(w.partition);
  REQUIRE(queue.submit(w.record("r")).ok());
  w.store.stop();
  CHECK(!queue.flush().ok());
  CHECK(queue.queued() == 1);
}

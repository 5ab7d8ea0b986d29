// One suite for every driver: what a room above may rely on, whatever lies below.
#include <doctest/doctest.h>

#include <atomic>

#include "base/thread.h"
#include "storage/limits.h"
#include "storage/testing/bed.h"

namespace dl::storage::testing {
namespace {

Step putting(std::string key, std::string value) {
  return [=](Batch& batch) -> Result<void> {
    batch.put(key, value);
    return {};
  };
}

std::string rows_of(const View& view, BytesView from = {}, BytesView to = {}) {
  std::string out;
  auto ok = view.scan(from, to, [&](BytesView key, BytesView value) -> Result<Scan> {
    out += Bytes(key) + "=" + Bytes(value) + " ";
    return Scan::kContinue;
  });
  REQUIRE(ok.ok());
  return out;
}

std::string rows_of(Partition& rows) {
  auto view = rows.snapshot();
  REQUIRE(view.ok());
  return rows_of(**view);
}

WrittenBody write_body(BlobStore& blobs, const Bytes& body) {
  auto writer = blobs.create(body.size());
  REQUIRE(writer.ok());
  for (size_t at = 0; at < body.size(); at += 10'000)
    REQUIRE((*writer)->append(BytesView(body).substr(at, 10'000)).ok());
  auto written = (*writer)->finish();
  REQUIRE(written.ok());
  return *std::move(written);
}

void attach(Bed& bed, const WrittenBody& body, std::string owner) {
  REQUIRE(bed.rows()
              .commit_wait([&](Batch& batch) -> Result<void> {
                bed.blobs().attach(batch, body, owner);
                return {};
              })
              .ok());
}

Result<void> release(Bed& bed, const WrittenBody& body, std::string owner, WallTime due) {
  return bed.rows().commit_wait(
      [&](Batch& batch) -> Result<void> {
        for (const auto& blob : body.blobs) DL_OK(bed.blobs().release(batch, blob.blob, owner, due));
        return {};
      },
      Purpose::kFree);
}

Result<void> share(Bed& bed, const WrittenBody& body, std::string owner) {
  return bed.rows().commit_wait([&](Batch& batch) -> Result<void> {
    for (const auto& blob : body.blobs) DL_OK(bed.blobs().share(batch, blob.blob, owner));
    return {};
  });
}

Result<Bytes> read_body(Bed& bed, const WrittenBody& body) {
  Bytes out(body.length, '\0');
  DL_OK(read_pieces(bed.blobs(), body.pieces(), 0, out.data(), out.size()));
  return out;
}

void for_each_bed(const std::function<void(Bed&)>& test) {
  for (const auto& kind : beds()) {
    CAPTURE(kind.name);
    auto bed = kind.make();
    test(*bed);
  }
}

}  // namespace

// Two rows of one object are always written with the same value; whoever reads both under one stamp must see that.
TEST_CASE("reads between two equal stamps saw one state, and a write moves the stamp") {
  for_each_bed([](Bed& bed) {
    Partition& rows = bed.rows();
    const Bytes end("\0\1", 2),
        a = "\x01"
            "object" +
            end,
        b = "\x02"
            "object" +
            end;
    std::atomic<bool> over{false};
    std::atomic<int> failed{0};
    Thread writer("writer", [&] {
      for (int i = 0; i < 200; i++) {
        auto before = rows.stamp(a);
        failed += !rows.commit_wait([&](Batch& batch) -> Result<void> {
                         batch.put(a, std::to_string(i));
                         batch.put(b, std::to_string(i));
                         return {};
                       })
                       .ok();
        failed += !before || rows.stamp(a) == before;
      }
      over = true;
    });
    int stable = 0, torn = 0;
    while (!over) {
      auto before = rows.stamp(a);
      auto view = rows.newest_view();
      REQUIRE(view.ok());
      auto first = (*view)->get(a), second = (*view)->get(b);
      if (!before || rows.stamp(b) != before) continue;
      stable++;
      torn += !first.ok() || !second.ok() || *first != *second;
    }
    writer.join();
    CHECK(failed == 0);
    CHECK(torn == 0);
    CHECK(stable > 0);
  });
}

TEST_CASE("what was committed is read back, in key order, and is still there after a restart") {
  for_each_bed([](Bed& bed) {
    REQUIRE(bed.rows().commit_wait(putting("b", "2")).ok());
    REQUIRE(bed.rows().commit_wait(putting("a", "1")).ok());
    REQUIRE(bed.rows().commit_wait(putting("c", std::string(3000, 'x'))).ok());
    REQUIRE(bed.rows()
                .commit_wait([](Batch& batch) -> Result<void> {
                  batch.erase("c");
                  return {};
                })
                .ok());
    CHECK(rows_of(bed.rows()) == "a=1 b=2 ");
    bed.reopen();
    CHECK(rows_of(bed.rows()) == "a=1 b=2 ");
    auto gone = bed.rows().get("c");
    REQUIRE(gone.ok());
    CHECK(!gone->has_value());
    CHECK(*bed.rows().get("a").value() == "1");
  });
}

TEST_CASE("a step sees the store, its own rows and what it erased, before anything is written") {
  for_each_bed([](Bed& bed) {
    for (const char* key : {"a", "b", "c", "d", "e"}) REQUIRE(bed.rows().commit_wait(putting(key, "old")).ok());
    std::string seen, part;
    REQUIRE(bed.rows()
                .commit_wait([&](Batch& batch) -> Result<void> {
                  batch.erase_range("b", "d");
                  batch.put("c", "new");
                  batch.put("cc", "new");
                  batch.erase("e");
                  batch.put("f", "new");
                  CHECK(!batch.get("b").value());
                  CHECK(*batch.get("c").value() == "new");
                  CHECK(*batch.get("d").value() == "old");
                  CHECK(!batch.get("e").value());
                  seen = rows_of(batch);
                  part = rows_of(batch, "c", "d");
                  return {};
                })
                .ok());
    CHECK(seen == "a=old c=new cc=new d=old f=new ");
    CHECK(part == "c=new cc=new ");
    CHECK(rows_of(bed.rows()) == seen);
  });
}

TEST_CASE("a step may erase and put while it scans") {
  for_each_bed([](Bed& bed) {
    for (const char* key : {"a1", "a2", "a3", "b"}) REQUIRE(bed.rows().commit_wait(putting(key, "x")).ok());
    REQUIRE(bed.rows()
                .commit_wait([](Batch& batch) -> Result<void> {
                  batch.put("a15", "own");
                  return batch.scan("a", "b", [&](BytesView key, BytesView) -> Result<Scan> {
                    Bytes copy(key);
                    batch.erase(key);
                    batch.put("z" + copy, "moved");
                    return Scan::kContinue;
                  });
                })
                .ok());
    CHECK(rows_of(bed.rows()) == "b=x za1=moved za15=moved za2=moved za3=moved ");
  });
}

TEST_CASE("a step that fails leaves nothing behind and does not disturb others") {
  for_each_bed([](Bed& bed) {
    auto failed = bed.rows().commit_wait([](Batch& batch) -> Result<void> {
      batch.put("lost", "1");
      batch.erase_range("", "");
      return error(Code::kPrecondition, "no");
    });
    REQUIRE(!failed.ok());
    CHECK(failed.error().code == Code::kPrecondition);
    REQUIRE(bed.rows().commit_wait(putting("kept", "1")).ok());
    CHECK(rows_of(bed.rows()) == "kept=1 ");
  });
}

TEST_CASE("many writers at once: every acknowledged write is there, each step saw the one before") {
  for_each_bed([](Bed& bed) {
    constexpr int kWriters = 4, kEach = 50;
    std::atomic<int> acknowledged{0};
    {
      std::vector<Thread> writers;
      for (int w = 0; w < kWriters; w++)
        writers.emplace_back("writer", [&, w] {
          for (int i = 0; i < kEach; i++) {
            auto done = bed.rows().commit_wait([&, w, i](Batch& batch) -> Result<void> {
              auto count = batch.get("count");
              DL_OK(count);
              batch.put("count", std::to_string(1 + (*count ? std::stoi(**count) : 0)));
              batch.put("w" + std::to_string(w) + "-" + std::to_string(i), "1");
              return {};
            });
            if (done.ok()) acknowledged++;
          }
        });
    }
    CHECK(acknowledged == kWriters * kEach);
    bed.reopen();
    CHECK(*bed.rows().get("count").value() == std::to_string(kWriters * kEach));
    CHECK(*bed.rows().get("w3-49").value() == "1");
  });
}

TEST_CASE("a snapshot does not move while writes go on") {
  for_each_bed([](Bed& bed) {
    REQUIRE(bed.rows().commit_wait(putting("a", "1")).ok());
    REQUIRE(bed.rows().commit_wait(putting("b", "1")).ok());
    auto view = bed.rows().snapshot();
    REQUIRE(view.ok());
    REQUIRE(bed.rows().commit_wait(putting("a", "2")).ok());
    REQUIRE(bed.rows()
                .commit_wait([](Batch& batch) -> Result<void> {
                  batch.erase_range("b", "");
                  batch.put("c", "2");
                  return {};
                })
                .ok());
    CHECK(rows_of(**view) == "a=1 b=1 ");
    CHECK(*(*view)->get("a").value() == "1");
    CHECK(rows_of(bed.rows()) == "a=2 c=2 ");
  });
}

TEST_CASE("a large range of rows goes with one erase_range and stays gone") {
  for_each_bed([](Bed& bed) {
    REQUIRE(bed.rows()
                .commit_wait([](Batch& batch) -> Result<void> {
                  for (int i = 1000; i < 2000; i++) batch.put("k" + std::to_string(i), "v");
                  return {};
                })
                .ok());
    REQUIRE(bed.rows()
                .commit_wait([](Batch& batch) -> Result<void> {
                  batch.erase_range("k1001", "k1999");
                  batch.put("k1500", "again");
                  return {};
                })
                .ok());
    bed.reopen();
    CHECK(rows_of(bed.rows()) == "k1000=v k1500=again k1999=v ");
  });
}

TEST_CASE("after stop() a write is refused as cancelled, and stop() again does no harm") {
  for_each_bed([](Bed& bed) {
    bed.rows().stop();
    bed.rows().stop();
    auto late = bed.rows().commit_wait(putting("a", "1"));
    REQUIRE(!late.ok());
    CHECK(late.error().code == Code::kCancelled);
  });
}

TEST_CASE("a step over the limit of one step is refused, one at the limit is not") {
  for_each_bed([](Bed& bed) {
    REQUIRE(bed.rows().commit_wait(putting("k", std::string(kBedStepBytes - 1, 'x'))).ok());
    auto over = bed.rows().commit_wait(putting("k", std::string(kBedStepBytes, 'y')));
    REQUIRE(!over.ok());
    CHECK(over.error().code == Code::kTooLarge);
    CHECK(bed.rows().get("k").value()->front() == 'x');
  });
}

TEST_CASE("bodies of every size come back, whole and in part, also after a restart") {
  for_each_bed([](Bed& bed) {
    for (uint64_t size : {0ull, 1ull, 4095ull, 16384ull, 16385ull, 65536ull, 65537ull, 200'000ull, 1'000'000ull}) {
      CAPTURE(size);
      Bytes body = bed.random.bytes(size);
      auto written = write_body(bed.blobs(), body);
      CHECK(written.length == size);
      attach(bed, written, "owner");
      auto back = read_body(bed, written);
      REQUIRE(back.ok());
      CHECK((*back == body));
      for (int i = 0; i < 5 && size > 0; i++) {
        uint64_t from = bed.random.below(size), n = bed.random.below(size - from + 1);
        Bytes part(n, '\0');
        REQUIRE(read_pieces(bed.blobs(), slice_pieces(written.pieces(), from, n), 0, part.data(), n).ok());
        CHECK((part == body.substr(from, n)));
      }
      bed.reopen();
      CHECK((read_body(bed, written).value() == body));
    }
  });
}

TEST_CASE("a writer takes neither more nor fewer bytes than announced") {
  for_each_bed([](Bed& bed) {
    for (uint64_t size : {100ull, 100'000ull}) {
      auto writer = bed.blobs().create(size);
      REQUIRE(writer.ok());
      REQUIRE((*writer)->append(Bytes(size - 1, 'x')).ok());
      auto more = (*writer)->append("xx");
      REQUIRE(!more.ok());
      CHECK(more.error().code == Code::kTooLarge);
      auto fewer = bed.blobs().create(size);
      REQUIRE(fewer.ok());
      REQUIRE((*fewer)->append("x").ok());
      auto finished = (*fewer)->finish();
      REQUIRE(!finished.ok());
      CHECK(finished.error().code == Code::kInvalid);
    }
  });
}

TEST_CASE("a blob lives while it has an owner, and is gone once the last one let go and the time has come") {
  for_each_bed([](Bed& bed) {
    for (uint64_t size : {1000ull, 100'000ull}) {
      Bytes body = bed.random.bytes(size);
      auto written = write_body(bed.blobs(), body);
      attach(bed, written, "one");
      REQUIRE(share(bed, written, "two").ok());
      WallTime due = bed.clock.wall() + Millis(1000);
      REQUIRE(release(bed, written, "one", due).ok());
      bed.clock.advance(Millis(5000));
      REQUIRE(bed.reclaim().ok());
      CHECK((read_body(bed, written).value() == body));

      due = bed.clock.wall() + Millis(1000);
      REQUIRE(release(bed, written, "two", due).ok());
      REQUIRE(release(bed, written, "two", due).ok());  // again: nothing more to let go
      REQUIRE(bed.reclaim().ok());
      CHECK((read_body(bed, written).value() == body));  // not due yet
      bed.clock.advance(Millis(1000));
      CHECK(bed.reclaim().value() == 1);
      auto gone = read_body(bed, written);
      REQUIRE(!gone.ok());
      CHECK(gone.error().code == Code::kNotFound);
      auto late = share(bed, written, "three");
      REQUIRE(!late.ok());
      CHECK(late.error().code == Code::kNotFound);
      CHECK(rows_of(bed.rows()).empty());
    }
  });
}

TEST_CASE("a blob that is shared again before its time stays, and a later release counts anew") {
  for_each_bed([](Bed& bed) {
    Bytes body = bed.random.bytes(50'000);
    auto written = write_body(bed.blobs(), body);
    attach(bed, written, "one");
    REQUIRE(release(bed, written, "one", bed.clock.wall() + Millis(1000)).ok());
    REQUIRE(share(bed, written, "two").ok());
    REQUIRE(release(bed, written, "two", bed.clock.wall() + Millis(9000)).ok());
    bed.clock.advance(Millis(5000));
    CHECK(bed.reclaim().value() == 0);
    CHECK((read_body(bed, written).value() == body));
    bed.clock.advance(Millis(5000));
    CHECK(bed.reclaim().value() == 1);
    CHECK(!read_body(bed, written).ok());
  });
}

}  // namespace dl::storage::testing

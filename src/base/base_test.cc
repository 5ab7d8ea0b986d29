#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include "base/clock.h"
#include "base/error_table.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/thread.h"

using namespace dl;

namespace {

Result<int> half(int v) {
  if (v % 2) return error(Code::kInvalid, "odd");
  return v / 2;
}

Result<int> quarter(int v) {
  DL_TRY(int h, half(v));
  DL_TRY(int q, half(h));
  return q;
}

}  // namespace

TEST_CASE("DL_TRY passes values on and returns the first error") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error().message == "odd");
}

TEST_CASE("every code has a row, every number is used once") {
  for (int c = 1; c <= static_cast<int>(Code::kInternal); c++) {
    const auto& info = error_info(static_cast<Code>(c));
    CHECK(find_error_info(info.number) == &info);
    CHECK(!info.next.empty());
  }
}

TEST_CASE("base64 and hex round trip, and refuse what is not theirs") {
  SeededRandom random(1);
  for (size_t n = 0; n < 70; n++) {
    Bytes b = random.bytes(n);
    CHECK(from_base64(to_base64(b)).value() == b);
    CHECK(from_base64url(to_base64url(b)).value() == b);
    CHECK(from_hex(to_hex(b)).value() == b);
  }
  CHECK(to_base64("foobar") == "Zm9vYmFy");
  CHECK(to_base64("fooba") == "Zm9vYmE=");
  CHECK(!from_base64("Zm9vYmE").ok());
  CHECK(!from_base64("Zm9vYm!=").ok());
  CHECK(!from_base64("Zm9vYmF=").ok());
  CHECK(!from_hex("0g").ok());
  CHECK(!from_hex("012").ok());
}

TEST_CASE("big-endian bytes sort as numbers do") {
  Bytes a, b;
  put_be64(a, 255);
  put_be64(b, 256);
  CHECK(a < b);
  CHECK(get_be64(b) == 256);
  Bytes c;
  put_be32(c, 0x80000001u);
  CHECK(get_be32(c) == 0x80000001u);
}

TEST_CASE("a stamp is above its parents' even when they lie in the future") {
  ManualClock clock;
  Hlc now = Hlc::at(clock.wall());
  Hlc future = Hlc::at(clock.wall() + std::chrono::hours(24));
  CHECK(next_hlc({}, clock.wall()) == now);
  CHECK(next_hlc(now, clock.wall()) > now);
  CHECK(next_hlc(now, clock.wall(), future) > future);
}

TEST_CASE("a foreign stamp pulls the own clock by at most five minutes") {
  ManualClock clock;
  Hlc future = Hlc::at(clock.wall() + std::chrono::hours(24));
  Hlc pulled = merge_hlc({}, clock.wall(), future);
  CHECK(pulled < future);
  CHECK(pulled.wall() - clock.wall() <= std::chrono::minutes(5));
}

TEST_CASE("ids refuse a wrong size") {
  CHECK(!BucketId::from_bytes("short").ok());
  CHECK(BucketId::from_hex("000102030405060708090a0b0c0d0e0f").value().b[15] == 15);
}

TEST_CASE("a pool runs everything it accepted before it stops, and refuses past its bound") {
  std::atomic<int> ran{0};
  std::mutex gate;
  gate.lock();
  ThreadPool pool("test", 1, 3);
  int accepted = 0;
  for (int i = 0; i < 20; i++)
    accepted += pool.submit([&] {
                      std::lock_guard wait(gate);
                      ran++;
                    })
                    .ok();
  CHECK(accepted >= 3);
  CHECK(accepted <= 4);  // one may have been taken off the queue already
  gate.unlock();
  pool.stop();
  CHECK(ran == accepted);
  CHECK(pool.submit([] {}).error().code == Code::kCancelled);
}

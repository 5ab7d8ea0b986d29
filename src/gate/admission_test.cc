#include "gate/admission.h"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <vector>

#include "base/thread.h"

namespace dl::gate {
namespace {

struct Bed {
  explicit Bed(Admission::Limits limits) : admission(limits, clock, [this](MonoTime) { return age; }) {}
  ManualClock clock;
  Millis age{0};
  Admission admission;
  std::list<Pass> passes;

  Result<Turn> ask(std::string_view who, uint64_t body = 0, Pass::Kind kind = Pass::Kind::kWrite) {
    passes.emplace_back(&admission);
    auto turn = passes.back().ask(who, kind, body);
    if (!turn.ok()) passes.pop_back();
    return turn;
  }
};

Admission::Limits small(size_t running, size_t waiting) {
  Admission::Limits l;
  l.running = running;
  l.waiting = waiting;
  return l;
}

}  // namespace

TEST_CASE("as many run as may, the next waits and runs when one leaves") {
  Bed bed(small(2, 100));
  CHECK(bed.ask("a").value() == Turn::kRuns);
  CHECK(bed.ask("a").value() == Turn::kRuns);
  CHECK(bed.ask("b").value() == Turn::kWaits);
  bool granted = false;
  bed.passes.back().when_granted([&](Result<void>) { granted = true; });
  CHECK(bed.passes.back().look().value() == Turn::kWaits);
  CHECK(!granted);
  bed.passes.pop_front();
  CHECK(granted);
  CHECK(bed.passes.back().look().value() == Turn::kRuns);
  CHECK(bed.admission.use().running == 2);
  bed.passes.clear();
  auto use = bed.admission.use();
  CHECK(use.running + use.waiting + use.lasting + use.body_bytes == 0);
}

TEST_CASE("principals take turns: one request comes before the many of another that came first") {
  Bed bed(small(1, 100));
  CHECK(bed.ask("greedy").value() == Turn::kRuns);
  std::vector<std::string> order;
  for (int i = 0; i < 10; i++) {
    CHECK(bed.ask("greedy").value() == Turn::kWaits);
    bed.passes.back().when_granted([&](Result<void>) { order.push_back("greedy"); });
  }
  CHECK(bed.ask("small").value() == Turn::kWaits);
  bed.passes.back().when_granted([&](Result<void>) { order.push_back("small"); });
  for (int i = 0; i < 2; i++) bed.passes.pop_front();  // who runs ends
  CHECK(order == std::vector<std::string>{"greedy", "small"});
}

TEST_CASE("a full waiting room refuses who fills it, not who comes new") {
  Bed bed(small(1, 100));
  CHECK(bed.ask("greedy").value() == Turn::kRuns);
  size_t waiting = 0;
  while (bed.ask("greedy").ok()) waiting++;
  CHECK(waiting == 80);  // four times the 20 that it leaves free
  CHECK(bed.admission.refused(Admission::Refused::kWaitingRoom) == 1);
  CHECK(bed.ask("small").ok());
  CHECK(!bed.ask("greedy").ok());
  Bed none(small(1, 0));
  CHECK(none.ask("a").ok());
  auto refused = none.ask("b");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Code::kBusy);
}

TEST_CASE("who lasts longer than the lease gives its turn away and goes on") {
  Bed bed(small(1, 100));
  CHECK(bed.ask("slow").value() == Turn::kRuns);
  CHECK(bed.ask("good").value() == Turn::kWaits);
  bed.clock.advance(Millis(249));
  CHECK(bed.passes.back().look().value() == Turn::kWaits);
  bed.clock.advance(Millis(1));
  CHECK(bed.passes.back().look().value() == Turn::kRuns);
  CHECK(bed.admission.use().lasting == 1);
  CHECK(bed.admission.use().running == 1);
  bed.clock.advance(Millis(250));
  CHECK(bed.ask("good").value() == Turn::kRuns);  // asking ends leases, too
  bed.passes.clear();
  CHECK(bed.admission.use().lasting == 0);
}

TEST_CASE("waiting has an end, and whoever gives up is not granted") {
  auto limits = small(1, 100);
  limits.lease = Millis(60'000);
  Bed bed(limits);
  bed.ask("a").value();
  bed.ask("b").value();
  bool granted = false;
  bed.passes.back().when_granted([&](Result<void>) { granted = true; });
  bed.clock.advance(limits.longest_wait - Millis(1));
  CHECK(bed.passes.back().look().value() == Turn::kWaits);
  bed.clock.advance(Millis(1));
  auto late = bed.passes.back().look();
  REQUIRE(!late.ok());
  CHECK(late.error().code == Code::kBusy);
  CHECK(bed.admission.refused(Admission::Refused::kLongWait) == 1);
  CHECK(bed.admission.use().waiting == 0);  // while its refusal is sent it is in nobody's way
  bed.passes.pop_front();
  CHECK(!granted);
  CHECK(bed.admission.use().running == 0);
  bed.passes.pop_back();
  CHECK(bed.admission.use().running == 0);
}

TEST_CASE("memory for bodies: bounded, and no principal takes all of it") {
  auto limits = small(1000, 1000);
  limits.body_bytes = 100 * Admission::kBodyBytes;
  Bed bed(limits);
  size_t bodies = 0;
  while (bed.ask("greedy", 1ull << 30).ok()) bodies++;
  CHECK(bodies == 80);
  CHECK(bed.admission.refused(Admission::Refused::kBodies) == 1);
  CHECK(bed.ask("small", 1ull << 30).ok());
  CHECK(bed.ask("greedy", 4096).ok());  // what its connection holds anyway
  CHECK(bed.admission.use().body_bytes == 81 * Admission::kBodyBytes + 4096);
  bed.passes.clear();
  CHECK(bed.admission.use().body_bytes == 0);
}

TEST_CASE("answers have a bound of their own: slow downloads are in no upload's way") {
  auto limits = small(1000, 1000);
  limits.body_bytes = 100 * Admission::kBodyBytes;
  Bed bed(limits);
  auto carry = [&](const std::string& who) {
    REQUIRE(bed.ask(who, 0, Pass::Kind::kRead).ok());
    return bed.passes.back().carry(1ull << 40);
  };
  size_t answers = 0;
  while (carry("greedy").ok()) answers++;
  CHECK(answers == 80);
  CHECK(bed.admission.refused(Admission::Refused::kBodies) == 1);
  CHECK(carry("small").ok());
  CHECK(bed.admission.use().answer_bytes == 81 * Admission::kBodyBytes);
  CHECK(bed.ask("small", 1ull << 30).ok());
  CHECK(bed.ask("greedy", 1ull << 30).ok());
  bed.passes.clear();
  CHECK(bed.admission.use().answer_bytes == 0);
}

TEST_CASE("who asks when a lease has ended is let in behind those that wait") {
  Bed bed(small(2, 100));
  CHECK(bed.ask("slow").value() == Turn::kRuns);
  CHECK(bed.ask("slow").value() == Turn::kRuns);
  CHECK(bed.ask("first").value() == Turn::kWaits);
  bool granted = false;
  bed.passes.back().when_granted([&](Result<void>) { granted = true; });
  bed.clock.advance(Millis(250));
  CHECK(bed.ask("second").value() == Turn::kRuns);
  CHECK(granted);
  CHECK(bed.ask("third").value() == Turn::kWaits);
}

TEST_CASE("writes are refused while the disk is behind, reads are not") {
  Bed bed(small(10, 10));
  bed.age = bed.admission.limits().commit_age;
  CHECK(bed.ask("a").ok());
  bed.age += Millis(1);
  CHECK(!bed.ask("a").ok());
  CHECK(bed.ask("a", 0, Pass::Kind::kRead).ok());
  CHECK(bed.admission.refused(Admission::Refused::kCommits) == 1);
}

TEST_CASE("principals that hold nothing are forgotten") {
  Bed bed(small(10, 10));
  for (int i = 0; i < 10'000; i++) {
    Pass pass(&bed.admission);
    CHECK(pass.ask("user/" + std::to_string(i), Pass::Kind::kRead, 0).ok());
  }
  CHECK(bed.admission.use().principals <= 4096);
}

TEST_CASE("many threads: never more than may run, everybody gets a turn, nothing is left") {
  auto limits = small(3, 1'000'000);
  limits.lease = Millis(60'000);
  limits.longest_wait = Millis(60'000);
  Admission admission(limits, system_clock(), [](MonoTime) { return Millis(0); });
  std::atomic<int> inside{0}, most{0}, done{0};
  {
    std::vector<Thread> threads;
    for (int t = 0; t < 8; t++)
      threads.emplace_back("pass", [&, t] {
        for (int i = 0; i < 500; i++) {
          Pass pass(&admission);
          auto turn = pass.ask("user/" + std::to_string(t % 3), Pass::Kind::kWrite, 0);
          if (turn.value() == Turn::kWaits) {
            std::mutex m;
            std::condition_variable cv;
            bool granted = false;
            pass.when_granted([&](Result<void>) {
              std::lock_guard lock(m);
              granted = true;
              cv.notify_one();
            });
            std::unique_lock lock(m);
            cv.wait(lock, [&] { return granted; });
          }
          int now = ++inside;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          inside--;
          done++;
        }
      });
  }
  CHECK(done == 4000);
  CHECK(most <= 3);
  auto use = admission.use();
  CHECK(use.running + use.waiting + use.lasting == 0);
}

TEST_CASE("leases end on one thread while their requests go on on others") {
  auto limits = small(2, 1'000'000);
  limits.lease = Millis(1);
  Admission admission(limits, system_clock(), [](MonoTime) { return Millis(0); });
  std::atomic<int> done{0};
  {
    std::vector<Thread> threads;
    for (int t = 0; t < 4; t++)
      threads.emplace_back("pass", [&] {
        StopSignal never;
        for (int i = 0; i < 50; i++) {
          Pass pass(&admission);
          auto turn = pass.ask("user", Pass::Kind::kRead, 0);
          for (int looks = 0; turn.ok() && *turn == Turn::kWaits && looks < 10'000; looks++) {
            never.wait_for(Millis(1));
            turn = pass.look();
          }
          done += turn.ok() && *turn == Turn::kRuns;
          never.wait_for(Millis(2));  // longer than the lease
          done -= !pass.carry(1 << 20).ok();
        }
      });
  }
  CHECK(done == 200);
  auto use = admission.use();
  CHECK(use.running + use.waiting + use.lasting + use.answer_bytes == 0);
}

}  // namespace dl::gate

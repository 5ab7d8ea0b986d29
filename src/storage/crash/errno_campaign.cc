#include "storage/crash/errno_campaign.h"

#include <algorithm>
#include <cerrno>

#include "base/error_table.h"
#include "base/thread.h"

namespace dl::storage::crash {
namespace {

constexpr int kRecoverTries = 400;
constexpr Millis kRecoverPause{5};
constexpr uint64_t kNever = 1ull << 40;
constexpr std::string_view kMark = "(injected)";

bool is_space(int number) { return number == ENOSPC || number == EDQUOT; }

// With the system's own words; of a full disk the store may speak itself.
bool names_it(const Error& failed) {
  auto has = [&](std::string_view word) { return failed.message.find(word) != std::string::npos; };
  bool of_space = failed.code == Code::kNoSpace || failed.code == Code::kUnavailable;
  return has(kMark) || (of_space && (has("disk is full") || has("space")));
}

Error wrong(const std::string& what, const Error& failed) {
  return error(Code::kInternal, what + ": " + std::string(error_info(failed.code).name) + ", " + failed.message);
}

// What an opening answers: the system's refusal is no damage, and is told with its reason.
Result<void> check_refusal(const Error& failed, int number) {
  Code want = is_space(number) ? Code::kNoSpace : Code::kIo;
  if (failed.code != want || !names_it(failed)) return wrong("WRONG ERROR of an opening", failed);
  return {};
}

// What writers and bodies are answered while the store runs.
Result<void> check_answers(Workload& load, int number) {
  auto errors = load.take_errors();
  for (const auto& failed : errors) {
    bool right = is_space(number) ? failed.code == Code::kNoSpace || failed.code == Code::kUnavailable
                                  : failed.code == Code::kIo;
    if (!right) return wrong("WRONG ERROR of a write", failed);
  }
  if (load.died()) errors.push_back(error(Code::kIo, load.why_died()));  // what the operator reads
  if (!errors.empty() && std::none_of(errors.begin(), errors.end(), names_it))
    return wrong("NO REASON: not one of the refusals names the cause", errors.front());
  return {};
}

// Nothing but want of space is waited out; nothing but a failure that the store ended with may keep it from writing.
Result<void> check_goes_on(Workload& load, int number) {
  StopSignal never;
  for (int tries = 0; tries < kRecoverTries && !load.died(); tries++) {
    uint64_t before = load.acknowledged();
    load.run(1);
    if (load.acknowledged() > before) return {};
    never.wait_for(kRecoverPause);
  }
  if (!load.died()) return error(Code::kInternal, "STUCK: it neither takes writes again nor asks to be ended");
  if (is_space(number)) return error(Code::kInternal, "ENDED: the process was ended for want of space");
  return {};
}

// A look at everything, opened first when it is not; once more when the error hits right then.
Result<void> look(Workload& load, int number, bool cut) {
  for (int tries = 0;; tries++) {
    if (!load.is_open() || load.died()) {
      load.close();
      if (cut) load.disk().crash();
      auto opened = load.open();
      if (!opened.ok() && tries < 2 && load.disk().failed() > 0 && names_it(opened.error())) {
        DL_OK(check_refusal(opened.error(), number));
        continue;
      }
      DL_OK(opened);
    }
    uint64_t failed = load.disk().failed();
    auto seen = load.verify();
    bool waits = !seen.ok() && seen.error().code == Code::kUnavailable;  // it is closed for want of space just now
    bool hit = waits || load.died() || load.disk().failed() > failed;
    if (seen.ok() || tries == 2 || !hit) return seen;
    if (waits && !load.died()) DL_OK(check_goes_on(load, number));
  }
}

}  // namespace

Result<void> ErrnoCampaign::life(Workload& load, const Kind& kind, Start start, uint64_t nth, bool cut) {
  if (start == Start::kUsed) {
    DL_OK(load.open());
    load.run(8);
    load.close();
  }
  load.disk().fail_nth(nth, kind.number);
  auto opened = load.open();
  if (!opened.ok()) {
    DL_OK(check_refusal(opened.error(), kind.number));
    load.close();
  } else {
    load.run(10);
    DL_OK(check_answers(load, kind.number));
    DL_OK(check_goes_on(load, kind.number));
    DL_OK(look(load, kind.number, cut));
    load.run(3);
    load.close();
  }
  if (cut) load.disk().crash();
  DL_OK(look(load, kind.number, cut));
  load.close();
  return {};
}

// Of a life without an error.
uint64_t ErrnoCampaign::count_calls(const Kind& kind, Start start) {
  Workload load(seed_, Plant::kNone);
  uint64_t before = load.disk().seen();
  (void)life(load, kind, start, kNever, false);
  return load.disk().seen() - before;
}

Result<void> ErrnoCampaign::all_calls(const Kind& kind, Start start) {
  constexpr uint64_t kSweeps = 8;  // four errors, two beginnings
  // The engine's threads make it differ by a few from life to life: one that was not hit ends the sweep behind all.
  const uint64_t calls = count_calls(kind, start);
  uint64_t step = most_ == 0 ? 1 : std::max<uint64_t>(1, calls * kSweeps / most_);
  std::mt19937_64 engine(seed_ + static_cast<uint64_t>(kind.number));
  for (uint64_t nth = 1 + engine() % step;; nth += step) {
    Workload load(seed_, plant_);
    auto done = life(load, kind, start, nth, engine() % 2 == 0);
    load.close();
    lives_++;
    acknowledged_ += load.acknowledged();
    if (load.disk().failed() == 0) {  // there was no such call
      if (!done.ok() || nth > calls) return done;
      continue;
    }
    std::string hit = load.disk().last_hit();
    hits_[kind.name][hit.substr(0, hit.find(' '))]++;
    if (!done.ok())
      return std::move(done).error().within(std::string(kind.name) + " at call " + std::to_string(nth) + " of a " +
                                            (start == Start::kNew ? "new" : "used") + " store, " + hit);
  }
}

Result<void> ErrnoCampaign::run() {
  constexpr Kind kKinds[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO}, {"EMFILE", EMFILE}};
  for (const auto& kind : kKinds)
    for (Start start : {Start::kNew, Start::kUsed}) DL_OK(all_calls(kind, start));
  return {};
}

std::string ErrnoCampaign::report() const {
  std::string out;
  for (const auto& [name, calls] : hits_) {
    out += "  " + name + ":";
    for (const auto& [call, count] : calls) out += " " + call + " " + std::to_string(count);
    out += "\n";
  }
  return out;
}

}  // namespace dl::storage::crash

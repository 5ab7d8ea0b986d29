#include <doctest/doctest.h>

#include <string>

#include "journal/testing/checks.h"

using namespace dl::journal;

namespace {

std::string replay(uint64_t seed) {
  return "replay: ./dev build release journal_model && build/release/src/journal/journal_model --trace yes --seeds 1 "
         "--from " +
         std::to_string(seed);
}

// Where to look for a failure once the rule is off: the first of these seeds was seen to fail.
struct Needed {
  Rule rule;
  uint64_t from;
};
constexpr Needed kNeeded[] = {
    {Rule::kKeepLoser, 0},
    {Rule::kWalk, 55},
    {Rule::kAwaited, 120},
    {Rule::kCurrentFirst, 44},
    {Rule::kDeadOnArrival, 1},
    {Rule::kAncestorsLeave, 0},
    {Rule::kEnds, 1},
    {Rule::kDeepPurge, 1},
    {Rule::kLock, 16},
    {Rule::kGuard, 0},
    {Rule::kHighestLeft, 0},
    {Rule::kAttributesBySeen, 67},
    {Rule::kAttributesMerge, 242},
    {Rule::kAttributesWait, 6},
    {Rule::kTombstoneParents, 55},
    {Rule::kSettleHeads, 691},
};

}  // namespace

TEST_CASE("random histories end everywhere the same, with nothing lost, nothing back and only true conflicts") {
  for (uint64_t seed = 0; seed < 60; seed++) {
    auto problems = testing::run_seed(seed);
    std::string all;
    for (const auto& p : problems) all += p + "; ";
    CHECK_MESSAGE(problems.empty(), all << replay(seed));
  }
}

TEST_CASE("each rule of decide is needed: without it a history goes wrong") {
  static_assert(std::size(kNeeded) == static_cast<size_t>(Rule::kCount));
  for (const auto& needed : kNeeded) {
    bool fails = false;
    for (uint64_t seed = needed.from; seed < needed.from + 12 && !fails; seed++)
      fails = !testing::run_seed(seed, Rules::without(needed.rule)).empty();
    CHECK_MESSAGE(fails, std::string(rule_name(needed.rule)) << " can be off and nobody notices");
  }
}

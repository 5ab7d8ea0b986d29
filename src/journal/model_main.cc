#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "journal/testing/checks.h"

// journal_model [--seeds N] [--from S] [--off RULE] [--trace yes]: random histories over a hub and three devices.
int main(int argc, char** argv) {
  using namespace dl::journal;
  uint64_t seeds = 1000, from = 0;
  Rules rules;
  bool trace = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string option = argv[i], value = argv[i + 1];
    if (option == "--seeds") seeds = std::stoull(value);
    if (option == "--from") from = std::stoull(value);
    if (option == "--trace") trace = value == "yes";
    for (uint8_t r = 0; option == "--off" && r < static_cast<uint8_t>(Rule::kCount); r++)
      if (value == rule_name(static_cast<Rule>(r))) rules = Rules::without(static_cast<Rule>(r));
  }
  std::map<std::string, std::pair<uint64_t, uint64_t>> found;  // problem: count, first seed
  for (uint64_t seed = from; seed < from + seeds; seed++)
    for (const auto& problem : testing::run_seed(seed, rules, trace)) {
      auto& entry = found.try_emplace(problem, 0, seed).first->second;
      entry.first++;
    }
  for (const auto& [problem, entry] : found)
    std::printf("%s: %llu, replay: journal_model --seeds 1 --from %llu\n", problem.c_str(),
                static_cast<unsigned long long>(entry.first), static_cast<unsigned long long>(entry.second));
  std::printf("%llu histories, %zu kinds of failure\n", static_cast<unsigned long long>(seeds), found.size());
  return found.empty() ? 0 : 1;
}

#include <cstdio>
#include <string>

#include "base/log.h"
#include "sim/world.h"

// sim [--seeds N] [--seed S] [--steps N] [--plant NAME] [--trace yes]: random histories over real sessions; see
// README.md.
int main(int argc, char** argv) {
  using namespace dl::sim;
  uint64_t seeds = 1000, first = 1;
  Setup setup;
  for (int i = 1; i < argc; i += 2) {
    std::string option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    bool known = !value.empty();
    if (option == "--seeds")
      seeds = std::stoull(value);
    else if (option == "--seed")
      first = std::stoull(value);
    else if (option == "--steps")
      setup.steps = std::stoull(value);
    else if (option == "--trace")
      setup.trace = value == "yes";
    else if (option == "--plant" && is_plant(value))
      setup.plant = value;
    else
      known = false;
    if (!known) {
      std::fprintf(stderr, "sim: --seeds N, --seed S, --steps N, --plant NAME, --trace yes; not '%s %s'\n",
                   option.c_str(), value.c_str());
      return 2;
    }
  }
  dl::set_log_level(dl::LogLevel::kError);  // refused bodies are meant
  uint64_t failed = 0;
  for (setup.seed = first; setup.seed < first + seeds; setup.seed++) {
    auto problems = judge(setup);
    if (problems.empty()) continue;
    failed++;
    for (const auto& problem : problems)
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(setup.seed), problem.c_str());
    std::printf("  replay: sim --seeds 1 --seed %llu --steps %zu%s%s\n", static_cast<unsigned long long>(setup.seed),
                setup.steps, setup.plant.empty() ? "" : " --plant ", setup.plant.c_str());
  }
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(seeds - failed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

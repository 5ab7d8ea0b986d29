#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/demo_world.h"

namespace dl::app {

struct DemoStep {
  std::string title;
  std::function<Result<void>(DemoWorld&)> play;
};

// The story in its order. The first step builds the world; the others need those before them.
std::vector<DemoStep> demo_steps();

// demo_meanwhile.cc: what happens while the link is cut, and how it meets again.
Result<void> play_others(DemoWorld& w);
Result<void> play_meeting(DemoWorld& w);
Result<void> play_conflicts(DemoWorld& w);
Result<void> play_check(DemoWorld& w);
// demo_containers.cc. Skipped with a word about why where this machine cannot run containers.
Result<void> play_job(DemoWorld& w);
Result<void> check_adopted(DemoWorld& w);
Result<void> play_reboot(DemoWorld& w);

}  // namespace dl::app

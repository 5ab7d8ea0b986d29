#pragma once

#include "cli/cli.h"

namespace dl::app {

// What the commands need of the rest of the program. Lives as long as the process.
const cli::Hooks& hooks();

}  // namespace dl::app

#pragma once

#include "cli/cli.h"

namespace dl::app {

// `demilune demo`: plays the story with real processes in a throw-away directory; the exit status. What is told goes to
// standard output. Everything it started is ended before it returns.
int run_demo(const cli::DemoOptions& options);

}  // namespace dl::app

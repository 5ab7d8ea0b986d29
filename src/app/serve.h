#pragma once

#include "cli/cli.h"

namespace dl::app {

// Serves until SIGTERM or SIGINT; the exit status. Prints the ready line to stderr, the administrator's key of a hub's
// first start to stdout, and tells systemd when it is asked to.
int serve(const cli::UpOptions& options, const std::string& version);

}  // namespace dl::app

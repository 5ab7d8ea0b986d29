#pragma once

#include "base/settings.h"
#include "cli/cli.h"

namespace dl::app {

// File, environment and flags of `up`. Errors: kInvalid; of the file.
Result<Settings> load_settings(const cli::UpOptions& options);

// Serves until SIGTERM or SIGINT; the exit status. Prints the ready line to stderr, the administrator's key of a hub's
// first start to stdout, and tells systemd when it is asked to.
int serve(const cli::UpOptions& options, const std::string& version);

}  // namespace dl::app

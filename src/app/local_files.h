#pragma once

#include <memory>

#include "cli/cli.h"

namespace dl::app {

// The caller's own files, for the commands. Lives as long as the process. Thread-safe; each reader or writer one
// thread.
cli::LocalFiles& local_files();

}  // namespace dl::app

#pragma once

#include "cli/command.h"
#include "cli/parser.h"

namespace dl::cli {

// Parses and runs; help, usage errors and the command's own errors are told through the sinks of `session`, whose
// `global`, `hooks` and `out` are filled in here. Returns the exit status. Everything but the streams of the process.
int run_words(std::vector<std::string> words, const Hooks& hooks, Session& session, Sink data, Sink talk);

}  // namespace dl::cli

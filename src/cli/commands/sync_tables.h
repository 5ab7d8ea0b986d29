#pragma once

#include "cli/command.h"

namespace dl::cli {

// The tables of links and of buckets that are synced, of `status` and of `sync status`.
void show_sync(Session& s, const format::Json& sync);

}  // namespace dl::cli

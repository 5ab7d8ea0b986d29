#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "compute/crun/oci_config.h"

namespace dl::compute {

// config.json of an OCI bundle.
Bytes render_oci_config(const OciConfig& config);

// "status" of what `crun state` prints: "created", "running", "paused", "stopped". Errors: kCorrupt.
Result<std::string> parse_crun_state(BytesView json);

// What conmon writes into the sync pipe: {"data": PID}, or a negative number with "message". Errors: kIo with conmon's
// message, kCorrupt.
Result<int> parse_conmon_line(BytesView json);

}  // namespace dl::compute

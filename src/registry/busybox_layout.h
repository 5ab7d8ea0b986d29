#pragma once

#include <string>

#include "base/result.h"
#include "storage/file_system.h"

namespace dl::registry {

// Writes an OCI image layout with one image, named `name`, of one static busybox (Debian's package busybox-static) with
// its usual commands as links, into `dir`, which must not exist. What a demonstration and the tests run. Errors:
// kNotFound when there is no busybox at that path, kExists, kIo.
Result<void> write_busybox_layout(storage::FileSystem& fs, const std::string& dir, const std::string& name = "busybox",
                                  const std::string& busybox = "/bin/busybox");

}  // namespace dl::registry

#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "registry/archive.h"
#include "registry/limits.h"
#include "registry/rooted_dir.h"

namespace dl::registry {

struct UnpackLimits {
  uint64_t max_bytes = kDefaultMaxUnpackedBytes;
  uint64_t max_entries = kDefaultMaxEntries;
};
// Counted over all layers of an image.
struct UnpackReport {
  uint64_t bytes = 0;
  uint64_t entries = 0;
  uint64_t devices_left_out = 0;
};

// Applies one layer onto what lower layers left in root (OCI image-layer: whiteouts ".wh.NAME" and ".wh..wh..opq" hide
// entries of lower layers only). Owners, modes and times are kept; device nodes are left out and counted; extended
// attributes are not taken. Errors: kInvalid (a path or link that leaves the root, a broken archive), kTooLarge (past
// the limits), kNoSpace, kIo. After an error root is to be thrown away.
Result<void> apply_layer(ByteSource& layer, RootedDir& root, const UnpackLimits& limits, UnpackReport& report);

}  // namespace dl::registry

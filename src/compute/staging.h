#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "compute/object_access.h"
#include "format/workload.h"
#include "storage/file_system.h"

namespace dl::compute {

struct Collected {
  uint64_t objects = 0, bytes = 0;
};

// The objects below a prefix as files in `dir`, which is made anew: key minus prefix is the path. Errors: kInvalid (a
// key that is no path below dir, or two keys that cannot both be files), kTooLarge (too many), kCancelled once `stop`
// is set, and the access's own.
Result<void> stage_input(storage::FileSystem& fs, ObjectAccess& access, const std::string& principal,
                         const format::ObjectPrefix& from, const std::string& dir, const std::atomic<bool>& stop);

// Every regular file below `dir` as an object: prefix plus its path. Links and other kinds are left out: they could
// point anywhere. Call it when nothing writes there any more. Errors: as stage_input.
Result<Collected> collect_output(ObjectAccess& access, const std::string& principal, const format::ObjectPrefix& to,
                                 const std::string& dir, const std::atomic<bool>& stop);

}  // namespace dl::compute

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "storage/file_system.h"

namespace dl::node {

// Something in a data directory that is not as it was written; what of it is known, the rest is empty.
struct CheckFinding {
  std::string partition;
  std::string place;  // below the directory: "kv/default/000012.sst"
  std::string bucket, key, version;
  std::string what;
};
struct CheckSummary {
  uint64_t findings = 0;
  uint64_t objects = 0;  // versions and delete markers
  uint64_t bodies = 0, files = 0, rows = 0, audit_records = 0;
  uint64_t bytes = 0;  // that were compared with a checksum
  Millis took{0};
};

// Reads all of a stopped node's data directory: FORMAT, keys, watermarks, databases, bodies, rows, audit logs. Each
// finding is told as it is made; nothing is changed or made. Errors, when it cannot be run: kNotFound (no data
// directory), kConflict (a node runs there), kIo.
Result<CheckSummary> check_data_dir(storage::FileSystem& fs, const std::string& dir, const Clock& clock, Random& random,
                                    const std::function<void(const CheckFinding&)>& found);

}  // namespace dl::node

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace dl::compute {

// How workloads reach objects: through the gate, in the name of who submitted them. Implemented where node and gate are
// known. Thread-safe; every call blocks.
class ObjectAccess {
 public:
  struct Entry {
    Bytes key;
    uint64_t size = 0;
  };
  virtual ~ObjectAccess() = default;
  // All current objects whose key starts with prefix, ascending; at most `limit`. Errors: kDenied, kNotFound (bucket),
  // kTooLarge (more than limit), kUnavailable.
  virtual Result<std::vector<Entry>> list(const std::string& principal, const std::string& bucket, const Bytes& prefix,
                                          size_t limit) = 0;
  // The whole body into a new file, made with mode 0644. Errors: as list, kNoSpace, kExists.
  virtual Result<void> get_to_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                                   const std::string& path) = 0;
  // A durable write of the whole file. The path may come from inside a workload's output directory: its last part is no
  // symbolic link when the call is made. Errors: kDenied, kNotFound, kNoSpace, kUnavailable.
  virtual Result<void> put_from_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                                     const std::string& path) = 0;
};

}  // namespace dl::compute

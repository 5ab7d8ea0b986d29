#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "storage/store.h"

// A store to test, of any driver, with the two things a test needs beside the contract.
namespace dl::storage::testing {

inline const std::string kPart = "default";
inline constexpr size_t kBedStepBytes = 1 << 20;  // every bed's limit of one step

class Bed {
 public:
  virtual ~Bed() = default;
  virtual Store& store() = 0;
  virtual void reopen() = 0;  // stop, close and open again
  virtual Result<size_t> reclaim() = 0;
  Partition& rows() { return store().partition(kPart); }
  BlobStore& blobs() { return store().blobs(kPart); }
  ManualClock clock;
  SeededRandom random{7};
};

struct BedKind {
  std::string name;
  std::function<std::unique_ptr<Bed>()> make;
};
// Every driver that the shared suite runs on.
std::vector<BedKind> beds();

}  // namespace dl::storage::testing

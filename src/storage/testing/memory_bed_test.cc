#include "storage/memory/memory_store.h"
#include "storage/testing/bed.h"
#include "storage/testing/beds.h"

namespace dl::storage::testing {
namespace {

class MemoryBed : public Bed {
 public:
  explicit MemoryBed(Committer::Mode mode) {
    options_.mode = mode, options_.committer.step_bytes = kBedStepBytes, reopen();
  }
  Store& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = std::make_unique<MemoryStore>(std::vector{kPart}, clock, random, options_, disk_);
  }
  Result<size_t> reclaim() override { return store_->reclaim(); }

 private:
  MemoryOptions options_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<MemoryStore> store_;
};

}  // namespace

std::vector<BedKind> memory_beds() {
  return {{"memory", [] { return std::make_unique<MemoryBed>(Committer::Mode::kThread); }},
          {"memory, inline", [] { return std::make_unique<MemoryBed>(Committer::Mode::kInline); }}};
}

std::vector<BedKind> beds() {
  auto all = memory_beds();
  for (auto& one : local_beds()) all.push_back(std::move(one));
  return all;
}

}  // namespace dl::storage::testing

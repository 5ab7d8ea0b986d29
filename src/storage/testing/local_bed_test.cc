#include <doctest/doctest.h>

#include "storage/local/store.h"
#include "storage/sim/sim_disk.h"
#include "storage/testing/bed.h"
#include "storage/testing/beds.h"

namespace dl::storage::testing {
namespace {

// A temporary directory of the operating system, or a disk in memory.
class LocalBed : public Bed {
 public:
  LocalBed(FileSystem& fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {
    limits_.reserve_percent = 0;
    limits_.committer.step_bytes = kBedStepBytes;
    limits_.write_buffer_bytes = 1 << 20;
    limits_.segment_bytes = 1 << 20;
    limits_.blob_bytes = 300'000;
    limits_.reclaim_interval = Millis(3'600'000);
    reopen();
  }
  ~LocalBed() override {
    store_.reset();
    auto removed = remove_tree(fs_, dir_);
    CHECK(removed.ok());
  }
  Store& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    auto opened = open_local_store(fs_, dir_, {{kPart, Bytes(32, 'k'), Bytes(32, 'b')}}, clock, random, limits_);
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    store_ = *std::move(opened);
  }
  Result<size_t> reclaim() override { return store_->reclaim(); }

 private:
  FileSystem& fs_;
  std::string dir_;
  LocalLimits limits_;
  std::unique_ptr<LocalStore> store_;
};

}  // namespace

std::vector<BedKind> local_beds() {
  static SimDisk disk(1);
  return {{"local, on a disk in memory", [] { return std::make_unique<LocalBed>(disk, "/data"); }},
          {"local, on files", [] {
             return std::make_unique<LocalBed>(posix_file_system(),
                                               "/tmp/dl-test-storage-" + std::to_string(system_random().u64()));
           }}};
}

}  // namespace dl::storage::testing

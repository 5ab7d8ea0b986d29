#pragma once

#include <stdlib.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "registry/image_store.h"
#include "registry/rooted_dir.h"
#include "storage/file_system.h"
#include "storage/memory/memory_store.h"

namespace dl::registry::testing {

// A directory that is gone with the object.
class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/demilune-test-XXXXXX";
    DL_ASSERT(::mkdtemp(name) != nullptr, "no temporary directory");
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  ~TempDir() {
    auto removed = remove_tree_no_follow(path_);
    DL_ASSERT(removed.ok(), removed.ok() ? "" : removed.error().message);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// An image store over memory, with real files for what is unpacked.
struct ImageBed {
  explicit ImageBed(UnpackLimits limits = {}) {
    auto made = storage::make_dirs(fs, dir / "tmp", 0700);
    DL_ASSERT(made.ok(), "no tmp");
    ImageStoreSettings settings{.rootfs_dir = dir / "images", .tmp_dir = dir / "tmp", .unpack = limits};
    images =
        std::make_unique<ImageStore>(store.partition("control"), store.blobs("control"), fs, clock, random, settings);
    auto started = images->start();
    DL_ASSERT(started.ok(), "no image store");
  }
  TempDir dir;
  ManualClock clock;
  SeededRandom random{11};
  storage::FileSystem& fs = storage::posix_file_system();
  storage::MemoryStore store{{"control"}, clock, random};
  std::unique_ptr<ImageStore> images;
};

}  // namespace dl::registry::testing

#pragma once

#include <string>

#include "api/admin/context.h"
#include "compute/service.h"
#include "registry/image_store.h"
#include "storage/file_system.h"

namespace dl::api::admin {

// The image store behind this room's Images. An archive is kept as a file in `tmp_dir` until it is taken apart. All
// that is handed in outlives it.
class ImagesDoor : public Images {
 public:
  struct Config {
    net::Runtime* runtime = nullptr;
    registry::ImageStore* store = nullptr;
    compute::ComputeService* compute = nullptr;  // says which images are needed; nullptr: none is
    storage::FileSystem* files = nullptr;
    Random* random = nullptr;
    std::string tmp_dir;  // DIR/tmp, exists
  };
  explicit ImagesDoor(Config config) : config_(std::move(config)) {}

  Result<std::vector<ImageInfo>> list() override;
  Task<std::vector<ImageInfo>> import(net::BodyReader* archive, std::string name) override;
  Result<void> remove(const std::string& name) override;

 private:
  Config config_;
};

}  // namespace dl::api::admin

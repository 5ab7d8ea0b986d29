#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "format/registry.h"
#include "registry/oci_manifest.h"
#include "registry/unpack.h"
#include "storage/blob_store.h"
#include "storage/file_system.h"
#include "storage/partition.h"

namespace dl::registry {

class Layout;

struct ImageStoreSettings {
  std::string rootfs_dir;  // DIR/workloads/images: unpacked images, made again when lost
  std::string tmp_dir;     // DIR/tmp: exists; archives are taken apart here
  uint64_t max_image_bytes = kDefaultMaxImageBytes;
  UnpackLimits unpack;
};

struct ImageSummary {
  Sha256 digest;                   // of the manifest
  std::vector<std::string> names;  // sorted; may be empty
  std::string architecture;
  uint64_t size = 0;  // of all its parts as stored
  uint64_t imported_millis = 0;
};

struct ImportOptions {
  std::string name;          // instead of the names in the layout; refused when the layout holds several images
  std::string architecture;  // empty: this machine's
};

// The node's own images: manifests, configs and layers by digest in the blob store of partition `control`, names beside
// them, each part kept as long as an image uses it. A crash at any moment leaves whole images or none; bytes of an
// import that was cut off belong to nobody and are freed by the blob store at the next start. Thread-safe; every call
// blocks.
class ImageStore {
 public:
  // All references must outlive the store; blobs must be the partition's own.
  ImageStore(storage::Partition& partition, storage::BlobStore& blobs, storage::FileSystem& fs, const Clock& clock,
             Random& random, ImageStoreSettings settings);

  // Throws away what a crash left half unpacked. Before all else.
  Result<void> start();

  // From a layout directory or a tar archive of one. Every blob's size and digest is checked before anything is named.
  // Errors: kInvalid, kUnsupported, kNotFound (no image for the architecture), kCorrupt, kTooLarge, kNoSpace.
  Result<std::vector<ImageSummary>> import(const std::string& path, const ImportOptions& options);

  Result<std::vector<ImageSummary>> list() const;  // by first name, then digest
  // By name ("busybox" is "busybox:latest"), by "sha256:<hex>" or by a unique start of the hex digest of at least 12
  // digits. Errors: kNotFound; kConflict when a start fits several.
  Result<ImageSummary> find(std::string_view reference) const;
  // By name: only the name when the image has others. By digest: the image with all its names. The unpacked tree goes
  // with the image. `in_use` is asked before an image goes; errors: kConflict when it says true, as find.
  Result<ImageSummary> remove(std::string_view reference, const std::function<bool(const Sha256&)>& in_use);

  Result<ImageConfig> get_config(const Sha256& digest) const;
  // The unpacked tree of the image, made when it is not there yet. Whole or absent, whatever happens in between:
  // unpacked beside, synced, then renamed. Read it only. Errors: as apply_layer, kNotFound, kCorrupt.
  Result<std::string> ensure_rootfs(const Sha256& digest);

 private:
  struct Part;
  Result<ImageSummary> import_one(const Layout& layout, const Descriptor& manifest, const std::string& name);
  Result<std::vector<Part>> store_parts(const Layout& layout, const std::vector<Descriptor>& parts);
  Result<Part> store_part(const Layout& layout, const Descriptor& descriptor);
  Result<std::string> unpack(const Sha256& digest, const format::Image& image);
  Result<format::Image> get_image(const Sha256& digest) const;
  Result<format::ImageBlob> get_blob(const Sha256& digest) const;
  Result<Bytes> read_blob(const Sha256& digest) const;
  Result<void> erase_image(const Sha256& digest, const std::vector<std::string>& names);
  std::string rootfs_path(const Sha256& digest) const;

  storage::Partition& partition_;
  storage::BlobStore& blobs_;
  storage::FileSystem& fs_;
  const Clock& clock_;
  Random& random_;
  ImageStoreSettings settings_;
  mutable std::mutex change_;  // one import, removal or unpacking at a time
};

}  // namespace dl::registry

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/archive.h"
#include "registry/oci_manifest.h"
#include "storage/file_system.h"

namespace dl::registry {

// An OCI image layout (image-spec 1.1, image-layout.md) in a directory.
class Layout {
 public:
  // Checks `oci-layout`. The file system must outlive the layout. Errors: kInvalid, kUnsupported, kIo.
  static Result<Layout> open(storage::FileSystem& fs, std::string dir);

  // The manifests to run on this architecture: entries of index.json, nested indexes resolved. Errors: kNotFound when
  // there is none for it (names those there are).
  Result<std::vector<Descriptor>> find_manifests(std::string_view architecture) const;
  // A whole small document, checked against size and digest. Errors: kCorrupt, kTooLarge, kNotFound.
  Result<Bytes> read_document(const Descriptor& descriptor) const;
  // A blob of any size, unchecked: the reader hashes. Errors: kNotFound, kCorrupt when its size differs.
  Result<std::unique_ptr<storage::ReadFile>> open_blob(const Descriptor& descriptor) const;

 private:
  Layout(storage::FileSystem& fs, std::string dir) : fs_(&fs), dir_(std::move(dir)) {}
  Result<void> collect(const Index& index, std::string_view architecture, const std::string& name, size_t depth,
                       std::vector<Descriptor>& out, std::vector<std::string>& others) const;
  std::string blob_path(const Sha256& digest) const;

  storage::FileSystem* fs_;
  std::string dir_;
};

// Bytes of a file, one after the other.
class FileSource : public ByteSource {
 public:
  explicit FileSource(storage::ReadFile& file) : file_(file) {}
  Result<size_t> read(char* out, size_t size) override {
    DL_TRY(size_t n, file_.read_at(offset_, out, size));
    offset_ += n;
    return n;
  }

 private:
  storage::ReadFile& file_;
  uint64_t offset_ = 0;
};

// Takes the files of an OCI layout out of a tar archive (plain, gzip, zstd) into the empty directory `dir`; anything
// else in the archive is left out. Errors: kInvalid, kTooLarge past max_bytes.
Result<void> extract_layout(storage::FileSystem& fs, const std::string& archive, const std::string& dir,
                            uint64_t max_bytes);

}  // namespace dl::registry

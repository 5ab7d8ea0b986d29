#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/cli.h"

namespace dl::cli {

// A directory as a POSIX ustar stream, made while it is sent: regular files and directories, owner root, mode 0644 and
// 0755. Paths up to 255 bytes that fit ustar's two fields; kUnsupported otherwise. `files` outlives the stream.
class TarStream {
 public:
  // Errors: kNotFound, kIo, kUnsupported.
  static Result<std::unique_ptr<TarStream>> open(LocalFiles& files, const std::string& directory);
  uint64_t size() const { return size_; }
  // kConflict when a file changed its size meanwhile.
  Result<size_t> read(char* out, size_t size);

 private:
  TarStream(LocalFiles& files, std::string directory) : files_(files), directory_(std::move(directory)) {}
  Result<void> next();

  LocalFiles& files_;
  std::string directory_;
  std::vector<FileEntry> entries_;
  size_t at_ = 0;
  bool ended_ = false;
  std::string block_;  // header or padding that is still to be given
  std::unique_ptr<FileReader> file_;
  uint64_t left_ = 0, padding_ = 0, size_ = 0;
};

// Exposed for tests. Errors: kUnsupported (path too long, size over 8 GiB).
Result<std::string> tar_header(const FileEntry& entry);

}  // namespace dl::cli

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/file_system.h"

namespace dl::storage {

// A node's directory as the store finds and holds it: FORMAT, LOCK, kv/, segments/, watermark/. Other rooms keep their
// own entries beside these. Held until destroyed.
class DataDir {
 public:
  // Makes what is missing, mode 0700, everything durable. Errors: kForeign (another format, an entry that is not a
  // node's, a partition that was not named: nothing is touched), kConflict (another process holds it).
  static Result<DataDir> open(FileSystem& fs, const std::string& dir, const std::vector<std::string>& partitions);

  // What open() looks at first; nothing is changed. Errors: kForeign, the file system's.
  static Result<void> check_format(FileSystem& fs, const std::string& dir);  // FORMAT, if it is there
  static Result<void> check_names(FileSystem& fs, const std::string& dir, const std::vector<std::string>& partitions);

  std::string kv(const std::string& partition) const { return dir_ + "/kv/" + partition; }
  std::string segments(const std::string& partition) const { return dir_ + "/segments/" + partition; }
  std::string watermark(const std::string& partition) const { return dir_ + "/watermark/" + partition; }

 private:
  DataDir(std::string dir, std::unique_ptr<FileLock> lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}
  std::string dir_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace dl::storage

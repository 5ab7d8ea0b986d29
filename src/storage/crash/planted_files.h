#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/file_system.h"

namespace dl::storage::crash {

// What a program with a bug does to the files below it.
struct Lies {
  std::string forget_syncs_of;    // files with this ending are never synced; empty: none
  bool forget_dir_syncs = false;  // directories are never synced
  bool retry_syncs = false;       // a sync that failed is asked for again, and the second answer counts
  bool ignore_writes = false;     // what a write or a reservation answers is not looked at
  bool any() const { return !forget_syncs_of.empty() || forget_dir_syncs || retry_syncs || ignore_writes; }
};

// Files as a program with these bugs uses them: the harnesses run on them to show that they would find the bug. `below`
// outlives it. Thread-safe as `below` is.
class PlantedFiles : public FileSystem {
 public:
  PlantedFiles(FileSystem& below, Lies lies) : below_(below), lies_(std::move(lies)) {}

  Result<std::unique_ptr<WriteFile>> open_write(const std::string& path, OpenMode mode, unsigned permissions) override;
  Result<void> sync_dir(const std::string& path) override;

  Result<std::unique_ptr<ReadFile>> open_read(const std::string& path) override { return below_.open_read(path); }
  Result<void> make_dir(const std::string& path, unsigned permissions) override {
    return below_.make_dir(path, permissions);
  }
  Result<void> rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return below_.remove(path); }
  Result<void> remove_dir(const std::string& path) override { return below_.remove_dir(path); }
  Result<bool> exists(const std::string& path) override { return below_.exists(path); }
  Result<bool> is_dir(const std::string& path) override { return below_.is_dir(path); }
  Result<uint64_t> file_size(const std::string& path) override { return below_.file_size(path); }
  Result<uint64_t> modified_millis(const std::string& path) override { return below_.modified_millis(path); }
  Result<std::vector<std::string>> list(const std::string& dir) override { return below_.list(dir); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Result<DiskSpace> disk_space(const std::string& path) override { return below_.disk_space(path); }

 private:
  FileSystem& below_;
  const Lies lies_;
};

}  // namespace dl::storage::crash

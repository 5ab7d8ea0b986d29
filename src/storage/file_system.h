#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace dl::storage {

// The one seam to files: everything that the program keeps on disk goes through it (a check bans raw file calls
// elsewhere), so that tests can count, fail, tear and cut every call. All calls are blocking and thread-safe; paths are
// absolute or relative to the working directory. Errors: kNotFound, kExists, kNoSpace (ENOSPC, EDQUOT), kIo (all else,
// with errno's text); kUnavailable for reads and open_read under NoWait.
class ReadFile {
 public:
  virtual ~ReadFile() = default;
  // Reads up to size bytes at offset into out; returns how many there were (fewer only at the end of the file).
  virtual Result<size_t> read_at(uint64_t offset, char* out, size_t size) const = 0;
  virtual Result<uint64_t> size() const = 0;
};

class WriteFile {
 public:
  virtual ~WriteFile() = default;  // closes; unsynced data stays unsynced
  // Writes all of data at offset (extends the file when past its end).
  virtual Result<void> write_at(uint64_t offset, BytesView data) = 0;
  virtual Result<void> append(BytesView data) = 0;
  virtual Result<void> sync() = 0;  // fdatasync; after an error the file must not be trusted or synced again
  virtual Result<void> truncate(uint64_t size) = 0;
  // Reserves blocks without changing the size or content that readers see; may be a no-op.
  virtual Result<void> reserve(uint64_t offset, uint64_t length) = 0;
  // Gives the blocks back; the range reads as zeros afterwards.
  virtual Result<void> punch(uint64_t offset, uint64_t length) = 0;
  virtual Result<uint64_t> size() const = 0;
};

// Held for the life of the object; a second holder gets kConflict. Ends with the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode { kCreateNew, kCreateOrTruncate, kExisting };

struct DiskSpace {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<ReadFile>> open_read(const std::string& path) = 0;
  virtual Result<std::unique_ptr<WriteFile>> open_write(const std::string& path, OpenMode mode,
                                                        unsigned permissions) = 0;
  virtual Result<void> sync_dir(const std::string& path) = 0;
  virtual Result<void> make_dir(const std::string& path, unsigned permissions) = 0;  // parents must exist; kExists
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;      // a file
  virtual Result<void> remove_dir(const std::string& path) = 0;  // an empty directory
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<bool> is_dir(const std::string& path) = 0;
  virtual Result<uint64_t> file_size(const std::string& path) = 0;
  virtual Result<uint64_t> modified_millis(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& dir) = 0;  // names, sorted, without . and ..
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Result<DiskSpace> disk_space(const std::string& path) = 0;
};

// The operating system's files.
FileSystem& posix_file_system();

// Whole small files. write_file_atomic: temporary name, sync, rename, directory sync: old or new content, never
// between.
Result<Bytes> read_file(FileSystem& fs, const std::string& path, uint64_t max_bytes);
Result<void> write_file_atomic(FileSystem& fs, const std::string& path, BytesView content, unsigned permissions);
Result<void> make_dirs(FileSystem& fs, const std::string& path, unsigned permissions);
Result<void> remove_tree(FileSystem& fs, const std::string& path);

}  // namespace dl::storage

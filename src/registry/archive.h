#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

// Tar streams, read and written through libarchive; its headers stay in archive.cc.
namespace dl::registry {

// Bytes that come one after the other. One thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual Result<size_t> read(char* out, size_t size) = 0;  // 0 at the end
};

struct ArchiveEntry {
  enum class Kind { kFile, kDir, kSymlink, kHardLink, kFifo, kDevice, kOther } kind = Kind::kOther;
  std::string path;    // as it stands in the archive, not judged
  std::string target;  // symlink, hard link
  uint64_t size = 0;
  uint32_t mode = 0, uid = 0, gid = 0;
  int64_t modified_seconds = 0;
};

// Reads tar (ustar, pax, GNU), plain or compressed with gzip or zstd; other formats and filters are refused. Errors:
// kInvalid (not such an archive, or cut short), the source's own.
class ArchiveReader {
 public:
  // The source must outlive the reader.
  static Result<std::unique_ptr<ArchiveReader>> open(ByteSource& source);
  virtual ~ArchiveReader() = default;
  // nullopt at the end.
  virtual Result<std::optional<ArchiveEntry>> next() = 0;
  // Content of the current entry; 0 at its end.
  virtual Result<size_t> read(char* out, size_t size) = 0;
};

// Writes a pax tar, plain or gzip, into memory: for small things of our own making. Same input, same bytes.
class ArchiveWriter {
 public:
  enum class Filter { kNone, kGzip, kZstd };
  static std::unique_ptr<ArchiveWriter> create(Filter filter);
  virtual ~ArchiveWriter() = default;
  virtual Result<void> add(const ArchiveEntry& entry, BytesView content) = 0;
  virtual Result<Bytes> finish() = 0;
};

}  // namespace dl::registry

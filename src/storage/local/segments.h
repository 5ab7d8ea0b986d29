#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/file_system.h"

namespace dl::storage {

// A run of bytes in a segment file that belongs to one blob. Starts at a multiple of kExtentAlign, so that no block is
// shared: a torn write of one blob harms no other, and a punched one gives its blocks back.
struct Extent {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  auto operator<=>(const Extent&) const = default;
};

inline constexpr uint64_t kExtentAlign = 4096;
inline constexpr uint64_t kSegmentHeaderBytes = kExtentAlign;  // magic, number, CRC, zeros

// The segment files of one partition: extents are given out at the end of the newest file, written once, and given back
// one by one. A segment without live bytes is removed. Every start begins a new file. Thread-safe; calls block.
class Segments {
 public:
  // Every live extent lies in a whole file. Changes nothing. Errors: kCorrupt (a live extent's file is missing, short
  // or not a segment), kForeign (a file of another kind), the file system's.
  static Result<void> check(FileSystem& fs, const std::string& dir, std::vector<Extent> live);
  // Frees what belongs to nobody: segments, tails and gaps. Precondition: check() said yes.
  static Result<std::unique_ptr<Segments>> open(FileSystem& fs, std::string dir, uint64_t segment_bytes,
                                                std::vector<Extent> live);

  // Only to be read.
  static std::unique_ptr<const Segments> look(FileSystem& fs, std::string dir) {
    return std::unique_ptr<const Segments>(new Segments(fs, std::move(dir), 0));
  }

  // Errors: kNoSpace, kIo.
  Result<Extent> allocate(uint64_t length);
  // `at` counts from the extent's start. Precondition: inside the extent.
  Result<void> write(const Extent& extent, uint64_t at, BytesView data);
  // What was written to the extent is on stable storage, its segment's name too. No more is written to it.
  Result<void> finish(const Extent& extent);
  // Reads exactly size bytes. Errors: kCorrupt when the file is missing or ends before, kIo.
  Result<void> read(const Extent& extent, uint64_t at, char* out, size_t size) const;
  // The extent's bytes belong to nobody any more. Errors leave them to the next start.
  Result<void> release(const Extent& extent);

  // A file that nothing is written to any more.
  struct Use {
    uint64_t number = 0;
    uint64_t live = 0;  // bytes in extents that were not given back
    uint64_t span = 0;  // bytes of the file behind its header
  };
  std::vector<Use> at_rest() const;
  uint64_t live_bytes() const;
  size_t segment_count() const;
  uint64_t syncs() const { return syncs_; }

 private:
  struct Segment {
    std::shared_ptr<WriteFile> file;  // only while it is written to
    uint64_t end = 0;                 // next free offset
    uint64_t reserved = 0;
    uint64_t live = 0;    // bytes in extents
    bool named = false;   // its directory entry is durable
    bool failed = false;  // a sync failed: nothing more may count on it
  };
  using SegmentPtr = std::shared_ptr<Segment>;

  Segments(FileSystem& fs, std::string dir, uint64_t segment_bytes)
      : fs_(fs), dir_(std::move(dir)), segment_bytes_(segment_bytes) {}
  std::string path(uint64_t number) const;
  Result<void> check_segment(uint64_t number, const std::vector<Extent>& live) const;
  Result<void> free_gaps(uint64_t number, const std::vector<Extent>& live);
  Result<SegmentPtr> begin_segment();
  Result<std::pair<SegmentPtr, std::shared_ptr<WriteFile>>> find_writable(uint64_t number) const;
  void settle(const Extent& extent);
  Result<std::shared_ptr<ReadFile>> reader(uint64_t number) const;
  Result<void> drop(uint64_t number);

  FileSystem& fs_;
  const std::string dir_;
  const uint64_t segment_bytes_;
  mutable std::mutex m_;
  std::map<uint64_t, SegmentPtr> segments_;
  std::set<Extent> writing_;  // allocated, neither finished nor given back
  uint64_t current_ = 0;      // 0: none begun yet
  uint64_t last_ = 0;         // greatest number ever seen
  struct Reader {
    std::shared_ptr<ReadFile> file;
    uint64_t used = 0;  // when, by reads_
  };
  // Of its own: event loops ask for readers, and under m_ files are made and removed.
  mutable std::mutex readers_m_;
  mutable std::map<uint64_t, Reader> readers_;
  mutable uint64_t reads_ = 0;
  std::atomic<uint64_t> syncs_{0};
};

}  // namespace dl::storage

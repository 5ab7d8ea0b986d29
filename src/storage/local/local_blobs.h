#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "storage/blob_rows.h"
#include "storage/blob_store.h"
#include "storage/local/limits.h"
#include "storage/local/local_partition.h"
#include "storage/local/segments.h"

namespace dl::storage {

// The bodies of one partition: small ones in its rows, large ones sealed in its segments. Thread-safe.
class LocalBlobs : public BlobStore {
 public:
  struct Plan {
    FileSystem& fs;
    std::string dir;  // DIR/segments/NAME; exists
    Bytes body_key;   // 32 bytes
    const Clock& clock;
    Random& random;
    LocalLimits limits;
  };
  // Looks whether every body that the rows name is there, before anything is changed. Errors: Segments::check's.
  static Result<void> check(FileSystem& fs, const std::string& dir, const View& rows);
  // `rows` outlives it. Precondition: check() said yes. Errors: Segments::open's.
  static Result<std::unique_ptr<LocalBlobs>> open(LocalPartition& rows, Plan plan);

  Result<std::unique_ptr<BlobWriter>> create(uint64_t size) override;
  Result<void> read(const BlobId& blob, uint64_t offset, char* out, size_t size) const override;
  uint64_t inline_limit() const override { return plan_.limits.inline_limit; }

  // Frees what is due, and bodies that no step took in time, and copies at most limits.move_bytes out of segments that
  // are mostly dead; returns how many blobs were due. Not on the committer thread.
  Result<size_t> reclaim();
  // Opens every slab of every body in segments; fn is told of each blob (its sealed bytes, and what is wrong with it).
  // Errors: what stops the walk.
  // `read` is told of each run of bytes before it is read, and may wait.
  using CheckedFn = std::function<void(const BlobId& blob, uint64_t bytes, const Result<void>& found)>;
  Result<void> verify_bodies(const std::function<Result<void>(uint64_t)>& read, const CheckedFn& fn) const;
  const Segments& segments() const { return *segments_; }
  // Copied out since the start.
  uint64_t moved_bodies() const { return moved_bodies_; }
  uint64_t moved_bytes() const { return moved_bytes_; }

 private:
  class InlineWriter;
  class SegmentWriter;
  struct Loose {  // finished, not known to be attached
    Extent extent;
    MonoTime finished;
  };

  struct Move {
    BlobId blob;
    SegmentPlace from, to;
  };

  LocalBlobs(LocalPartition& rows, Plan plan) : rows_(rows), plan_(std::move(plan)) {}
  Result<std::vector<std::pair<BlobId, uint64_t>>> some_bodies(const Bytes& after) const;
  Result<void> read_row(const BlobId& blob, BytesView row, uint64_t offset, char* out, size_t size) const;
  Result<void> read_sealed(const BlobId& blob, const SegmentPlace& at, uint64_t offset, char* out, size_t size) const;
  void finished(const BlobId& blob, const Extent& extent);
  void forget(const BlobId& blob);
  void give_back(const Extent& extent);
  Result<void> free_loose();
  // move_bodies.cc, under reclaiming_
  Result<void> move_some();
  Result<void> choose_segment();
  Result<std::vector<Move>> copy_batch(uint64_t bytes);
  Result<void> copy_body(Move& move);
  Result<void> commit_moves(std::vector<Move> batch);
  Result<void> settle_moves();

  LocalPartition& rows_;
  const Plan plan_;
  std::unique_ptr<Segments> segments_;
  std::mutex reclaiming_;
  uint64_t moving_ = 0;           // the segment that is emptied, and
  std::vector<BlobId> to_move_;   // what is still in it
  std::vector<Move> open_moves_;  // both copies stay until the rows can be asked
  std::set<uint64_t> unmovable_;  // looked at, and left alone until the next start
  std::atomic<uint64_t> moved_bodies_{0}, moved_bytes_{0};
  std::mutex m_;
  std::map<BlobId, Loose> loose_;
};

}  // namespace dl::storage

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/partition.h"

namespace dl::storage {

// A run of plain bytes inside one blob. A body is a list of these, in order.
struct BlobPiece {
  BlobId blob;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const BlobPiece&) const = default;
};

// What a finished writer hands to the step that makes its bytes belong to somebody. Bytes of small bodies are inside.
struct WrittenBlob {
  BlobId blob;
  uint64_t length = 0;
  Bytes row;  // value of the 0B row
};
struct WrittenBody {
  std::vector<WrittenBlob> blobs;
  uint64_t length = 0;
  std::vector<BlobPiece> pieces() const;
};

// Write once. Owned by one request; one thread at a time; every call may block on the disk. Destroyed before finish():
// its bytes belong to nobody and are freed.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // Encrypts and appends. Errors: kTooLarge past the announced size, kNoSpace, kIo.
  virtual Result<void> append(BytesView data) = 0;
  // Everything appended is on stable storage afterwards. Errors: kInvalid when fewer bytes came than announced.
  virtual Result<WrittenBody> finish() = 0;
};

// Immutable byte runs of one partition; rows 0B, 0C and 0D of that partition are its own. Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // `size` must be known. Bodies up to inline_limit() go into the row, larger ones into segment files, in blobs of at
  // most kMaxBlobBytes. Errors: kNoSpace below the reserve.
  virtual Result<std::unique_ptr<BlobWriter>> create(uint64_t size) = 0;
  // Plain bytes [offset, offset + size) of a blob into out. Errors: kCorrupt (with blob and place), kNotFound, kIo.
  virtual Result<void> read(const BlobId& blob, uint64_t offset, char* out, size_t size) const = 0;
  virtual uint64_t inline_limit() const = 0;

  // Row work, inside a step. An owner is any byte string: a record hash, an upload part. A blob lives while it has
  // owners.
  void attach(Batch& batch, const WrittenBody& body, BytesView owner) const;    // first owner of fresh blobs
  Result<void> share(Batch& batch, const BlobId& blob, BytesView owner) const;  // kNotFound when the blob is gone
  // Drops the owner; when it was the last, the blob is freed at `due` (a wall time of this node; Batch's row 0D) unless
  // shared again before.
  Result<void> release(Batch& batch, const BlobId& blob, BytesView owner, WallTime due) const;
};

// The body as a whole: reads [offset, offset + size) across pieces.
Result<void> read_pieces(const BlobStore& store, const std::vector<BlobPiece>& pieces, uint64_t offset, char* out,
                         size_t size);
// The sub-list of pieces that makes up [offset, offset + length).
std::vector<BlobPiece> slice_pieces(const std::vector<BlobPiece>& pieces, uint64_t offset, uint64_t length);

}  // namespace dl::storage

#pragma once

// Inside the room: how a body comes in.
#include <optional>

#include "base/task_fwd.h"
#include "crypto/hash.h"
#include "objects/checksum.h"
#include "objects/objects.h"

namespace dl::objects {

// A body that is on stable storage (or, when small, in `body` itself) and belongs to nobody yet.
struct Received {
  std::optional<storage::WrittenBody> body;  // nullopt: no bytes
  uint64_t size = 0;
  Bytes md5;
  Sha256 sha256;
  std::optional<format::Checksum> checksum;
};

// Hashes and stores a body piece by piece. Blocking; one thread at a time.
class Intake {
 public:
  Intake(storage::BlobStore* blobs, uint64_t size, std::optional<format::ChecksumKind> checksum);
  // Makes place for the body; append() does it where this was not called. Errors: kNoSpace.
  Result<void> open();
  Result<void> append(BytesView data);
  // Errors: kInvalid (kIncompleteBody) when fewer bytes came than announced.
  Result<Received> finish();

 private:
  storage::BlobStore* blobs_;
  uint64_t size_, taken_ = 0;
  std::unique_ptr<storage::BlobWriter> writer_;
  crypto::Hasher md5_{crypto::Digest::kMd5};
  crypto::Sha256Hasher sha256_;
  std::optional<ChecksumTaker> checksum_;
};

// Pulls `size` bytes from `source` through an Intake, with limits::kTransferBytes of memory, and compares what the
// writer expected. Errors: kInvalid (kIncompleteBody, kBadDigest, kContentSha256Mismatch, kChecksumMismatch), the
// source's.
Task<Received> receive(const Deps* deps, storage::BlobStore* blobs, uint64_t size,
                       std::optional<format::ChecksumKind> checksum, BodySource* source);
// The same from a body that is stored here. Blocking.
Result<Received> receive_stored(const storage::BlobStore& from, const std::vector<storage::BlobPiece>& pieces,
                                uint64_t offset, uint64_t length, std::optional<format::ChecksumKind> checksum,
                                storage::BlobStore* to);
// Takes the hashes of a stored body; stores nothing. Blocking.
Result<Received> hash_stored(const storage::BlobStore& from, const std::vector<storage::BlobPiece>& pieces,
                             uint64_t offset, uint64_t length, std::optional<format::ChecksumKind> checksum);

}  // namespace dl::objects

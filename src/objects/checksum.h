#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "format/record.h"

namespace dl::objects {

// Takes one of S3's checksums over a body. One thread at a time.
class ChecksumTaker {
 public:
  explicit ChecksumTaker(format::ChecksumKind kind);
  void update(BytesView data);
  format::Checksum finish();

 private:
  format::ChecksumKind kind_;
  uint64_t crc_ = 0;
  std::optional<crypto::Hasher> hasher_;
};

// Raw bytes of a checksum of that kind.
size_t checksum_size(format::ChecksumKind kind);
// CRC32, CRC32C and CRC64NVME can be told of a whole from its parts; SHA-1 and SHA-256 cannot.
bool combines(format::ChecksumKind kind);

struct PartChecksum {
  format::Checksum checksum;
  uint64_t size = 0;
};
// FULL_OBJECT of the concatenated parts. Precondition: combines(kind), all of that kind.
format::Checksum combine(format::ChecksumKind kind, const std::vector<PartChecksum>& parts);
// COMPOSITE: the checksum of the parts' raw checksums, with their number.
format::Checksum compose(format::ChecksumKind kind, const std::vector<PartChecksum>& parts);

}  // namespace dl::objects

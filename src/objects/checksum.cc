#include "objects/checksum.h"

#include "base/assert.h"

namespace dl::objects {
namespace {

using format::ChecksumKind;

crypto::Crc crc_of(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::kCrc32:
      return crypto::Crc::kCrc32;
    case ChecksumKind::kCrc32c:
      return crypto::Crc::kCrc32c;
    case ChecksumKind::kCrc64Nvme:
      return crypto::Crc::kCrc64Nvme;
    default:
      break;
  }
  DL_ASSERT(false, "no CRC");
  __builtin_unreachable();
}

uint64_t crc_value(BytesView raw) { return raw.size() == 8 ? get_be64(raw) : get_be32(raw); }

}  // namespace

ChecksumTaker::ChecksumTaker(ChecksumKind kind) : kind_(kind) {
  if (kind == ChecksumKind::kSha1) hasher_.emplace(crypto::Digest::kSha1);
  if (kind == ChecksumKind::kSha256) hasher_.emplace(crypto::Digest::kSha256);
}

void ChecksumTaker::update(BytesView data) {
  if (hasher_) {
    hasher_->update(data);
  } else {
    crc_ = crypto::crc_update(crc_of(kind_), crc_, data);
  }
}

format::Checksum ChecksumTaker::finish() {
  return {kind_, hasher_ ? hasher_->finish() : crypto::crc_bytes(crc_of(kind_), crc_)};
}

size_t checksum_size(ChecksumKind kind) {
  if (kind == ChecksumKind::kSha1) return crypto::digest_size(crypto::Digest::kSha1);
  if (kind == ChecksumKind::kSha256) return crypto::digest_size(crypto::Digest::kSha256);
  return crypto::crc_size(crc_of(kind));
}

bool combines(ChecksumKind kind) { return kind != ChecksumKind::kSha1 && kind != ChecksumKind::kSha256; }

format::Checksum combine(ChecksumKind kind, const std::vector<PartChecksum>& parts) {
  uint64_t crc = 0;
  for (const auto& part : parts)
    crc = crypto::crc_combine(crc_of(kind), crc, crc_value(part.checksum.value), part.size);
  return {kind, crypto::crc_bytes(crc_of(kind), crc)};
}

format::Checksum compose(ChecksumKind kind, const std::vector<PartChecksum>& parts) {
  ChecksumTaker taker(kind);
  for (const auto& part : parts) taker.update(part.checksum.value);
  format::Checksum out = taker.finish();
  out.composite = true;
  out.parts = static_cast<uint32_t>(parts.size());
  return out;
}

}  // namespace dl::objects

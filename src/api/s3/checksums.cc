#include "api/s3/checksums.h"

#include "api/s3/text.h"
#include "base/hex.h"
#include "objects/checksum.h"

namespace dl::api::s3 {
namespace {

using format::ChecksumKind;

constexpr ChecksumName kNames[] = {
    {ChecksumKind::kCrc32, "x-amz-checksum-crc32", "CRC32", "ChecksumCRC32"},
    {ChecksumKind::kCrc32c, "x-amz-checksum-crc32c", "CRC32C", "ChecksumCRC32C"},
    {ChecksumKind::kCrc64Nvme, "x-amz-checksum-crc64nvme", "CRC64NVME", "ChecksumCRC64NVME"},
    {ChecksumKind::kSha1, "x-amz-checksum-sha1", "SHA1", "ChecksumSHA1"},
    {ChecksumKind::kSha256, "x-amz-checksum-sha256", "SHA256", "ChecksumSHA256"},
};

}  // namespace

std::span<const ChecksumName> checksum_kinds() { return kNames; }

const ChecksumName& name_of(ChecksumKind kind) { return kNames[static_cast<size_t>(kind) - 1]; }

const ChecksumName* find_checksum_header(std::string_view name) {
  for (const auto& row : kNames)
    if (row.header == lower(name)) return &row;
  return nullptr;
}

const ChecksumName* find_checksum_algorithm(std::string_view name) {
  for (const auto& row : kNames)
    if (lower(row.algorithm) == lower(name)) return &row;
  return nullptr;
}

Result<format::Checksum> parse_checksum(ChecksumKind kind, std::string_view text) {
  const auto wrong = [kind] {
    return error(Code::kInvalid, "Value for " + std::string(name_of(kind).header) + " is invalid.");
  };
  format::Checksum out{kind, {}};
  if (size_t dash = text.find('-'); dash != std::string_view::npos) {
    auto parts = parse_number(text.substr(dash + 1));
    if (!parts || *parts == 0 || *parts > 10'000) return wrong();
    out.composite = true;
    out.parts = static_cast<uint32_t>(*parts);
    text = text.substr(0, dash);
  }
  auto raw = from_base64(text);
  if (!raw.ok() || raw->size() != objects::checksum_size(kind)) return wrong();
  out.value = std::move(*raw);
  return out;
}

std::string checksum_text(const format::Checksum& checksum) {
  std::string out = to_base64(checksum.value);
  if (checksum.composite) out += "-" + std::to_string(checksum.parts);
  return out;
}

std::string_view checksum_type(bool composite) { return composite ? "COMPOSITE" : "FULL_OBJECT"; }

}  // namespace dl::api::s3

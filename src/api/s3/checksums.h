#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format/record.h"

// S3's names of checksums.
namespace dl::api::s3 {

struct ChecksumName {
  format::ChecksumKind kind;
  std::string_view header;     // "x-amz-checksum-crc32"
  std::string_view algorithm;  // "CRC32"
  std::string_view element;    // "ChecksumCRC32"
};
std::span<const ChecksumName> checksum_kinds();
const ChecksumName& name_of(format::ChecksumKind kind);
// By header or trailer name, by algorithm; without case. nullptr when unknown.
const ChecksumName* find_checksum_header(std::string_view name);
const ChecksumName* find_checksum_algorithm(std::string_view name);

// Base64 of the right length, with "-N" behind it for a composite. Errors: kInvalid.
Result<format::Checksum> parse_checksum(format::ChecksumKind kind, std::string_view text);
std::string checksum_text(const format::Checksum& checksum);
std::string_view checksum_type(bool composite);  // "COMPOSITE", "FULL_OBJECT"

}  // namespace dl::api::s3

#include "storage/local/wal_check.h"

#include <algorithm>

#include "crypto/hash.h"
#include "storage/local/cipher_file.h"

namespace dl::storage {
namespace {

// A log is blocks of 32 KiB; in each, records of a header (masked CRC32C of type and data, length, type; little-endian)
// and data. What is left of a block that holds no header is zeros.
constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;
constexpr uint32_t kMaskDelta = 0xa282ead8;

uint32_t le32(BytesView b) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; i++) v |= static_cast<uint32_t>(static_cast<uint8_t>(b[i])) << (8 * i);
  return v;
}

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + kMaskDelta; }

// The place within the block where a record is damaged. `end`: where zeros stand for the next record, as behind the
// last.
std::optional<size_t> find_damage(BytesView block, bool last, std::optional<size_t>& end) {
  for (size_t at = 0; at + kHeaderBytes <= block.size();) {
    BytesView header = block.substr(at, kHeaderBytes);
    size_t length = static_cast<uint8_t>(header[4]) | static_cast<size_t>(static_cast<uint8_t>(header[5])) << 8;
    if (header.find_first_not_of('\0') == BytesView::npos) {
      end = at;
      return std::nullopt;
    }
    if (at + kHeaderBytes + length > block.size()) {
      if (last && block.size() < kBlockBytes) return std::nullopt;
      return at;
    }
    if (le32(header) != masked(crypto::crc32c(block.substr(at + 6, 1 + length)))) return at;
    at += kHeaderBytes + length;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> find_log_damage(FileSystem& fs, const std::string& path, BytesView key) {
  auto opened = CipherReadFile::open(fs, path, key);
  if (!opened.ok() && opened.error().code == Code::kCorrupt) return std::optional<std::string>("has a damaged header");
  DL_TRY(auto file, std::move(opened));
  DL_TRY(uint64_t size, file->size());
  Bytes block(kBlockBytes, '\0');
  std::optional<uint64_t> zeros_from;
  for (uint64_t from = 0; from < size; from += kBlockBytes) {
    DL_TRY(size_t n, file->read_at(from, block.data(), block.size()));
    const BytesView whole = BytesView(block).substr(0, n);
    std::optional<size_t> at, end;
    if (!zeros_from) at = find_damage(whole, from + n >= size, end);
    if (end) zeros_from = from + *end;
    const size_t behind = end.value_or(0);
    if (zeros_from && whole.find_first_not_of('\0', behind) != BytesView::npos)
      return std::optional("zeros stand where a record should, at byte " +
                           std::to_string(kCipherHeaderBytes + *zeros_from) + ", and records behind them");
    if (at) return std::optional("a record is damaged at byte " + std::to_string(kCipherHeaderBytes + from + *at));
  }
  return std::optional<std::string>();
}

}  // namespace dl::storage

#include "storage/local/cipher_file.h"

#include <algorithm>

#include "crypto/hash.h"

namespace dl::storage {
namespace {

constexpr BytesView kMagic = "DMLNKV01";
constexpr size_t kChecked = 8 + crypto::kCtrNonceBytes;

bool all_zero(BytesView bytes) { return bytes.find_first_not_of('\0') == BytesView::npos; }

// Whether anything but zeros stands in the file from `offset` on.
Result<bool> holds_bytes(const ReadFile& file, uint64_t offset) {
  Bytes chunk(64 * 1024, '\0');
  for (;;) {
    DL_TRY(size_t n, file.read_at(offset, chunk.data(), chunk.size()));
    if (!all_zero(BytesView(chunk).substr(0, n))) return true;
    if (n < chunk.size()) return false;
    offset += n;
  }
}

}  // namespace

Bytes make_cipher_header(BytesView nonce) {
  Bytes header(kMagic);
  header += nonce;
  put_be32(header, crypto::crc32c(header));
  header.resize(kCipherHeaderBytes, '\0');
  return header;
}

std::optional<Bytes> read_cipher_header(BytesView header) {
  if (header.size() < kCipherHeaderBytes || !header.starts_with(kMagic)) return std::nullopt;
  if (get_be32(header.substr(kChecked)) != crypto::crc32c(header.substr(0, kChecked))) return std::nullopt;
  if (!all_zero(header.substr(kChecked + 4, kCipherHeaderBytes - kChecked - 4))) return std::nullopt;
  return Bytes(header.substr(kMagic.size(), crypto::kCtrNonceBytes));
}

Result<std::unique_ptr<CipherReadFile>> CipherReadFile::open(FileSystem& fs, const std::string& path, BytesView key) {
  DL_TRY(auto file, fs.open_read(path));
  Bytes header(kCipherHeaderBytes, '\0');
  DL_TRY(size_t n, file->read_at(0, header.data(), header.size()));
  header.resize(n);
  std::optional<crypto::Ctr> cipher;
  if (auto nonce = read_cipher_header(header)) {
    cipher.emplace(key, *nonce);
  } else {
    DL_TRY(bool damaged, holds_bytes(*file, kCipherHeaderBytes));
    if (damaged) return error(Code::kCorrupt, path + " has a damaged header");
  }
  return std::unique_ptr<CipherReadFile>(new CipherReadFile(std::move(file), std::move(cipher)));
}

Result<uint64_t> CipherReadFile::size() const {
  if (!cipher_) return uint64_t{0};
  DL_TRY(uint64_t raw, file_->size());
  return std::min(raw - std::min<uint64_t>(raw, kCipherHeaderBytes), limit_);
}

Result<size_t> CipherReadFile::read_at(uint64_t offset, char* out, size_t size) const {
  if (!cipher_ || offset >= limit_) return size_t{0};
  size = static_cast<size_t>(std::min<uint64_t>(size, limit_ - offset));
  DL_TRY(size_t n, file_->read_at(kCipherHeaderBytes + offset, out, size));
  cipher_->apply(offset, out, out, n);
  return n;
}

CipherWriteFile::CipherWriteFile(std::unique_ptr<WriteFile> file, BytesView key, BytesView nonce)
    : file_(std::move(file)), nonce_(nonce), cipher_(key, nonce) {}

Result<std::unique_ptr<CipherWriteFile>> CipherWriteFile::create(FileSystem& fs, const std::string& path, BytesView key,
                                                                 Random& random) {
  DL_TRY(auto file, fs.open_write(path, OpenMode::kCreateOrTruncate, 0600));
  return std::unique_ptr<CipherWriteFile>(
      new CipherWriteFile(std::move(file), key, random.bytes(crypto::kCtrNonceBytes)));
}

Result<void> CipherWriteFile::append(BytesView plain) {
  last_.clear();
  if (!headed_) {
    last_ = make_cipher_header(nonce_);
    DL_OK(file_->append(last_));
    DL_OK(file_->sync());
    headed_ = true;
  }
  size_t at = last_.size();
  last_.resize(at + plain.size());
  cipher_.apply(size_, plain.data(), last_.data() + at, plain.size());
  DL_OK(file_->append(BytesView(last_).substr(at)));
  size_ += plain.size();
  return {};
}

Result<Bytes> read_cipher_file(FileSystem& fs, const std::string& path, BytesView key, uint64_t max_bytes) {
  DL_TRY(auto file, CipherReadFile::open(fs, path, key));
  DL_TRY(uint64_t size, file->size());
  if (size > max_bytes) return error(Code::kCorrupt, path + " is longer than it can be");
  Bytes out(size, '\0');
  DL_TRY(size_t n, file->read_at(0, out.data(), out.size()));
  out.resize(n);
  return out;
}

}  // namespace dl::storage

#pragma once

#include <memory>
#include <optional>

#include "base/random.h"
#include "crypto/cipher.h"
#include "storage/file_system.h"

// Files of the key-value engine: a header of kCipherHeaderBytes (magic, nonce, CRC32C), then AES-256-CTR under the
// partition's key. The header is durable before the first byte behind it, so a file without a whole header never held
// data: it reads as empty (that is what a power cut leaves), unless something stands behind it: then it is damaged.
namespace dl::storage {

inline constexpr size_t kCipherHeaderBytes = 64;

Bytes make_cipher_header(BytesView nonce);
// The nonce of a whole header, or nothing.
std::optional<Bytes> read_cipher_header(BytesView header);

// Offsets and sizes are of the plain bytes. Thread-safe.
class CipherReadFile {
 public:
  // Errors: kCorrupt (bytes behind a damaged header), the file system's.
  static Result<std::unique_ptr<CipherReadFile>> open(FileSystem& fs, const std::string& path, BytesView key);
  Result<size_t> read_at(uint64_t offset, char* out, size_t size) const;
  Result<uint64_t> size() const;
  // Nothing past this place is read any more: how an opening tries a file as it was when it was shorter.
  void limit(uint64_t plain_bytes) { limit_ = plain_bytes; }

 private:
  CipherReadFile(std::unique_ptr<ReadFile> file, std::optional<crypto::Ctr> cipher)
      : file_(std::move(file)), cipher_(std::move(cipher)) {}
  std::unique_ptr<ReadFile> file_;
  std::optional<crypto::Ctr> cipher_;  // none: the file is empty
  uint64_t limit_ = UINT64_MAX;
};

// Appends only. One thread at a time.
class CipherWriteFile {
 public:
  static Result<std::unique_ptr<CipherWriteFile>> create(FileSystem& fs, const std::string& path, BytesView key,
                                                         Random& random);
  // Errors of the first call may come from the sync of the header.
  Result<void> append(BytesView plain);
  Result<void> sync() { return file_->sync(); }
  uint64_t size() const { return size_; }
  // The last bytes that append() wrote, as they lie in the file, header included.
  BytesView last_written() const { return last_; }

 private:
  CipherWriteFile(std::unique_ptr<WriteFile> file, BytesView key, BytesView nonce);
  std::unique_ptr<WriteFile> file_;
  Bytes nonce_;
  crypto::Ctr cipher_;
  uint64_t size_ = 0;
  bool headed_ = false;
  Bytes last_;
};

// The whole plain content of a small file.
Result<Bytes> read_cipher_file(FileSystem& fs, const std::string& path, BytesView key, uint64_t max_bytes);

}  // namespace dl::storage

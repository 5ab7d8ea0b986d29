#include "objects/intake.h"

#include <algorithm>

#include "base/hex.h"
#include "base/task.h"
#include "objects/engine.h"
#include "objects/run.h"

namespace dl::objects {
namespace {

Result<void> check_expected(const Expected& expected, const Received& got) {
  if (expected.sha256 && *expected.sha256 != got.sha256.view())
    return refuse(
        Code::kInvalid, Reason::kContentSha256Mismatch,
        "the body's SHA-256 is " + got.sha256.hex() + ", x-amz-content-sha256 says " + to_hex(*expected.sha256));
  if (expected.md5 && *expected.md5 != got.md5)
    return refuse(Code::kInvalid, Reason::kBadDigest, "the body's MD5 is not what Content-MD5 says");
  if (!expected.checksum) return {};
  if (!got.checksum || got.checksum->kind != expected.checksum->kind)
    return error(Code::kInternal, "a checksum was expected that was not taken");
  if (got.checksum->value != expected.checksum->value)
    return refuse(Code::kInvalid, Reason::kChecksumMismatch, "the body's checksum is not what the request says");
  return {};
}

Error incomplete(uint64_t got, uint64_t want) {
  return refuse(Code::kInvalid, Reason::kIncompleteBody,
                "the body has " + std::to_string(got) + " bytes, " + std::to_string(want) + " were announced");
}

// Reads until `size` bytes are in `out` or the body ends.
Task<size_t> read_full(BodySource* source, char* out, size_t size) {
  size_t got = 0;
  while (got < size) {
    DL_CO_TRY(size_t n, co_await source->read(out + got, size - got));
    if (n == 0) break;
    got += n;
  }
  co_return got;
}

// Reads the end of the body, which also takes in trailers.
Task<void> read_end(BodySource* source, uint64_t size) {
  char extra;
  DL_CO_TRY(size_t n, co_await source->read(&extra, 1));
  if (n != 0) co_return incomplete(size + n, size);
  co_return Result<void>();
}

template <class Fn>
Result<void> each_chunk(const storage::BlobStore& from, const std::vector<storage::BlobPiece>& pieces, uint64_t offset,
                        uint64_t length, Fn fn) {
  Bytes buffer(std::min<uint64_t>(length, limits::kTransferBytes), '\0');
  while (length > 0) {
    const size_t n = std::min<uint64_t>(length, buffer.size());
    DL_OK(storage::read_pieces(from, pieces, offset, buffer.data(), n));
    DL_OK(fn(BytesView(buffer.data(), n)));
    offset += n;
    length -= n;
  }
  return {};
}

}  // namespace

Intake::Intake(storage::BlobStore* blobs, uint64_t size, std::optional<format::ChecksumKind> checksum)
    : blobs_(blobs), size_(size) {
  if (checksum) checksum_.emplace(*checksum);
}

Result<void> Intake::open() {
  if (!blobs_ || writer_ || size_ == 0) return {};
  DL_TRY(writer_, blobs_->create(size_));
  return {};
}

Result<void> Intake::append(BytesView data) {
  if (data.empty()) return {};
  if (data.size() > size_ - taken_) return incomplete(taken_ + data.size(), size_);
  DL_OK(open());
  md5_.update(data);
  sha256_.update(data);
  if (checksum_) checksum_->update(data);
  taken_ += data.size();
  if (writer_) DL_OK(writer_->append(data));
  return {};
}

Result<Received> Intake::finish() {
  if (taken_ != size_) return incomplete(taken_, size_);
  Received out;
  out.size = size_;
  if (writer_) {
    DL_TRY(out.body, writer_->finish());
  }
  out.md5 = md5_.finish();
  out.sha256 = sha256_.finish();
  if (checksum_) out.checksum = checksum_->finish();
  return out;
}

Task<Received> receive(const Deps* deps, storage::BlobStore* blobs, uint64_t size,
                       std::optional<format::ChecksumKind> checksum, BodySource* source) {
  // Shared with the pool, whose job may outlive a cancelled request.
  auto intake = std::make_shared<Intake>(blobs, size, checksum);
  auto buffer = std::make_shared<Bytes>(std::min<uint64_t>(size, limits::kTransferBytes), '\0');
  const bool on_loop = size <= limits::kOnLoopBytes;
  uint64_t left = size;
  // What does not fit is refused before the client sends it: it may wait for "100 Continue".
  if (!on_loop) DL_CO_OK(co_await net::run_blocking(*deps->runtime, [intake] { return intake->open(); }));
  while (left > 0) {
    const size_t want = std::min<uint64_t>(left, buffer->size());
    DL_CO_TRY(size_t got, co_await read_full(source, buffer->data(), want));
    if (got < want) co_return incomplete(size - left + got, size);
    left -= got;
    if (on_loop) {
      DL_CO_OK(intake->append(BytesView(buffer->data(), got)));
    } else {
      DL_CO_OK(co_await net::run_blocking(
          *deps->runtime, [intake, buffer, got] { return intake->append(BytesView(buffer->data(), got)); }));
    }
  }
  DL_CO_OK(co_await read_end(source, size));
  if (on_loop) {
    DL_CO_TRY(Received small, intake->finish());
    DL_CO_TRY(Expected expected, source->expected());
    DL_CO_OK(check_expected(expected, small));
    co_return std::move(small);
  }
  DL_CO_TRY(Received large, co_await on_pool<Received>(deps, [intake] { return intake->finish(); }));
  DL_CO_TRY(Expected expected, source->expected());
  DL_CO_OK(check_expected(expected, large));
  co_return std::move(large);
}

Result<Received> receive_stored(const storage::BlobStore& from, const std::vector<storage::BlobPiece>& pieces,
                                uint64_t offset, uint64_t length, std::optional<format::ChecksumKind> checksum,
                                storage::BlobStore* to) {
  Intake intake(to, length, checksum);
  DL_OK(each_chunk(from, pieces, offset, length, [&](BytesView chunk) { return intake.append(chunk); }));
  return intake.finish();
}

Result<Received> hash_stored(const storage::BlobStore& from, const std::vector<storage::BlobPiece>& pieces,
                             uint64_t offset, uint64_t length, std::optional<format::ChecksumKind> checksum) {
  return receive_stored(from, pieces, offset, length, checksum, nullptr);
}

}  // namespace dl::objects

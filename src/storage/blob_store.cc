#include "storage/blob_store.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/blob_rows.h"

namespace dl::storage {
namespace {

// The first key after all that begin with 0C blob.
Bytes end_of_owners(const BlobId& blob) {
  Bytes end = owner_key(blob, {});
  while (end.back() == '\xff') end.pop_back();
  end.back()++;
  return end;
}

// Whether any owner row is left. The row with the empty owner is the due mark, not an owner.
Result<bool> has_owner(const View& view, const BlobId& blob) {
  bool found = false;
  Bytes from = owner_key(blob, BytesView("\0", 1));
  DL_OK(view.scan(from, end_of_owners(blob), [&](BytesView, BytesView) -> Result<Scan> {
    found = true;
    return Scan::kStop;
  }));
  return found;
}

}  // namespace

std::vector<BlobPiece> WrittenBody::pieces() const {
  std::vector<BlobPiece> out;
  for (const auto& blob : blobs) out.push_back({blob.blob, 0, blob.length});
  return out;
}

void BlobStore::attach(Batch& batch, const WrittenBody& body, BytesView owner) const {
  DL_REQUIRE(!owner.empty(), "a blob's owner needs a name");
  for (const auto& blob : body.blobs) {
    batch.put(blob_key(blob.blob), blob.row);
    batch.put(owner_key(blob.blob, owner), {});
  }
}

Result<void> BlobStore::share(Batch& batch, const BlobId& blob, BytesView owner) const {
  DL_REQUIRE(!owner.empty(), "a blob's owner needs a name");
  DL_TRY(auto row, batch.get(blob_key(blob)));
  if (!row) return error(Code::kNotFound, "blob " + blob.hex() + " is gone");
  DL_TRY(auto since, batch.get(owner_key(blob, {})));
  if (since) {
    batch.erase(due_key(WallTime(Millis(get_be64(*since))), blob));
    batch.erase(owner_key(blob, {}));
  }
  batch.put(owner_key(blob, owner), {});
  return {};
}

Result<void> BlobStore::release(Batch& batch, const BlobId& blob, BytesView owner, WallTime due) const {
  DL_REQUIRE(!owner.empty(), "a blob's owner needs a name");
  DL_TRY(auto owned, batch.get(owner_key(blob, owner)));
  if (!owned) return {};
  batch.erase(owner_key(blob, owner));
  DL_TRY(bool shared, has_owner(batch, blob));
  if (shared) return {};
  Bytes since;
  put_be64(since, static_cast<uint64_t>(due.time_since_epoch().count()));
  batch.put(owner_key(blob, {}), since);
  batch.put(due_key(due, blob), {});
  return {};
}

Result<void> read_pieces(const BlobStore& store, const std::vector<BlobPiece>& pieces, uint64_t offset, char* out,
                         size_t size) {
  for (const auto& piece : pieces) {
    if (size == 0) return {};
    if (offset >= piece.length) {
      offset -= piece.length;
      continue;
    }
    size_t n = static_cast<size_t>(std::min<uint64_t>(size, piece.length - offset));
    DL_OK(store.read(piece.blob, piece.offset + offset, out, n));
    out += n;
    size -= n;
    offset = 0;
  }
  if (size > 0) return error(Code::kInvalid, "a read of " + std::to_string(size) + " bytes past the end of a body");
  return {};
}

std::vector<BlobPiece> slice_pieces(const std::vector<BlobPiece>& pieces, uint64_t offset, uint64_t length) {
  std::vector<BlobPiece> out;
  for (const auto& piece : pieces) {
    if (length == 0) break;
    if (offset >= piece.length) {
      offset -= piece.length;
      continue;
    }
    uint64_t n = std::min(length, piece.length - offset);
    out.push_back({piece.blob, piece.offset + offset, n});
    length -= n;
    offset = 0;
  }
  return out;
}

}  // namespace dl::storage

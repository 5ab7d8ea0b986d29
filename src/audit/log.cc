#include "audit/log.h"

#include "crypto/hash.h"

namespace dl::audit {
namespace {

constexpr char kTag = '\x0e';

Bytes count_key() { return Bytes(1, kTag); }

Bytes row_key(uint64_t index) {
  Bytes key(1, kTag);
  put_be64(key, index);
  return key;
}

Error damaged(const std::string& what) {
  return error(Code::kCorrupt, "the audit log is damaged: " + what, "compare it with an export or a backup");
}

}  // namespace

Sha256 leaf_hash(BytesView record) { return crypto::sha256({BytesView("\0", 1), record}); }

Result<uint64_t> count(const storage::View& view) {
  DL_TRY(auto row, view.get(count_key()));
  if (!row) return uint64_t{0};
  if (row->size() != 8) return damaged("the row of its count has " + std::to_string(row->size()) + " bytes");
  return get_be64(*row);
}

Result<uint64_t> append(storage::Batch& batch, BytesView record) {
  if (record.size() > format::kMaxAuditBytes) return error(Code::kTooLarge, "the audit record is over 16 KiB");
  DL_TRY(uint64_t index, count(batch));
  batch.put(row_key(index), record);
  Bytes next;
  put_be64(next, index + 1);
  batch.put(count_key(), next);
  return index;
}

Result<void> scan(const storage::View& view, uint64_t from, const RecordFn& fn) {
  DL_TRY(uint64_t end, count(view));
  uint64_t expected = from;
  bool stopped = false;
  auto each = [&](BytesView key, BytesView value) -> Result<storage::Scan> {
    if (key.size() != 9) return damaged("a row with a key of " + std::to_string(key.size()) + " bytes");
    uint64_t index = get_be64(key.substr(1));
    if (index != expected) return damaged("record " + std::to_string(expected) + " is missing");
    expected++;
    auto record = format::decode_audit(value);
    if (!record.ok()) return std::move(record).error().within("audit record " + std::to_string(index));
    DL_TRY(storage::Scan go, fn(index, *record));
    stopped = go == storage::Scan::kStop;
    return go;
  };
  DL_OK(view.scan(row_key(from), Bytes(1, kTag + 1), each));
  if (!stopped && from < end && expected != end)
    return damaged("record " + std::to_string(expected) + " is missing of " + std::to_string(end));
  return {};
}

}  // namespace dl::audit

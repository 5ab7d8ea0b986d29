#pragma once

#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "format/audit.h"
#include "storage/partition.h"

// The append-only log of decisions in a partition. Rows: `0E` holds the number of records (8 bytes, big-endian), `0E`
// and an 8-byte index, from 0, one record's bytes as first encoded (format/audit.h). Nothing here changes or removes a
// record.
namespace dl::audit {

// RFC 6962, 2.1: SHA-256(0x00 || record).
Sha256 leaf_hash(BytesView record);

// Inside a step: the record becomes durable with it, or not at all. Returns its index.
// Errors: kTooLarge, kCorrupt (the count's row), the store's.
Result<uint64_t> append(storage::Batch& batch, BytesView record);

Result<uint64_t> count(const storage::View& view);

using RecordFn = std::function<Result<storage::Scan>(uint64_t index, const format::AuditRecord& record)>;
// Records from index `from`, ascending. Errors: kCorrupt when one is missing or no record; fn's.
Result<void> scan(const storage::View& view, uint64_t from, const RecordFn& fn);

}  // namespace dl::audit

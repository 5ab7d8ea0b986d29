#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// What is durable of a large body that is on its way in (proto/arriving.proto): row 15, owned by sync.
namespace dl::format {

struct ArrivingRow {
  struct Chunk {
    BlobId blob;
    uint64_t length = 0;
    bool operator==(const Chunk&) const = default;
  };
  BucketId space;
  uint64_t length = 0;
  std::vector<Chunk> chunks;
  Bytes manifest;
  bool operator==(const ArrivingRow&) const = default;
};

// Who owns the chunks until they are the body of their record.
Bytes arriving_owner(const RecordHash& record);
Bytes encode(const ArrivingRow& row);
Result<ArrivingRow> decode_arriving(BytesView b);  // kCorrupt, kUnsupported

}  // namespace dl::format

#pragma once

#include <functional>

#include "storage/blob_rows.h"
#include "storage/local/segments.h"

namespace dl::storage {

Extent extent_of(const SegmentPlace& at);

// Opens every slab of a body. `read` is told of each run of sealed bytes before it is read, and may wait or end the
// reading. Errors: kCorrupt with blob, segment and byte; kIo; those of `read`.
Result<void> verify_sealed(const Segments& segments, BytesView body_key, const BlobId& blob, const SegmentPlace& at,
                           const std::function<Result<void>(uint64_t bytes)>& read);

}  // namespace dl::storage

#pragma once

#include <optional>

#include "base/result.h"
#include "objects/types.h"

namespace dl::objects {

// Reads, RFC 9110 section 13.2.2: true when the answer is 304. Errors: kPrecondition.
Result<bool> check_read(const Conditions& conditions, const std::string& etag, Hlc last_modified);
// Copy source: every condition that fails is kPrecondition.
Result<void> check_source(const Conditions& conditions, const std::string& etag, Hlc last_modified);
// Writes, on what the key shows now: `current` is nullopt when that is no object. Errors: kPrecondition, or
// kNotFound (kNoSuchKey) for If-Match without an object.
Result<void> check_write(const Conditions& conditions, const std::optional<journal::Version>& current);

// Where a range lies in a body of `size` bytes. Errors: kInvalid (kInvalidRange).
struct Extent {
  uint64_t offset = 0, length = 0;
};
Result<Extent> resolve_range(const ByteRange& range, uint64_t size);
// Of part `part` (from 1). A single body has one part. Errors: kInvalid (kInvalidPartNumber).
Result<Extent> resolve_part(const format::ObjectFields& fields, uint32_t part);
uint32_t part_count(const format::ObjectFields& fields);

}  // namespace dl::objects

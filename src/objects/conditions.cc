#include "objects/conditions.h"

#include <algorithm>

#include "objects/reason.h"

namespace dl::objects {
namespace {

bool matches(const EtagMatch& match, const std::string& etag) {
  return match.any || std::find(match.tags.begin(), match.tags.end(), etag) != match.tags.end();
}

// HTTP dates have whole seconds.
bool modified_since(Hlc stamp, WallTime since) {
  using std::chrono::floor;
  using std::chrono::seconds;
  return floor<seconds>(stamp.wall()) > floor<seconds>(since);
}

Error failed(const char* condition) {
  return refuse(Code::kPrecondition, Reason::kPreconditionFailed,
                std::string("the condition ") + condition + " does not hold", condition);
}

}  // namespace

Result<bool> check_read(const Conditions& c, const std::string& etag, Hlc last_modified) {
  if (c.if_match) {
    if (!matches(*c.if_match, etag)) return failed("If-Match");
  } else if (c.if_unmodified_since && modified_since(last_modified, *c.if_unmodified_since)) {
    return failed("If-Unmodified-Since");
  }
  if (c.if_none_match) return matches(*c.if_none_match, etag);
  return c.if_modified_since && !modified_since(last_modified, *c.if_modified_since);
}

Result<void> check_source(const Conditions& c, const std::string& etag, Hlc last_modified) {
  DL_TRY(bool same, check_read(c, etag, last_modified));
  if (same) return failed(c.if_none_match ? "x-amz-copy-source-If-None-Match" : "x-amz-copy-source-If-Modified-Since");
  return {};
}

Result<void> check_write(const Conditions& c, const std::optional<journal::Version>& current) {
  const bool object = current && current->record.kind == format::RecordKind::kObject && current->record.object;
  if (c.if_match) {
    if (!object) return refuse(Code::kNotFound, Reason::kNoSuchKey, "If-Match names a version, the key has no object");
    if (!matches(*c.if_match, current->record.object->etag)) return failed("If-Match");
  }
  if (c.if_none_match && object && matches(*c.if_none_match, current->record.object->etag))
    return failed("If-None-Match");
  return {};
}

Result<Extent> resolve_range(const ByteRange& range, uint64_t size) {
  const auto unsatisfiable = [] {
    return refuse(Code::kInvalid, Reason::kInvalidRange, "the range lies outside the object");
  };
  if (!range.first) {
    const uint64_t tail = std::min(range.last.value_or(0), size);
    if (tail == 0) return unsatisfiable();
    return Extent{size - tail, tail};
  }
  if (*range.first >= size) return unsatisfiable();
  const uint64_t last = std::min(range.last.value_or(size - 1), size - 1);
  if (last < *range.first) return unsatisfiable();
  return Extent{*range.first, last - *range.first + 1};
}

Result<Extent> resolve_part(const format::ObjectFields& fields, uint32_t part) {
  if (fields.part_runs.empty() && part == 1) return Extent{0, fields.size};
  uint64_t offset = 0;
  uint32_t left = part;
  for (const auto& run : fields.part_runs) {
    if (left <= run.count && left > 0) return Extent{offset + run.size * (left - 1), run.size};
    offset += run.size * run.count;
    left -= run.count;
  }
  return refuse(Code::kInvalid, Reason::kInvalidPartNumber, "the object has no part " + std::to_string(part));
}

uint32_t part_count(const format::ObjectFields& fields) {
  uint32_t count = 0;
  for (const auto& run : fields.part_runs) count += run.count;
  return count;
}

}  // namespace dl::objects

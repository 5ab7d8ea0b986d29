#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/ids.h"
#include "journal/space.h"

// Whether the rows of spaces are what they say and agree with each other. Reads only; repairs nothing.
namespace dl::journal {

struct RowDamage {
  BucketId bucket;
  Bytes key;
  std::optional<VersionId> version;
  std::string what;
};
using RowDamageFn = std::function<void(const RowDamage&)>;

struct RowTotals {
  uint64_t rows = 0;
  uint64_t versions = 0;  // objects and markers
};

// All rows 01 to 15 of all spaces in a partition, but uploads, bodies and the audit log: each can be decoded; each
// record is what its hash says and stands in its journal behind the one that it names; listings, key states, entries
// and journals name what is there; each version's body is there, has its length and is owned. `version` is told of each
// version that can be read. A row that the view cannot read is told where another one names it. Errors: kIo and others
// of the view that are no damage.
using SeenFn = std::function<void(const format::Record& record)>;
Result<RowTotals> check_rows(const storage::View& view, const SeenFn& version, const RowDamageFn& damage);

// Whose body a blob is: the object version that owns it, when it is one.
struct BodyOwner {
  BucketId bucket;
  Bytes key;
  VersionId version;
};
Result<std::optional<BodyOwner>> find_body_owner(const storage::View& view, BytesView owner);

}  // namespace dl::journal

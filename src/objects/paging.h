#pragma once

// Inside the room: prefixes and delimiters, the same for objects, versions and uploads.
#include <optional>

#include "base/bytes.h"

namespace dl::objects {

// The first key after all keys with that prefix; empty: there is none.
Bytes after_prefix(BytesView prefix);
// The common prefix that `key` is rolled up into; nullopt when it stands for itself.
std::optional<Bytes> common_prefix(BytesView key, BytesView prefix, BytesView delimiter);
// Where to start so that every key seen, or the common prefix it is rolled up into, is above `after`. nullopt: nothing
// is.
std::optional<Bytes> listing_start(BytesView prefix, BytesView delimiter, BytesView after);

}  // namespace dl::objects

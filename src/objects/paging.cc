#include "objects/paging.h"

#include <algorithm>

namespace dl::objects {

Bytes after_prefix(BytesView prefix) {
  Bytes out(prefix);
  while (!out.empty() && out.back() == '\xff') out.pop_back();
  if (!out.empty()) ++out.back();
  return out;
}

std::optional<Bytes> common_prefix(BytesView key, BytesView prefix, BytesView delimiter) {
  if (delimiter.empty()) return std::nullopt;
  const size_t at = key.find(delimiter, prefix.size());
  if (at == BytesView::npos) return std::nullopt;
  return Bytes(key.substr(0, at + delimiter.size()));
}

std::optional<Bytes> listing_start(BytesView prefix, BytesView delimiter, BytesView after) {
  if (after.empty() || after < prefix) return Bytes(prefix);
  if (!after.starts_with(prefix)) return std::nullopt;  // above every key of the prefix
  if (auto rolled = common_prefix(after, prefix, delimiter)) {
    Bytes next = after_prefix(*rolled);
    if (next.empty()) return std::nullopt;
    return next;
  }
  Bytes next(after);
  next.push_back('\0');
  return next;
}

}  // namespace dl::objects

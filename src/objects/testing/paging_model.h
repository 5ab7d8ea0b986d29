#pragma once

#include <set>
#include <vector>

#include "objects/paging.h"

// A listing by pages over a set of keys, as Objects::list makes it, and what it has to show in all.
namespace dl::objects::testing {

// All pages, one after another; `after` of each is the last item of the one before.
inline std::vector<Bytes> list_by_pages(const std::set<Bytes>& keys, BytesView prefix, BytesView delimiter,
                                        size_t limit) {
  std::vector<Bytes> shown;
  Bytes after;
  for (bool more = true; more;) {
    more = false;
    size_t count = 0;
    auto from = listing_start(prefix, delimiter, after);
    while (from) {
      auto at = keys.lower_bound(*from);
      from.reset();
      for (; at != keys.end() && BytesView(*at).starts_with(prefix); ++at) {
        if (count == limit) {
          more = true;
          break;
        }
        ++count;
        if (auto rolled = common_prefix(*at, prefix, delimiter)) {
          shown.push_back(after = *rolled);
          if (Bytes next = after_prefix(*rolled); !next.empty()) from = std::move(next);
          break;
        }
        shown.push_back(after = *at);
      }
    }
  }
  return shown;
}

inline std::vector<Bytes> list_at_once(const std::set<Bytes>& keys, BytesView prefix, BytesView delimiter) {
  std::set<Bytes> shown;
  for (const Bytes& key : keys)
    if (BytesView(key).starts_with(prefix)) shown.insert(common_prefix(key, prefix, delimiter).value_or(key));
  return {shown.begin(), shown.end()};
}

}  // namespace dl::objects::testing

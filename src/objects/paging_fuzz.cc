#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "objects/testing/paging_model.h"

// Whatever keys, prefix, delimiter and page size are: pages show each item once, in order, and none is left out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const size_t limit = 1 + data[0] % 4;
  dl::Bytes rest(reinterpret_cast<const char*>(data + 3), size - 3);
  const dl::Bytes prefix = rest.substr(0, data[1] % 3);
  const dl::Bytes delimiter = rest.substr(prefix.size(), data[2] % 3);
  std::set<dl::Bytes> keys;
  for (size_t at = 0; at < rest.size();) {
    const size_t length = 1 + static_cast<unsigned char>(rest[at]) % 5;
    keys.insert(rest.substr(at, length));
    at += length;
  }
  using namespace dl::objects::testing;
  if (list_by_pages(keys, prefix, delimiter, limit) != list_at_once(keys, prefix, delimiter)) std::abort();
  return 0;
}

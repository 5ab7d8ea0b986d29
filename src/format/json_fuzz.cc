#include "format/json.h"

using namespace dl;
using namespace dl::format;

// Any bytes: refused, or a tree that survives a round trip.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto v = parse_json({reinterpret_cast<const char*>(data), size});
  if (!v.ok()) return 0;
  auto text = write_json(*v, JsonStyle::kPretty);
  auto again = parse_json(text, {.bytes = text.size() + 1});
  DL_ASSERT(again.ok() && write_json(*again) == write_json(*v), "JSON does not survive a round trip");
  (void)write_yaml(*v);
  return 0;
}

#include <cstdlib>

#include "format/history.h"
#include "format/record.h"

// Records and history pieces come from other nodes: any bytes. What decodes must encode again to an equal record.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dl::BytesView bytes(reinterpret_cast<const char*>(data), size);
  if (auto record = dl::format::decode_record(bytes); record.ok()) {
    auto again = dl::format::encode_record(*record);
    if (again.ok() && !(dl::format::decode_record(*again).value() == *record)) std::abort();
  }
  if (auto piece = dl::format::decode_history(bytes); piece.ok())
    if (!(dl::format::decode_history(dl::format::encode_history(*piece)).value() == *piece)) std::abort();
  (void)dl::format::decode_seal(bytes).ok();
  (void)dl::format::decode_manifest(bytes).ok();
  return 0;
}

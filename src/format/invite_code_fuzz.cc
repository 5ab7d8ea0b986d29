#include <cstdint>
#include <cstdlib>

#include "format/enroll.h"

// A person types or pastes it: any text. What decodes must encode again to a code that says the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto code = dl::format::decode_invite_code(text);
  if (!code.ok()) return 0;
  auto again = dl::format::decode_invite_code(dl::format::encode_invite_code(*code));
  if (!again.ok() || !(*again == *code)) std::abort();
  return 0;
}

#include <cstddef>
#include <cstdint>

#include "format/enroll.h"
#include "format/frames.h"

// Any bytes: as a stream of frames, as invitation code, as enrolment payloads.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dl::BytesView input(reinterpret_cast<const char*>(data), size);
  dl::format::FrameReader reader;
  reader.feed(input);
  for (int i = 0; i < 1000; i++) {
    auto frame = reader.next();
    if (!frame.ok() || !*frame) break;
    auto again = dl::format::encode_frame(**frame);
    if (again.ok()) {
      auto back = dl::format::decode_frame(dl::BytesView(*again).substr(4));
      DL_ASSERT(back.ok() && *back == **frame, "a frame that does not survive its own encoding");
    }
  }
  (void)dl::format::decode_invite_code(input).ok();
  (void)dl::format::decode_enroll_request(input).ok();
  (void)dl::format::decode_enroll_answer(input).ok();
  return 0;
}

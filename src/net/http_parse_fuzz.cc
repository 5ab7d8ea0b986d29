#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "net/http_parse.h"
#include "net/text.h"

using namespace dl;
using namespace dl::net;

namespace {

// What was accepted must be clear: one end of the body, clean names, an origin target.
void check_request(RequestParser& parser, BytesView bytes) {
  HttpRequest& r = parser.request();
  DL_ASSERT(parser.consumed() <= bytes.size(), "no more than was there");
  DL_ASSERT(r.chunked != r.content_length.has_value(), "one end of the body");
  DL_ASSERT(!r.target.empty() && (r.target[0] == '/' || r.target == "*"), "origin form");
  DL_ASSERT(is_token(r.method), "a method");
  for (const auto& h : r.headers.list()) DL_ASSERT(is_token(h.name) && is_header_value(h.value), "clean headers");
  if (r.chunked) DL_ASSERT(!r.headers.find("Content-Length"), "not both");
}

// The same verdict whatever the pieces.
void requests(BytesView bytes, size_t piece) {
  RequestParser whole, parts;
  auto verdict = whole.feed(bytes);
  auto state = RequestParser::State::kNeedMore;
  for (size_t n = piece; state == RequestParser::State::kNeedMore; n += piece) {
    state = parts.feed(bytes.substr(0, std::min(n, bytes.size())));
    if (n >= bytes.size()) break;
  }
  DL_ASSERT(state == verdict, "pieces do not matter");
  if (verdict != RequestParser::State::kDone) return;
  check_request(whole, bytes);
  DL_ASSERT(whole.consumed() == parts.consumed(), "pieces do not matter");
}

Result<Bytes> unchunk(BytesView bytes, size_t piece, size_t room, bool& done) {
  ChunkDecoder decoder;
  Bytes out, buffer(room, 0);
  while (!bytes.empty() && !decoder.done()) {
    size_t used = 0;
    DL_TRY(size_t n, decoder.decode(bytes.substr(0, piece), used, buffer.data(), buffer.size()));
    out.append(buffer, 0, n);
    bytes.remove_prefix(used);
  }
  done = decoder.done();
  return out;
}

void chunks(BytesView bytes, size_t piece) {
  bool done_whole = false, done_parts = false;
  auto whole = unchunk(bytes, bytes.size() + 1, 1 << 16, done_whole);
  auto parts = unchunk(bytes, piece, 1 + piece / 2, done_parts);
  DL_ASSERT(whole.ok() == parts.ok() && done_whole == done_parts, "pieces do not matter");
  if (whole.ok()) DL_ASSERT(*whole == *parts, "pieces do not matter");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  BytesView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t piece = 1 + data[0] / 3;
  if (data[0] % 3 == 0) requests(bytes, piece);
  if (data[0] % 3 == 1) chunks(bytes, piece);
  if (data[0] % 3 == 2) {
    size_t used = 0;
    auto head = parse_response_head(bytes, used);
    if (head.ok() && head->has_value()) DL_ASSERT(used <= bytes.size() && used > 0, "no more than was there");
  }
  return 0;
}

#include "base/bytes.h"

#include "base/assert.h"

namespace dl {
namespace {

template <class T>
void put_be(Bytes& out, T v) {
  for (int shift = (sizeof(T) - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

template <class T>
T get_be(BytesView b) {
  DL_ASSERT(b.size() >= sizeof(T), "short integer");
  T v = 0;
  for (size_t i = 0; i < sizeof(T); i++) v = static_cast<T>(static_cast<uint64_t>(v) << 8 | static_cast<uint8_t>(b[i]));
  return v;
}

}  // namespace

void put_be16(Bytes& out, uint16_t v) { put_be(out, v); }
void put_be32(Bytes& out, uint32_t v) { put_be(out, v); }
void put_be64(Bytes& out, uint64_t v) { put_be(out, v); }
uint16_t get_be16(BytesView b) { return get_be<uint16_t>(b); }
uint32_t get_be32(BytesView b) { return get_be<uint32_t>(b); }
uint64_t get_be64(BytesView b) { return get_be<uint64_t>(b); }

bool equal_constant_time(BytesView a, BytesView b) {
  if (a.size() != b.size()) return false;
  unsigned diff = 0;
  for (size_t i = 0; i < a.size(); i++) diff |= static_cast<uint8_t>(a[i]) ^ static_cast<uint8_t>(b[i]);
  return diff == 0;
}

}  // namespace dl

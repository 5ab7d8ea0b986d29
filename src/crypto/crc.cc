#include <immintrin.h>

#include <array>
#include <cstring>

#include <isa-l/crc.h>

#include "base/assert.h"
#include "crypto/hash.h"

// All three are reflected CRCs: bit 63 (or 31) of a value is x^0. CRC-32 and CRC-32C come from ISA-L; CRC-64/NVME
// (check value AE8B14860A799888) is folded here with carry-less multiplication, because no library of Debian has it.
namespace dl::crypto {
namespace {

constexpr uint64_t kPoly64 = 0x9A6C9329AC4BC9B5;  // 0xAD93D23594C93659 reflected
constexpr uint32_t kPoly32 = 0xEDB88320;
constexpr uint32_t kPoly32c = 0x82F63B78;

template <class T>
constexpr T times_x(T v, T poly) {
  return (v >> 1) ^ ((v & 1) ? poly : T{0});
}

constexpr uint64_t x_to(unsigned n) {
  uint64_t v = 1ull << 63;
  for (unsigned i = 0; i < n; i++) v = times_x(v, kPoly64);
  return v;
}

using Tables = std::array<std::array<uint64_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables t{};
  for (unsigned i = 0; i < 256; i++) {
    uint64_t v = i;
    for (int bit = 0; bit < 8; bit++) v = times_x(v, kPoly64);
    t[0][i] = v;
  }
  for (unsigned slice = 1; slice < 8; slice++)
    for (unsigned i = 0; i < 256; i++) t[slice][i] = (t[slice - 1][i] >> 8) ^ t[0][t[slice - 1][i] & 0xff];
  return t;
}

constexpr Tables kTables = make_tables();

uint64_t load64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}

// Slicing by 8, on the inverted state.
uint64_t crc64_table(uint64_t state, const uint8_t* p, size_t n) {
  for (; n >= 8; p += 8, n -= 8) {
    state ^= load64(p);
    uint64_t next = 0;
    for (unsigned i = 0; i < 8; i++) next ^= kTables[7 - i][(state >> (8 * i)) & 0xff];
    state = next;
  }
  for (; n > 0; p++, n--) state = (state >> 8) ^ kTables[0][(state ^ *p) & 0xff];
  return state;
}

__m128i load128(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// Moves a block forward by the distance whose powers of x are in `k`. The product of two reflected values is short of
// one factor x, so the powers are distance + 63 for the earlier half and distance - 1 for the later.
__m128i fold(__m128i block, __m128i k) {
  return _mm_xor_si128(_mm_clmulepi64_si128(block, k, 0x00), _mm_clmulepi64_si128(block, k, 0x11));
}

__m128i fold_keys(uint64_t earlier, uint64_t later) {
  return _mm_set_epi64x(static_cast<long long>(later), static_cast<long long>(earlier));
}

// Precondition: n >= 64.
uint64_t crc64_fold(uint64_t state, const uint8_t* p, size_t n) {
  constexpr uint64_t k575 = x_to(512 + 63), k511 = x_to(512 - 1), k191 = x_to(128 + 63), k127 = x_to(128 - 1);
  const __m128i by_512 = fold_keys(k575, k511), by_128 = fold_keys(k191, k127);
  __m128i lane[4];
  for (int i = 0; i < 4; i++) lane[i] = load128(p + 16 * i);
  lane[0] = _mm_xor_si128(lane[0], _mm_set_epi64x(0, static_cast<long long>(state)));
  p += 64;
  n -= 64;
  for (; n >= 64; p += 64, n -= 64)
    for (int i = 0; i < 4; i++) lane[i] = _mm_xor_si128(fold(lane[i], by_512), load128(p + 16 * i));
  __m128i all = lane[0];
  for (int i = 1; i < 4; i++) all = _mm_xor_si128(fold(all, by_128), lane[i]);
  for (; n >= 16; p += 16, n -= 16) all = _mm_xor_si128(fold(all, by_128), load128(p));
  uint8_t rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), all);
  return crc64_table(crc64_table(0, rest, sizeof rest), p, n);
}

uint64_t crc64_update(uint64_t crc, BytesView data) {
  uint64_t state = ~crc;
  state =
      data.size() >= 64 ? crc64_fold(state, as_u8(data), data.size()) : crc64_table(state, as_u8(data), data.size());
  return ~state;
}

uint32_t crc32c_update(uint32_t crc, BytesView data) {
  uint32_t state = ~crc;
  while (!data.empty()) {
    BytesView piece = data.substr(0, 1u << 30);  // ISA-L takes an int
    auto* p = const_cast<unsigned char*>(as_u8(piece));
    state = crc32_iscsi(p, static_cast<int>(piece.size()), state);
    data.remove_prefix(piece.size());
  }
  return ~state;
}

// a * b mod P, both reflected.
template <class T>
T multiply(T a, T b, T poly) {
  T product = 0;
  for (T bit = T{1} << (sizeof(T) * 8 - 1); bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = times_x(b, poly);
  }
  return product;
}

// A's value shifted past B: times x^(8 size_b).
template <class T>
T combine(T crc_a, T crc_b, uint64_t size_b, T poly) {
  constexpr T kOne = T{1} << (sizeof(T) * 8 - 1);
  T square = kOne >> 8;  // x^8
  T shift = kOne;
  for (; size_b != 0; size_b >>= 1) {
    if (size_b & 1) shift = multiply(shift, square, poly);
    square = multiply(square, square, poly);
  }
  return multiply(shift, crc_a, poly) ^ crc_b;
}

}  // namespace

size_t crc_size(Crc kind) { return kind == Crc::kCrc64Nvme ? 8 : 4; }

uint64_t crc_update(Crc kind, uint64_t crc, BytesView data) {
  switch (kind) {
    case Crc::kCrc32:
      return crc32_gzip_refl(static_cast<uint32_t>(crc), as_u8(data), data.size());
    case Crc::kCrc32c:
      return crc32c_update(static_cast<uint32_t>(crc), data);
    case Crc::kCrc64Nvme:
      return crc64_update(crc, data);
  }
  DL_ASSERT(false, "unknown checksum");
}

uint64_t crc_combine(Crc kind, uint64_t crc_a, uint64_t crc_b, uint64_t size_b) {
  switch (kind) {
    case Crc::kCrc32:
      return combine<uint32_t>(static_cast<uint32_t>(crc_a), static_cast<uint32_t>(crc_b), size_b, kPoly32);
    case Crc::kCrc32c:
      return combine<uint32_t>(static_cast<uint32_t>(crc_a), static_cast<uint32_t>(crc_b), size_b, kPoly32c);
    case Crc::kCrc64Nvme:
      return combine<uint64_t>(crc_a, crc_b, size_b, kPoly64);
  }
  DL_ASSERT(false, "unknown checksum");
}

Bytes crc_bytes(Crc kind, uint64_t crc) {
  Bytes out;
  if (kind == Crc::kCrc64Nvme)
    put_be64(out, crc);
  else
    put_be32(out, static_cast<uint32_t>(crc));
  return out;
}

}  // namespace dl::crypto

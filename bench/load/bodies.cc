#include "bench/load/bodies.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "crypto/hash.h"

namespace dl::bench {

Bodies::Bodies(size_t size, size_t seed) {
  constexpr size_t kMemory = 32 << 20;
  size_t count = std::clamp<size_t>(kMemory / std::max<size_t>(1, size), 3, 61);
  std::mt19937_64 random(seed * 1'000'003 + size);
  for (size_t i = 0; i < count; ++i) {
    Bytes body(size, '\0');
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
      uint64_t word = random();
      std::memcpy(body.data() + at, &word, std::min(sizeof word, size - at));
    }
    hashes_.push_back(crypto::sha256(body).hex());
    bodies_.push_back(std::move(body));
  }
}

}  // namespace dl::bench

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>

#include "base/bytes.h"

namespace dl {

// The only source of randomness (banned elsewhere by a check). Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(void* out, size_t size) = 0;
  Bytes bytes(size_t size);
  uint64_t u64();
  // Uniform in [0, bound). Precondition: bound > 0.
  uint64_t below(uint64_t bound);
  template <class Id>
  Id id() {
    Id out;
    fill(out.b.data(), Id::kSize);
    return out;
  }
};

// The kernel's cryptographic generator.
Random& system_random();

// Repeats itself for a seed. For tests and the simulator only.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void fill(void* out, size_t size) override;

 private:
  std::mutex m_;
  std::mt19937_64 engine_;
};

}  // namespace dl

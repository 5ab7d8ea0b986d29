#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace dl {
namespace {

class SystemRandom : public Random {
 public:
  void fill(void* out, size_t size) override {
    auto* p = static_cast<char*>(out);
    while (size > 0) {
      ssize_t n = getrandom(p, size, 0);
      if (n < 0 && errno == EINTR) continue;
      DL_ASSERT(n > 0, "getrandom failed");
      p += n;
      size -= static_cast<size_t>(n);
    }
  }
};

}  // namespace

Bytes Random::bytes(size_t size) {
  Bytes out(size, '\0');
  fill(out.data(), size);
  return out;
}

uint64_t Random::u64() {
  uint64_t v;
  fill(&v, sizeof v);
  return v;
}

uint64_t Random::below(uint64_t bound) {
  DL_REQUIRE(bound > 0, "empty range");
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    uint64_t v = u64();
    if (v < limit) return v % bound;
  }
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

void SeededRandom::fill(void* out, size_t size) {
  std::lock_guard lock(m_);
  auto* p = static_cast<char*>(out);
  while (size > 0) {
    uint64_t v = engine_();
    size_t n = size < sizeof v ? size : sizeof v;
    std::memcpy(p, &v, n);
    p += n;
    size -= n;
  }
}

}  // namespace dl

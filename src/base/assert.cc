#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace dl {

void assert_failed(const char* expression, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "demilune: assertion failed: %s (%.*s) at %s:%d\n", expression, static_cast<int>(message.size()),
               message.data(), file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace dl

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace dl::bench {

// The bodies that objects of one size have: a few random ones, hashed once, so that signing costs the same for every
// size. Which one an object has follows from its number, so that another run of the program knows it too.
class Bodies {
 public:
  Bodies(size_t size, size_t seed);

  std::string_view of(size_t n) const { return bodies_[n % bodies_.size()]; }
  std::string_view hash_of(size_t n) const { return hashes_[n % bodies_.size()]; }  // SHA-256 in hex

 private:
  std::vector<Bytes> bodies_;
  std::vector<std::string> hashes_;
};

}  // namespace dl::bench

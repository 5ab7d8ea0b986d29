#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

namespace dl::node {

// Something stored that cannot be read: a version, when its bucket is known, else a file or a body that belongs to
// none.
struct DamagedThing {
  std::string bucket, key, version;
  std::string place;  // what was met: file, blob, byte
  WallTime found;
  std::string name() const;  // "s3://box/plan.txt version ...", or the place
};

// What this node knows to be damaged since its start. Thread-safe, bounded.
class DamageBook {
 public:
  // `record` is told once of each thing, for the audit log. It must be quick.
  explicit DamageBook(std::function<void(const DamagedThing&)> record) : record_(std::move(record)) {}
  // Logs and records it, unless it is known already.
  void note(DamagedThing thing);
  uint64_t count() const;
  std::vector<DamagedThing> list(size_t most) const;

  static constexpr size_t kMaxKept = 10'000;  // of further things each meeting is counted, and no more than that

 private:
  const std::function<void(const DamagedThing&)> record_;
  mutable std::mutex m_;
  std::map<std::string, DamagedThing> things_;
  uint64_t beyond_ = 0;
};

}  // namespace dl::node

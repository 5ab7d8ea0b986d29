#include "node/damage_book.h"

#include "base/log.h"

namespace dl::node {

std::string DamagedThing::name() const {
  if (bucket.empty()) return place;
  return "s3://" + bucket + "/" + key + (version.empty() ? "" : " version " + version);
}

void DamageBook::note(DamagedThing thing) {
  {
    std::lock_guard lock(m_);
    if (things_.contains(thing.name())) return;
    if (things_.size() >= kMaxKept) {
      beyond_++;
      return;
    }
    things_.emplace(thing.name(), thing);
  }
  log_warn("node", "damaged: {}: {}", thing.name(), thing.place);
  record_(thing);
}

uint64_t DamageBook::count() const {
  std::lock_guard lock(m_);
  return things_.size() + beyond_;
}

std::vector<DamagedThing> DamageBook::list(size_t most) const {
  std::lock_guard lock(m_);
  std::vector<DamagedThing> out;
  for (const auto& [name, thing] : things_) {
    if (out.size() == most) break;
    out.push_back(thing);
  }
  return out;
}

}  // namespace dl::node

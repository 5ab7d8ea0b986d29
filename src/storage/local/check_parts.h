#pragma once

// Internal to the room: what a PartitionCheck is made of.

#include "storage/local/check.h"
#include "storage/local/instance.h"
#include "storage/local/segments.h"

namespace dl::storage {

// A scan steps over what cannot be read; each such place is told once, however many scans meet it. Bodies (0B) are not
// told here: each that cannot be read is told by its id.
class PartitionCheck::Rows : public View {
 public:
  Rows(const Instance& instance, std::function<void(Damage::Gap, const Error&)> found)
      : instance_(instance), found_(std::move(found)) {}

  Result<std::optional<Bytes>> get(BytesView key) const override { return instance_.get(key); }
  Result<void> scan(BytesView from, BytesView to, const ScanFn& fn) const override {
    return instance_.walk(from, to, fn, [&](BytesView before, BytesView behind, const Error& why) {
      if (from.starts_with('\x0b')) return;
      if (told_.insert(Bytes(behind)).second) found_({Bytes(before), Bytes(behind)}, why);
    });
  }

 private:
  const Instance& instance_;
  const std::function<void(Damage::Gap, const Error&)> found_;
  mutable std::set<Bytes> told_;
};

struct PartitionCheck::Parts {
  std::unique_ptr<InstancePlan> plan;
  std::unique_ptr<Instance> instance;
  std::unique_ptr<Rows> rows;
  std::vector<std::pair<Extent, BlobId>> sealed;  // where bodies lie in segments
};

}  // namespace dl::storage

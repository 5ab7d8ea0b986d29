#pragma once

#include "compute/object_access.h"
#include "gate/gate.h"
#include "net/runtime.h"
#include "objects/objects.h"
#include "storage/file_system.h"

namespace dl::node {

// Workloads reach objects like anyone else: the gate decides in the name of who submitted them, and `objects` does it.
// Called from compute's threads, never on a loop. Thread-safe.
class GatedObjects : public compute::ObjectAccess {
 public:
  GatedObjects(net::Runtime& runtime, gate::Gate& gate, objects::Objects& objects, storage::FileSystem& fs)
      : runtime_(runtime), gate_(gate), objects_(objects), fs_(fs) {}
  Result<std::vector<Entry>> list(const std::string& principal, const std::string& bucket, const Bytes& prefix,
                                  size_t limit) override;
  Result<void> get_to_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                           const std::string& path) override;
  Result<void> put_from_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                             const std::string& path) override;

 private:
  Result<gate::Permit> permit(const std::string& principal, const std::string& action, const std::string& bucket,
                              const Bytes& key);
  net::Runtime& runtime_;
  gate::Gate& gate_;
  objects::Objects& objects_;
  storage::FileSystem& fs_;
};

}  // namespace dl::node

#pragma once

#include <functional>
#include <string>

#include "api/admin/context.h"
#include "objects/objects.h"

namespace dl::api::admin {

// `objects` behind this room's ObjectOps: every call goes with the permit of its admission. `objects` outlives it.
class ObjectsDoor : public ObjectOps {
 public:
  // The name of the node whose journal an origin is; empty when it is not known here.
  using NameOf = std::function<std::string(const NodeId&)>;
  ObjectsDoor(objects::Objects* objects, NameOf name_of) : objects_(objects), name_of_(std::move(name_of)) {}

  Task<std::vector<Bucket>> list_buckets(Admission admission) override;
  Task<Bucket> create_bucket(Admission admission, std::string name) override;
  Task<void> delete_bucket(Admission admission, std::string name) override;
  Task<void> set_versioning(Admission admission, std::string name, bool enabled) override;
  Task<std::vector<Conflict>> list_conflicts(Admission admission, std::string bucket, Bytes after,
                                             size_t limit) override;
  Task<Resolved> resolve(Admission admission, std::string bucket, Bytes key, std::string keep) override;

 private:
  objects::Objects* objects_;
  NameOf name_of_;
};

}  // namespace dl::api::admin

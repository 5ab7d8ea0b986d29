#include "storage/store.h"

#include "base/assert.h"

namespace dl::storage {

Partition& Store::partition(std::string_view name) {
  Partition* found = find_partition(name);
  DL_REQUIRE(found != nullptr, "no partition " + std::string(name));
  return *found;
}

BlobStore& Store::blobs(std::string_view name) {
  BlobStore* found = find_blobs(name);
  DL_REQUIRE(found != nullptr, "no partition " + std::string(name));
  return *found;
}

}  // namespace dl::storage

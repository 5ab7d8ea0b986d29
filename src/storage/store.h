#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/blob_store.h"
#include "storage/partition.h"

namespace dl::storage {

// Everything one node keeps: partitions by name, each with its blob store. Partitions are fixed when the store is
// opened. Thread-safe; what it hands out lives as long as the store.
class Store {
 public:
  virtual ~Store() = default;  // stop()
  // nullptr when there is no partition of that name.
  virtual Partition* find_partition(std::string_view name) = 0;
  virtual BlobStore* find_blobs(std::string_view name) = 0;
  virtual std::vector<std::string> partition_names() const = 0;
  // Preconditions: the name is one of partition_names().
  Partition& partition(std::string_view name);
  BlobStore& blobs(std::string_view name);
  // Runs what is queued, makes it durable and closes. Idempotent.
  virtual void stop() = 0;
};

}  // namespace dl::storage

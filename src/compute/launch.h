#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "compute/object_access.h"
#include "compute/runtime.h"
#include "format/workload.h"
#include "registry/image_store.h"
#include "storage/file_system.h"

// The work that a decision asks for: blocking, done on the pool.
namespace dl::compute {

struct WorkPlace {
  std::string dir;  // DIR/workloads
  registry::ImageStore& images;
  Runtime& runtime;
  ObjectAccess& objects;
  storage::FileSystem& fs;
  uint64_t max_log_bytes;
};

std::string workload_dir(const std::string& dir, const WorkloadId& id);
ContainerRef container_ref(const std::string& dir, const WorkloadId& id, uint32_t attempt);

// Image, input, container, start. What an earlier try of the same attempt left is cleared away first. Returns the
// clamps. Errors: kNotFound, kUnavailable (something is missing here and may come), others: this attempt failed.
Result<std::vector<std::string>> launch_workload(const WorkPlace& place, const format::WorkloadSpec& spec,
                                                 uint32_t attempt, const std::atomic<bool>& stop);
// Frees what the attempt holds but its log.
Result<void> clean_up_workload(const WorkPlace& place, const WorkloadId& id, uint32_t attempt);
// Everything of it below DIR/workloads.
Result<void> erase_workload_files(const WorkPlace& place, const WorkloadId& id, uint32_t attempt);

// What runs inside: the spec over the image's config. Errors: kInvalid (no command, an unknown user).
Result<ContainerPlan> plan_container(const format::WorkloadSpec& spec, const registry::ImageConfig& image,
                                     const std::string& rootfs);

}  // namespace dl::compute

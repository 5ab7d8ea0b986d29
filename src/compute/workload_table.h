#pragma once

#include <optional>
#include <vector>

#include "audit/author.h"
#include "base/result.h"
#include "format/workload.h"
#include "storage/partition.h"

namespace dl::compute {

struct Workload {
  format::WorkloadSpec spec;
  std::optional<format::WorkloadStatus> status;  // absent: nobody looked at it yet
};

// Where wishes and states are kept. Thread-safe; every call blocks; what returned ok is durable.
class WorkloadTable {
 public:
  virtual ~WorkloadTable() = default;
  virtual Result<std::vector<Workload>> list() = 0;
  virtual Result<std::optional<Workload>> get(const WorkloadId& id) = 0;
  // With the author's audit record in the same step.
  virtual Result<void> put_spec(const audit::Author& by, const format::WorkloadSpec& spec) = 0;
  // kNotFound when its spec is gone.
  virtual Result<void> put_status(const format::WorkloadStatus& status) = 0;
  virtual Result<void> erase(const WorkloadId& id) = 0;
};

// Rows 7E "wl/" of a partition, which must outlive the table.
class PartitionWorkloadTable : public WorkloadTable {
 public:
  explicit PartitionWorkloadTable(storage::Partition& partition) : partition_(partition) {}
  Result<std::vector<Workload>> list() override;
  Result<std::optional<Workload>> get(const WorkloadId& id) override;
  Result<void> put_spec(const audit::Author& by, const format::WorkloadSpec& spec) override;
  Result<void> put_status(const format::WorkloadStatus& status) override;
  Result<void> erase(const WorkloadId& id) override;

 private:
  storage::Partition& partition_;
};

}  // namespace dl::compute

#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/admin/context.h"
#include "compute/service.h"
#include "format/control.h"

namespace dl::api::admin {

// Compute and control state behind this room's Workloads: what runs here, and at the hub what devices were given. All
// that is handed in outlives it. Thread-safe.
class WorkloadsDoor : public Workloads {
 public:
  struct Config {
    compute::ComputeService* compute = nullptr;  // nullptr: nothing can run here (`doctor` says why)
    control::Control* control = nullptr;
    std::string node_name;
    const Clock* clock = nullptr;
    Random* random = nullptr;
    // Hub: what a device last told of a workload, from its projection; nullopt: nothing yet.
    std::function<Result<std::optional<format::WorkloadReportRow>>(const format::WorkloadRow&)> report_of;
  };
  explicit WorkloadsDoor(Config config) : config_(std::move(config)) {}

  Result<JobInfo> run(const std::string& principal, const JobRequest& request) override;
  Result<std::vector<JobInfo>> list() override;
  Result<JobInfo> find(const std::string& which) override;
  Result<LogChunk> logs(const std::string& which, const std::string& after) override;
  Result<void> cancel(const std::string& by, const std::string& which) override;
  Result<void> remove(const std::string& by, const std::string& which) override;

 private:
  Result<compute::ComputeService*> compute() const;
  Result<JobInfo> send(const std::string& principal, const compute::RunRequest& request);
  Result<JobInfo> given_info(const format::WorkloadRow& row) const;
  // A workload that was given to a device; nullopt: none of that name. Errors: kConflict (several).
  Result<std::optional<format::WorkloadRow>> find_given(const std::string& which) const;

  Config config_;
};

}  // namespace dl::api::admin

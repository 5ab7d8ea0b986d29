#pragma once

#include <functional>
#include <mutex>

#include "base/thread.h"
#include "compute/service.h"
#include "compute/workload_table.h"
#include "control/control.h"

namespace dl::node {

// A device's workloads that the hub sent: takes them from the projection into the node's own table, and reports their
// states back into the projection's journal, which travels when there is a link. One thread. start() to stop().
class WorkloadBridge {
 public:
  // All outlive it. `reported` is called after a report became durable.
  WorkloadBridge(control::Control& control, compute::WorkloadTable& table, compute::ComputeService& service,
                 std::function<void()> reported)
      : control_(control), table_(table), service_(service), reported_(std::move(reported)) {}
  ~WorkloadBridge();
  void start();
  void stop();
  void poke();

 private:
  Result<void> take_wishes();
  Result<void> report();
  control::Control& control_;
  compute::WorkloadTable& table_;
  compute::ComputeService& service_;
  std::function<void()> reported_;
  StopSignal signal_;
  Thread thread_;
};

}  // namespace dl::node

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/crun/host.h"
#include "compute/runtime.h"
#include "storage/file_system.h"

namespace dl::compute {

struct CrunSettings {
  std::string state_dir;  // crun's own state: DIR/workloads/crun
  std::string crun;       // absolute paths; empty: looked for where Debian and Fedora put them
  std::string conmon;
};

// crun under conmon. conmon watches a container from a process of its own, so containers outlive this program: what is
// known of them is read from conmon's files and from crun each time. On machines with a hybrid control group layout,
// which crun refuses, every call runs in a private mount namespace that hides the version 2 leg. The writable layer of
// a container is an overlay that is mounted in that namespace only: it is gone with the last process that needs it.
class CrunRuntime : public Runtime {
 public:
  CrunRuntime(storage::FileSystem& fs, CrunSettings settings);

  Result<std::vector<std::string>> create(const ContainerPlan& plan) override;
  Result<void> start(const ContainerRef& ref) override;
  Result<Observation> observe(const ContainerRef& ref) override;
  Result<void> signal(const ContainerRef& ref, int number) override;
  Result<void> remove(const ContainerRef& ref) override;
  std::string log_path(const ContainerRef& ref) const override;

  // The process ids that conmon wrote down; 0 when not known. For tests.
  int conmon_pid(const ContainerRef& ref) const;
  int container_pid(const ContainerRef& ref) const;
  // Removes the empty group that all containers of the machine share.
  void remove_parent_group() const;

 private:
  Result<HostFacts> host() const;
  Result<std::string> crun_call(const HostFacts& facts, std::vector<std::string> words) const;
  Result<std::vector<std::string>> launch(const ContainerPlan& plan, const HostFacts& facts, bool overlay) const;
  Result<std::string> crun_status(const ContainerRef& ref) const;
  Result<Observation> exited(const ContainerRef& ref, const std::string& file) const;
  int read_pid(const std::string& path) const;

  storage::FileSystem& fs_;
  CrunSettings settings_;
};

// Where a program lies; empty when it is nowhere we look.
std::string find_program(storage::FileSystem& fs, const std::string& name);

}  // namespace dl::compute

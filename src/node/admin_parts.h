#pragma once

#include <functional>
#include <string>

#include "api/admin/context.h"
#include "compute/service.h"
#include "control/control.h"
#include "node/spaces.h"
#include "registry/image_store.h"
#include "sync/device_link.h"
#include "sync/hub_link.h"

// What the administration API asks of a node, answered by its parts. Everything referred to outlives these.
// Thread-safe.
namespace dl::node {

class SyncAdmin : public api::admin::SyncControl {
 public:
  struct Parts {
    control::Control* control = nullptr;
    NodeSpaces* spaces = nullptr;
    sync::DeviceLink* device_link = nullptr;  // at a device
    sync::HubLink* hub_link = nullptr;        // at the hub
  };
  explicit SyncAdmin(Parts parts) : parts_(parts) {}
  api::admin::SyncStatus status() override;
  // The same without the spaces: reads no rows.
  std::vector<api::admin::LinkStatus> links() const;
  Result<void> now(const std::string& peer) override;
  Result<void> pause(const std::string& peer) override;
  Result<void> resume(const std::string& peer) override;
  Result<std::vector<api::admin::Fact>> why(const std::string& bucket, const Bytes& key) override;

 private:
  void add_spaces(const sync::LinkReport& link, api::admin::SyncStatus& out);
  Parts parts_;
};

class ImagesAdmin : public api::admin::Images {
 public:
  ImagesAdmin(net::Runtime& runtime, registry::ImageStore& images, compute::ComputeService& compute,
              storage::FileSystem& fs, Random& random, std::string tmp_dir)
      : runtime_(runtime), images_(images), compute_(compute), fs_(fs), random_(random), tmp_dir_(std::move(tmp_dir)) {}
  Result<std::vector<api::admin::ImageInfo>> list() override;
  Task<api::admin::ImageInfo> import(net::BodyReader* archive, std::string name) override;
  Result<void> remove(const std::string& name) override;

 private:
  net::Runtime& runtime_;
  registry::ImageStore& images_;
  compute::ComputeService& compute_;
  storage::FileSystem& fs_;
  Random& random_;
  std::string tmp_dir_;
};

class WorkloadsAdmin : public api::admin::Workloads {
 public:
  struct Parts {
    control::Control* control = nullptr;
    compute::ComputeService* compute = nullptr;
    storage::Store* store = nullptr;
    const Clock* clock = nullptr;
    Random* random = nullptr;
    NodeId self;
    std::string node_name;
    bool hub = true;
  };
  explicit WorkloadsAdmin(Parts parts) : parts_(std::move(parts)) {}
  Result<api::admin::JobInfo> run(const audit::Author& by, const api::admin::JobRequest& request) override;
  Result<std::vector<api::admin::JobInfo>> list() override;
  Result<api::admin::JobInfo> find(const std::string& which) override;
  Result<api::admin::LogChunk> logs(const std::string& which, uint64_t offset, size_t max) override;
  Result<void> cancel(const audit::Author& by, const std::string& which) override;
  Result<void> remove(const audit::Author& by, const std::string& which) override;

 private:
  // What the hub sent to devices, with the states that they reported.
  Result<std::vector<compute::Workload>> sent() const;
  Result<compute::Workload> find_sent(const std::string& which) const;
  Parts parts_;
};

}  // namespace dl::node

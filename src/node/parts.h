#pragma once

// Internal to the room: everything that one node is made of, in the order in which it is built.

#include "access/policy.h"
#include "api/admin/admin.h"
#include "api/admin/gate_door.h"
#include "api/admin/objects_door.h"
#include "api/s3/handler.h"
#include "audit/queue.h"
#include "base/metrics.h"
#include "compute/crun/crun_runtime.h"
#include "compute/service.h"
#include "fleet/fleet.h"
#include "fleet/projection.h"
#include "gate/admission.h"
#include "net/http_server.h"
#include "node/admin_parts.h"
#include "node/census.h"
#include "node/damage_book.h"
#include "node/identity.h"
#include "node/node.h"
#include "node/notifier.h"
#include "node/object_access.h"
#include "node/principals.h"
#include "node/pulse.h"
#include "node/scrubber.h"
#include "node/sealer.h"
#include "node/spaces.h"
#include "node/workload_bridge.h"
#include "registry/image_store.h"
#include "sync/device_link.h"
#include "sync/hub_link.h"
#include "sync/journal_spaces.h"

namespace dl::node {

// GETs of bodies that are not here wait on the device's link.
class LinkWaiter : public objects::BodyWaiter {
 public:
  explicit LinkWaiter(sync::DeviceLink& link) : link_(link) {}
  void want(const BucketId& bucket, const RecordHash& version, Millis wait,
            std::function<void(objects::BodyState)> done) override {
    link_.want(bucket, version, wait, [done = std::move(done)](bool here, bool linked) {
      done(here ? objects::BodyState::kHere : linked ? objects::BodyState::kWaited : objects::BodyState::kNoLink);
    });
  }

 private:
  sync::DeviceLink& link_;
};

struct Node::Parts {
  World world;
  NodeConfig config;
  format::NodeIdentity identity;
  std::optional<Node::FirstKey> first_key;
  mutable std::mutex opening;  // addresses
  Addresses addresses;
  bool stopped = false;
  WallTime begun{};

  std::unique_ptr<NodeKeys> keys;
  std::unique_ptr<storage::LocalStore> store;
  std::optional<crypto::Authority> authority, link_authority;
  std::unique_ptr<net::Runtime> runtime;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<Notifier> notifier;
  std::unique_ptr<NotifyingPartition> objects_partition;
  std::unique_ptr<NodeSpaces> spaces;
  std::unique_ptr<control::Control> control;
  std::unique_ptr<audit::Queue> audit;
  std::unique_ptr<DamageBook> damages;
  std::unique_ptr<ControlPrincipals> principals;
  std::unique_ptr<gate::Gate> gate;
  std::unique_ptr<gate::Admission> admission;
  std::unique_ptr<sync::JournalSpaces> sync_spaces;
  std::unique_ptr<Sealer> sealer;                 // device
  std::unique_ptr<fleet::Fleet> fleet;            // hub
  std::unique_ptr<fleet::Projector> projector;    // hub
  std::unique_ptr<sync::HubLink> hub_link;        // hub
  std::unique_ptr<sync::DeviceLink> device_link;  // device
  std::unique_ptr<LinkWaiter> waiter;             // device
  std::unique_ptr<objects::ReadCache> read_cache;
  std::unique_ptr<objects::Objects> objects;
  std::unique_ptr<registry::ImageStore> images;
  std::unique_ptr<compute::WorkloadTable> workload_table;
  std::unique_ptr<compute::CrunRuntime> containers;
  std::unique_ptr<GatedObjects> object_access;
  std::unique_ptr<compute::ComputeService> compute;
  std::unique_ptr<WorkloadBridge> bridge;  // device
  std::unique_ptr<api::admin::GateDoor> door;
  std::unique_ptr<api::admin::ObjectsDoor> objects_door;
  std::unique_ptr<SyncAdmin> sync_admin;
  std::unique_ptr<ImagesAdmin> images_admin;
  std::unique_ptr<WorkloadsAdmin> workloads_admin;
  std::unique_ptr<api::admin::AdminApi> admin;
  std::unique_ptr<api::s3::S3Handler> s3;
  std::shared_ptr<net::TlsSlot> server_tls;
  std::atomic<std::chrono::seconds> certificate_ends{std::chrono::seconds(0)};  // of server_tls, since 1970
  std::unique_ptr<net::HttpServer> data_server, admin_server;
  std::unique_ptr<api::RequestMetrics> s3_metrics, admin_metrics;
  std::unique_ptr<Pulse> pulse;
  std::unique_ptr<Census> census;
  std::unique_ptr<Scrubber> scrubber;
  std::mutex collecting;                            // one scrape at a time
  std::optional<api::admin::SyncStatus> last_sync;  // of the last scrape that asked
  MonoTime last_sync_at{};
  std::atomic<Millis> heard_kept{Millis(0)};  // device: the hub was heard, as kept on the disk; since 1970
  StopSignal upkeep_signal;
  Thread upkeep;

  bool is_hub() const { return identity.role == format::NodeRole::kHub; }
  std::string dir(const std::string& rest = {}) const {
    return rest.empty() ? config.data_dir : config.data_dir + "/" + rest;
  }

  // In this order; each says what it could not do.
  Result<void> open_data();     // keys, store, identity
  Result<void> open_control();  // control state, audit, gate; the administrator at a hub's first start
  Result<void> open_objects();  // objects, sync
  Result<void> open_fleet();    // hub: devices
  Result<void> open_compute();
  Result<void> open_admin();
  Result<void> listen();
  Addresses bound() const;
  void start_upkeep();
  void stop();

  Result<std::shared_ptr<net::TlsContext>> server_context(const std::string& alpn, bool link);
  Result<sync::Peer> find_peer(BytesView certificate) const;
  Result<Bytes> enroll(BytesView request, BytesView certificate);
  Result<void> make_administrator();
  void tell_no_key_was_made() const;
  void control_changed();
  // Brings all series up to date (node_metrics.cc). Blocks.
  std::string scrape();
  std::optional<WallTime> hub_heard() const;
  void keep_contact();
  void collect_store();
  void collect_damage();
  void collect_links();
  void collect_jobs();
  void collect_process();
  void collect_limits();     // limit_metrics.cc
  void collect_admission();  // limit_metrics.cc
  api::admin::AdminContext admin_context();
  std::string name_of(const NodeId& origin) const;
  // doctor.cc
  std::vector<api::admin::Finding> diagnose() const;
  api::admin::Finding scrub_finding() const;
  DamagedThing describe(const storage::ScrubFinding& finding) const;
};

}  // namespace dl::node

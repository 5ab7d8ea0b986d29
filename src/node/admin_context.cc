#include <algorithm>
#include <deque>
#include <iterator>
#include <numeric>
#include <tuple>

#include "audit/log.h"
#include "journal/receive.h"
#include "node/parts.h"
#include "node/sizing.h"

namespace dl::node {
namespace {

std::string reason_text(journal::Reason reason) {
  switch (reason) {
    case journal::Reason::kNone:
      return "";
    case journal::Reason::kLocked:
      return "the version is locked";
    case journal::Reason::kBucketDeleted:
      return "the bucket was deleted";
    case journal::Reason::kEnvelope:
      return "made by a newer version";
    case journal::Reason::kAuthor:
      return "the author may not";
    case journal::Reason::kDevice:
      return "the device is lost or retired";
    case journal::Reason::kLabel:
      return "label";
    case journal::Reason::kQuota:
      return "quota";
    case journal::Reason::kMassDelete:
      return "mass delete";
    case journal::Reason::kAccepted:
      return "accepted: committed when its content is here";
    case journal::Reason::kNoTrace:
      return "the hub is past it and told no outcome";
  }
  return "";
}

Result<std::vector<api::admin::InboxItem>> read_inbox(NodeSpaces& spaces, const control::State& state, size_t limit,
                                                      const std::function<std::string(const NodeId&)>& name_of) {
  std::vector<api::admin::InboxItem> out;
  for (const auto& [id, row] : state.buckets) {
    auto held = spaces.find_space(id);
    if (!held) continue;
    DL_TRY(auto view, held->partition->snapshot());
    DL_OK(journal::scan_inbox(*view, held->space, [&](const journal::InboxItem& item) -> Result<storage::Scan> {
      if (out.size() >= limit) return storage::Scan::kStop;
      api::admin::InboxItem shown;
      shown.id = item.hash.hex();
      shown.kind = item.status == format::Status::kHeld ? "held" : "refused";
      shown.bucket = row.name;
      shown.reason = reason_text(item.reason);
      if (item.record) {
        shown.key = item.record->key;
        shown.principal = item.record->principal;
        shown.device = name_of(item.record->origin);
        shown.written = item.record->hlc;
      }
      out.push_back(std::move(shown));
      return storage::Scan::kContinue;
    }));
  }
  return out;
}

std::string_view outcome_name(format::AuditOutcome outcome) {
  switch (outcome) {
    case format::AuditOutcome::kDone:
      return "done";
    case format::AuditOutcome::kAdmitted:
      return "admitted";
    case format::AuditOutcome::kRefused:
      return "refused";
    case format::AuditOutcome::kFailed:
      return "failed";
  }
  return "";
}

// Appends what fits, oldest first, the last query.limit of it, looking at no more than the last 100,000 records.
Result<void> read_log(storage::Partition& partition, const api::admin::AuditQuery& query,
                      std::vector<api::admin::AuditRow>& out) {
  constexpr uint64_t kLookBack = 100'000;
  std::deque<api::admin::AuditRow> fitting;
  DL_TRY(auto view, partition.snapshot());
  DL_TRY(uint64_t count, audit::count(*view));
  DL_OK(audit::scan(*view, count > kLookBack ? count - kLookBack : 0,
                    [&](uint64_t, const format::AuditRecord& r) -> Result<storage::Scan> {
                      bool fits = (!query.since || r.time >= *query.since) &&
                                  (query.principal.empty() || r.principal == query.principal) &&
                                  (query.action.empty() || r.action == query.action) &&
                                  (!query.denied_only || r.decision == format::AuditDecision::kDenied);
                      if (!fits) return storage::Scan::kContinue;
                      fitting.push_back({r.time, r.principal, r.action, r.resource,
                                         r.decision == format::AuditDecision::kAllowed ? "allowed" : "denied",
                                         std::string(outcome_name(r.outcome)), r.reason, r.source});
                      if (fitting.size() > query.limit) fitting.pop_front();
                      return storage::Scan::kContinue;
                    }));
  std::move(fitting.begin(), fitting.end(), std::back_inserter(out));
  return {};
}

// Records lie in the partition of what they are about: changes of control state in `control`, all else in `default`.
// The newest first.
Result<std::vector<api::admin::AuditRow>> read_audit(storage::Store& store, const api::admin::AuditQuery& query) {
  std::vector<api::admin::AuditRow> out;
  for (const char* name : {"control", "default"}) DL_OK(read_log(store.partition(name), query, out));
  // Within one millisecond the order of the logs stays.
  std::vector<size_t> order(out.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::tie(out[a].time, a) > std::tie(out[b].time, b); });
  std::vector<api::admin::AuditRow> newest;
  for (size_t at : order) newest.push_back(std::move(out[at]));
  out = std::move(newest);
  if (out.size() > query.limit) out.resize(query.limit);
  return out;
}

}  // namespace

std::string Node::Parts::name_of(const NodeId& origin) const {
  if (origin == identity.node) return identity.name;
  for (const auto& [name, device] : control->state()->devices)
    if (device.node == origin) return name;
  return {};
}

api::admin::AdminContext Node::Parts::admin_context() {
  api::admin::AdminContext c;
  c.runtime = runtime.get();
  c.clock = world.clock;
  c.random = world.random;
  c.control = control.get();
  c.fleet = fleet.get();
  c.door = door.get();
  c.objects = objects_door.get();
  c.sync = sync_admin.get();
  c.images = images_admin.get();
  c.workloads = workloads_admin.get();
  c.node = [this] {
    api::admin::NodeInfo info;
    info.name = identity.name;
    info.version = config.version;
    info.region = identity.region;
    info.hub = is_hub() ? "" : identity.hub_name;
    const Addresses at = bound();
    info.data_endpoint = "https://" + reach_locally(at.data);
    info.admin_endpoint = "https://" + reach_locally(at.admin);
    info.link_address = config.settings.text("link.hub_address");
    // Of a hub that listens on all addresses nobody here knows the one that devices use.
    if (info.link_address.empty() && at.link && !at.link->host.empty())
      info.link_address = net::format_host_port(*at.link);
    info.ca_pem = authority->certificate.pem();
    info.data_dir = config.data_dir;
    return info;
  };
  if (!is_hub()) c.hub_heard = [this] { return hub_heard(); };
  c.ready = [this] { return pulse->ready(); };
  c.partitions = [this] {
    std::vector<api::admin::PartitionStatus> out;
    for (const auto& name : store->partition_names()) {
      auto health = store->health(name);
      out.push_back({name, health.ok(), health.ok() ? "" : health.error().message, store->segment_bytes(name)});
    }
    return out;
  };
  c.doctor = [this] { return diagnose(); };
  c.config = [this] { return config_json(config.settings); };
  c.metrics = [this] { return scrape(); };
  c.requests = admin_metrics.get();
  c.inbox = [this](size_t limit) {
    return read_inbox(*spaces, *control->state(), limit, [this](const NodeId& origin) { return name_of(origin); });
  };
  c.audit = [this](const api::admin::AuditQuery& query) { return read_audit(*store, query); };
  return c;
}

Result<void> Node::Parts::open_admin() {
  door = std::make_unique<api::admin::GateDoor>(gate.get());
  objects_door = std::make_unique<api::admin::ObjectsDoor>(objects.get(),
                                                           [this](const NodeId& origin) { return name_of(origin); });
  sync_admin =
      std::make_unique<SyncAdmin>(SyncAdmin::Parts{control.get(), spaces.get(), device_link.get(), hub_link.get()});
  images_admin = std::make_unique<ImagesAdmin>(*runtime, *images, *compute, *world.fs, *world.random, dir("tmp"));
  WorkloadsAdmin::Parts w;
  w.control = control.get();
  w.compute = compute.get();
  w.store = store.get();
  w.clock = world.clock;
  w.random = world.random;
  w.self = identity.node;
  w.node_name = identity.name;
  w.hub = is_hub();
  workloads_admin = std::make_unique<WorkloadsAdmin>(std::move(w));
  s3_metrics = std::make_unique<api::RequestMetrics>(*metrics, "s3", api::s3::operation_names());
  admin_metrics = std::make_unique<api::RequestMetrics>(*metrics, "admin", api::admin::operation_names());
  pulse = std::make_unique<Pulse>(*store, *world.clock);
  pulse->start();
  census = std::make_unique<Census>(store->partition("default"));
  scrubber = std::make_unique<Scrubber>(
      Scrubber::Config{store.get(), &store->partition("control"), world.clock,
                       config.settings.duration("storage.scrub_interval"), config.settings.size("storage.scrub_rate"),
                       [this](const storage::ScrubFinding& finding) { damages->note(describe(finding)); }});
  DL_OK(scrubber->start());
  admin = std::make_unique<api::admin::AdminApi>(admin_context());
  s3 = std::make_unique<api::s3::S3Handler>(
      api::s3::S3Config{identity.region, is_hub(), s3_metrics.get(), admission.get()}, *objects, *gate, *world.random);
  return {};
}

}  // namespace dl::node

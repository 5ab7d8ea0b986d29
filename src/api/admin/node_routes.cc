#include "api/admin/call.h"
#include "api/admin/render.h"

// The node itself: what it is, how it does.
namespace dl::api::admin {
namespace {

std::string_view role_name(const Call& call) {
  return call.node().control->role() == control::Role::kHub ? "hub" : "device";
}

Json node_json(const Call& call) {
  NodeInfo n = call.node().node();
  Json j = Json::object();
  j.set("name", n.name).set("role", role_name(call)).set("version", n.version).set("region", n.region);
  j.set("hub", n.hub.empty() ? Json() : Json(n.hub));
  j.set("data_endpoint", n.data_endpoint).set("admin_endpoint", n.admin_endpoint);
  j.set("link_address", n.link_address.empty() ? Json() : Json(n.link_address));
  return j;
}

Result<Json> get_node(Call& call) {
  Json j = node_json(call);
  j.set("ca_pem", call.node().node().ca_pem);
  return j;
}

Result<Json> get_ca(Call& call) { return Json::object().set("pem", call.node().node().ca_pem); }

Json partitions_json(const Call& call) {
  Json list = Json::array();
  for (const auto& p : call.node().partitions()) {
    Json j = Json::object();
    j.set("name", p.name).set("serving", p.serving).set("message", p.message).set("disk_bytes", p.disk_bytes);
    list.push(std::move(j));
  }
  return list;
}

Json counts_json(const control::State& state) {
  Json j = Json::object();
  j.set("buckets", state.bucket_names.size()).set("users", state.users.size()).set("devices", state.devices.size());
  j.set("workloads", state.workloads.size());
  return j;
}

Result<Json> get_status(Call& call) {
  const auto& node = call.node();
  auto state = node.control->state();
  auto ready = node.ready();
  Json j = node_json(call);
  j.set("time", time_text(node.clock->wall()));
  j.set("ready", ready.ok());
  j.set("not_ready_because", ready.ok() ? Json() : Json(ready.error().message));
  if (state->self) {
    // The hub stamps its word with the day only; in a session it is as fresh as the session.
    auto as_of = WallTime(Millis(state->self->as_of_millis));
    if (auto heard = node.hub_heard ? node.hub_heard() : std::nullopt; heard && *heard > as_of) as_of = *heard;
    Json self = Json::object();
    self.set("state", format::device_state_name(state->self->state));
    self.set("as_of", time_text(as_of)).set("age_seconds", age_or_null(*node.clock, as_of));
    j.set("device", std::move(self));
  }
  j.set("partitions", partitions_json(call));
  j.set("counts", counts_json(*state));
  j.set("sync", sync_json(*node.clock, node.sync->status()));
  return j;
}

std::string_view level_name(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarning:
      return "warning";
    case Finding::Level::kError:
      return "error";
  }
  return "error";
}

Result<Json> get_doctor(Call& call) {
  Json list = Json::array();
  bool healthy = true;
  for (const auto& f : call.node().doctor()) {
    healthy = healthy && f.level != Finding::Level::kError;
    list.push(Json::object()
                  .set("level", level_name(f.level))
                  .set("subject", f.subject)
                  .set("message", f.message)
                  .set("next", f.next));
  }
  return Json::object().set("healthy", healthy).set("findings", std::move(list));
}

Result<Json> get_config(Call& call) { return call.node().config(); }

}  // namespace

std::vector<Route> node_routes() {
  return {
      {"GET", "/api/v1/node", "demilune:GetNode", "node", get_node},
      {"GET", "/api/v1/ca", "demilune:GetNode", "node", get_ca},
      {"GET", "/api/v1/status", "demilune:GetStatus", "node", get_status},
      {"GET", "/api/v1/doctor", "demilune:GetDoctor", "node", get_doctor},
      {"GET", "/api/v1/config", "demilune:GetConfig", "node", get_config},
      {"GET", "/metrics", "demilune:GetMetrics", "node", get_node},
  };
}

}  // namespace dl::api::admin

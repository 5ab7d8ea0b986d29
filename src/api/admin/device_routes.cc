#include "api/admin/call.h"
#include "api/admin/render.h"

// The fleet, at the hub.
namespace dl::api::admin {

Json device_json(const Clock& clock, const format::DeviceRow& row) {
  Json buckets = Json::array();
  for (const auto& b : row.buckets) buckets.push(b);
  Json j = Json::object();
  j.set("name", row.name).set("id", row.id.hex()).set("state", format::device_state_name(row.state));
  j.set("created", time_text(WallTime(Millis(row.created_millis)))).set("buckets", std::move(buckets));
  if (row.state == format::DeviceState::kInvited) {
    auto expires = WallTime(Millis(row.code_expires_millis));
    j.set("code_expires", time_text(expires)).set("code_tries", row.code_tries);
    j.set("code_open", clock.wall() < expires && row.code_tries < fleet::kMaxCodeTries && !row.code_hash.empty());
  } else {
    j.set("node", row.node.hex());
  }
  return j;
}

namespace {

Result<fleet::Fleet*> fleet_of(const Call& call) {
  if (!call.node().fleet)
    return error(Code::kUnsupported, "devices are kept at the hub; this node is a device",
                 "Ask the hub '" + call.node().node().hub + "' with --endpoint.");
  return call.node().fleet;
}

// What the sync side knows of this device's link, beside the member list.
Json with_link(const Call& call, Json device) {
  for (const auto& link : call.node().sync->status().links) {
    if (link.peer != device.text("name")) continue;
    device.set("link", link.state).set("last_contact", time_or_null(link.last_contact));
    device.set("last_contact_age_seconds", age_or_null(*call.node().clock, link.last_contact));
  }
  return device;
}

Result<Json> list_devices(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  Json list = Json::array();
  for (const auto& row : fleet->list()) list.push(with_link(call, device_json(*call.node().clock, row)));
  return Json::object().set("devices", std::move(list));
}

Result<Json> get_device(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_TRY(auto row, fleet->get(call.argument("device")));
  return with_link(call, device_json(*call.node().clock, row));
}

Result<Json> get_device_ca(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_TRY(auto row, fleet->get(call.argument("device")));
  if (row.ca_pem.empty())
    return error(Code::kNotFound, "device '" + row.name + "' has not enrolled yet, so its CA is not known",
                 "Enrol it with `demilune device enroll`.");
  return Json::object().set("pem", row.ca_pem);
}

Result<Json> invite(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_TRY(auto name, call.text("name"));
  DL_TRY(auto seconds, call.number_or("expires_seconds", 24 * 3600, limits::kMaxInviteSeconds));
  DL_TRY(auto address, call.text_or("hub_address", call.node().node().link_address));
  auto life = std::chrono::duration_cast<Millis>(std::chrono::seconds(seconds));
  DL_TRY(auto code, fleet->invite(call.by(), name, life, address));
  return Json::object()
      .set("name", name)
      .set("code", code)
      .set("hub_address", address)
      .set("expires", time_text(call.node().clock->wall() + life));
}

Result<Json> after_change(Call& call) {
  DL_TRY(auto row, call.node().fleet->get(call.argument("device")));
  return device_json(*call.node().clock, row);
}

Result<Json> assign(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_TRY(auto bucket, call.text("bucket"));
  DL_OK(fleet->assign(call.by(), call.argument("device"), bucket));
  return after_change(call);
}

Result<Json> unassign(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_TRY(auto bucket, call.text("bucket"));
  DL_OK(fleet->unassign(call.by(), call.argument("device"), bucket));
  return after_change(call);
}

template <format::DeviceState state>
Result<Json> set_state(Call& call) {
  DL_TRY(auto* fleet, fleet_of(call));
  DL_OK(fleet->set_state(call.by(), call.argument("device"), state));
  return after_change(call);
}

}  // namespace

std::vector<Route> device_routes() {
  using format::DeviceState;
  constexpr std::string_view kOne = "device/{device}";
  return {
      {"GET", "/api/v1/devices", "demilune:ListDevices", "device/*", list_devices},
      {"POST",
       "/api/v1/devices",
       "demilune:InviteDevice",
       "device/{name}",
       invite,
       nullptr,
       {"name", "expires_seconds", "hub_address"}},
      {"GET", "/api/v1/devices/{device}", "demilune:GetDevice", kOne, get_device},
      {"GET", "/api/v1/devices/{device}/ca", "demilune:GetDevice", kOne, get_device_ca},
      {"POST", "/api/v1/devices/{device}/assign", "demilune:AssignBucket", kOne, assign, nullptr, {"bucket"}},
      {"POST", "/api/v1/devices/{device}/unassign", "demilune:AssignBucket", kOne, unassign, nullptr, {"bucket"}},
      {"POST", "/api/v1/devices/{device}/suspend", "demilune:SetDeviceState", kOne, set_state<DeviceState::kSuspended>},
      {"POST", "/api/v1/devices/{device}/resume", "demilune:SetDeviceState", kOne, set_state<DeviceState::kEnrolled>},
      {"POST", "/api/v1/devices/{device}/lost", "demilune:SetDeviceState", kOne, set_state<DeviceState::kLost>},
      {"POST", "/api/v1/devices/{device}/retire", "demilune:SetDeviceState", kOne, set_state<DeviceState::kRetired>},
  };
}

}  // namespace dl::api::admin

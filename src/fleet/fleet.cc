#include "fleet/fleet.h"

#include <algorithm>

#include "crypto/hash.h"

namespace dl::fleet {
namespace {

Error no_device(const std::string& name) {
  return error(Code::kNotFound, "there is no device '" + name + "'", "`demilune device list` shows the devices.");
}

// One text for every wrong code, so that guessing learns nothing.
Error wrong_code() {
  return error(Code::kDenied, "the invitation code is wrong, used or expired",
               "Ask the operator of the hub for a new one.");
}

constexpr char kNoSuchDevice[] = "there is no such device";

// For the operator: why there is no open code. Empty: there is one.
std::string why_closed(const format::DeviceRow& device, uint64_t now_millis) {
  if (device.state == format::DeviceState::kEnrolled) return "used code";
  if (device.state != format::DeviceState::kInvited)
    return "the device is " + std::string(format::device_state_name(device.state));
  if (device.code_hash.empty()) return "no code is open";
  if (device.code_tries >= kMaxCodeTries) return "too many wrong codes";
  if (now_millis >= device.code_expires_millis) return "expired code";
  return {};
}

}  // namespace

Fleet::Fleet(FleetConfig config) : config_(std::move(config)) {
  DL_REQUIRE(config_.control && config_.clock && config_.random && config_.issue_certificate && config_.record,
             "fleet is wired by node");
}

Result<std::string> Fleet::invite(const audit::Author& by, const std::string& name, Millis life,
                                  const std::string& hub_address) {
  if (!control::valid_device_name(name, config_.hub_region))
    return error(Code::kInvalid, "'" + name + "' is no device name",
                 "Use 1 to 63 of a-z 0-9 -, not all digits, no hyphen at an end, not the hub's region.");
  if (life <= Millis(0) || life > std::chrono::hours(24 * 30))
    return error(Code::kInvalid, "an invitation lives between a moment and 30 days");
  if (hub_address.empty())
    return error(Code::kInvalid, "it is not known where devices reach this hub: it listens on all addresses",
                 "Give --hub-address HOST:PORT, or set link.hub_address.");
  if (hub_address.size() > 255 || hub_address.find(':', 1) == std::string::npos || hub_address.front() == '*')
    return error(Code::kInvalid, "'" + hub_address + "' is no HOST:PORT where devices reach the hub",
                 "Give --hub-address HOST:PORT.");
  format::InviteCode code{hub_address, config_.hub_ca_sha256, config_.random->bytes(16), name};
  auto expires = config_.clock->wall() + life;
  DL_TRY(auto row,
         config_.control->change_device(by, name, [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
           format::DeviceRow next;
           if (old) {
             if (old->state != format::DeviceState::kInvited)
               return error(Code::kExists,
                            "device '" + name + "' is " + std::string(format::device_state_name(old->state)) +
                                "; names are never given again",
                            "Choose another name.");
             next = *old;
           } else {
             next.id = config_.random->id<DeviceId>();
             next.name = name;
             next.created_millis = static_cast<uint64_t>(config_.clock->wall().time_since_epoch().count());
             next.projection_id_key = config_.random->bytes(32);
           }
           next.code_hash = crypto::sha256(code.secret).bytes();
           next.code_expires_millis = static_cast<uint64_t>(expires.time_since_epoch().count());
           next.code_tries = 0;
           return next;
         }));
  (void)row;
  return format::encode_invite_code(code);
}

Error Fleet::refuse_enrolment(audit::Author by, const std::string& kind, const std::string& why) {
  auto before = refusals_.count(kind, config_.clock->mono());
  if (!before) return wrong_code();
  by.deny(*before == 0 ? why : why + "; " + std::to_string(*before) + " more before this one are not recorded");
  auto recorded = config_.record(by.record());
  return recorded.ok() ? wrong_code() : std::move(recorded).error();
}

Result<format::EnrollAnswer> Fleet::enroll(const format::EnrollRequest& request, BytesView public_key) {
  Bytes hash = crypto::sha256(request.secret).bytes();
  bool refused = false;  // the try is counted, and the refusal is told after it is durable
  std::string closed;    // why nothing changes, not even a count
  auto by = audit::Author::of_node(config_.control->space().self, config_.clock->wall(), "enroll/" + request.device,
                                   "demilune:EnrollDevice", "arn:demilune:::device/" + request.device);
  // The name is a stranger's choice: all that are unknown are of one kind.
  if (!config_.control->state()->find_device(request.device)) return refuse_enrolment(by, kNoSuchDevice, kNoSuchDevice);
  auto row = config_.control->change_device(
      by, request.device, [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
        if (!old) {
          closed = kNoSuchDevice;
          return wrong_code();
        }
        format::DeviceRow next = *old;
        bool again = old->state == format::DeviceState::kEnrolled && equal_constant_time(old->spent_code_hash, hash) &&
                     old->public_key == public_key;
        if (again) return next;
        closed = why_closed(*old, static_cast<uint64_t>(config_.clock->wall().time_since_epoch().count()));
        if (!closed.empty()) return wrong_code();
        if (!equal_constant_time(old->code_hash, hash)) {
          refused = true;
          by.deny("wrong code");
          next.code_tries++;
          return next;
        }
        DL_TRY(next.certificate, config_.issue_certificate(public_key, next.name));
        next.public_key = Bytes(public_key);
        next.ca_pem = request.ca_pem;
        next.node = request.node;
        next.state = format::DeviceState::kEnrolled;
        next.spent_code_hash = hash;
        next.code_hash.clear();
        next.code_expires_millis = 0;
        next.code_tries = 0;
        return next;
      });
  if (!closed.empty()) return refuse_enrolment(by, request.device + " " + closed, closed);
  if (!row.ok()) return std::move(row).error();
  if (refused) return wrong_code();
  return format::EnrollAnswer{row->id,          row->projection_id_key, row->certificate,  config_.hub_ca_pem,
                              config_.hub_name, config_.hub_id,         config_.hub_region};
}

Result<void> Fleet::assign(const audit::Author& by, const std::string& device, const std::string& bucket) {
  if (!control::valid_bucket_name(bucket)) return error(Code::kInvalid, "'" + bucket + "' is no bucket name");
  DL_TRY(auto row,
         config_.control->change_device(by, device, [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
           if (!old) return no_device(device);
           auto next = *old;
           if (std::find(next.buckets.begin(), next.buckets.end(), bucket) == next.buckets.end())
             next.buckets.push_back(bucket);
           return next;
         }));
  (void)row;
  return {};
}

Result<void> Fleet::unassign(const audit::Author& by, const std::string& device, const std::string& bucket) {
  DL_TRY(auto row,
         config_.control->change_device(by, device, [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
           if (!old) return no_device(device);
           auto next = *old;
           if (std::erase(next.buckets, bucket) == 0)
             return error(Code::kNotFound, "bucket '" + bucket + "' is not assigned to '" + device + "'");
           return next;
         }));
  (void)row;
  return {};
}

Result<void> Fleet::set_state(const audit::Author& by, const std::string& device, format::DeviceState state) {
  DL_TRY(auto row,
         config_.control->change_device(by, device, [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
           if (!old) return no_device(device);
           auto from = old->state;
           bool resume = from == format::DeviceState::kSuspended && state == format::DeviceState::kEnrolled;
           bool suspend = from == format::DeviceState::kEnrolled && state == format::DeviceState::kSuspended;
           bool end = (state == format::DeviceState::kLost || state == format::DeviceState::kRetired) &&
                      from != format::DeviceState::kLost && from != format::DeviceState::kRetired;
           if (from != state && !resume && !suspend && !end)
             return error(Code::kConflict, "device '" + device + "' is " +
                                               std::string(format::device_state_name(from)) + " and cannot become " +
                                               std::string(format::device_state_name(state)));
           auto next = *old;
           next.state = state;
           if (end) next.code_hash.clear();
           return next;
         }));
  (void)row;
  return {};
}

Result<Member> Fleet::find_member(BytesView public_key) const {
  auto state = config_.control->state();
  for (const auto& [name, row] : state->devices) {
    if (row.public_key.empty() || row.public_key != public_key) continue;
    if (row.state != format::DeviceState::kEnrolled)
      return error(Code::kDenied,
                   "device '" + name + "' is " + std::string(format::device_state_name(row.state)) + " at this hub",
                   "Ask the operator of the hub.");
    return Member{row.id, name, row.state};
  }
  return error(Code::kForeign, "this hub knows no device with that key",
               "Enrol the device at this hub, or connect to its own hub.");
}

std::vector<format::DeviceRow> Fleet::list() const {
  std::vector<format::DeviceRow> out;
  for (const auto& [name, row] : config_.control->state()->devices) out.push_back(row);
  return out;
}

Result<format::DeviceRow> Fleet::get(const std::string& name) const {
  auto state = config_.control->state();
  if (const auto* row = state->find_device(name)) return *row;
  return no_device(name);
}

}  // namespace dl::fleet

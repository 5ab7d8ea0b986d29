#include <algorithm>

#include "base/hex.h"
#include "base/log.h"
#include "fleet/projection.h"
#include "node/admin_parts.h"

namespace dl::node {
namespace {

std::optional<WallTime> time_of(uint64_t millis) {
  if (millis == 0) return std::nullopt;
  return WallTime(Millis(static_cast<int64_t>(millis)));
}

api::admin::JobInfo info_of(const compute::Workload& w, const std::string& here, bool elsewhere) {
  api::admin::JobInfo info;
  info.id = w.spec.id;
  info.name = w.spec.name;
  info.kind = w.spec.kind == format::WorkloadKind::kService ? "service" : "job";
  info.image = w.spec.image;
  info.node = w.spec.node.empty() ? here : w.spec.node;
  info.principal = w.spec.principal;
  info.submitted = time_of(w.spec.submitted_millis);
  info.phase = elsewhere && !w.status ? "Waiting" : "Pending";
  if (elsewhere && !w.status)
    info.message =
        w.spec.cancelled ? "cancelled; the device has not heard of it yet" : "the device has not reported yet";
  if (!w.status) return info;
  const auto& s = *w.status;
  info.phase = std::string(format::phase_name(s.phase));
  info.reason = s.reason;
  info.message = s.message;
  info.exit_code = s.exit_code;
  info.restarts = s.restarts;
  info.terminal = format::is_terminal(s.phase);
  info.started = time_of(s.started_millis);
  info.finished = time_of(s.finished_millis);
  if (elsewhere) info.as_of = time_of(s.as_of_millis);
  info.notes = s.clamps;
  return info;
}

compute::RunRequest request_of(const std::string& principal, const api::admin::JobRequest& r) {
  compute::RunRequest out;
  out.image = r.image;
  out.name = r.name;
  out.service = r.service;
  out.args = r.args;
  out.env = r.env;
  out.input = r.input;
  out.output = r.output;
  out.memory_bytes = r.limits.memory_bytes;
  out.cpu_millis = r.limits.cpu_millis;
  out.pids = r.limits.pids;
  out.timeout = r.timeout;
  out.restart_on_failure = r.restart == "on-failure";
  out.principal = principal;
  out.host_network = r.host_network;
  out.working_dir = r.working_dir;
  out.user = r.user;
  return out;
}

// A job reads and writes objects as who submitted it, and a node's own administrator is somebody at that node alone: a
// device would refuse it only when it has heard of it, days later perhaps.
Result<void> check_rights_there(const compute::RunRequest& wish, const std::string& device) {
  if (!wish.principal.starts_with("node-admin/") || (wish.input.empty() && wish.output.empty())) return {};
  return error(Code::kInvalid,
               "'" + wish.principal + "' has no rights at device '" + device +
                   "': a job of it there could neither read --in nor write --out",
               "Send it as a user that has: `demilune run` with --endpoint https://HUB:7444 --ca FILE and the user's "
               "access key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
}

}  // namespace

Result<api::admin::JobInfo> WorkloadsAdmin::run(const audit::Author& by, const api::admin::JobRequest& request) {
  auto wish = request_of(by.principal(), request);
  if (request.on.empty() || request.on == parts_.node_name) {
    DL_TRY(auto made, parts_.compute->submit(by, wish));
    return info_of(made, parts_.node_name, false);
  }
  if (!parts_.hub)
    return error(Code::kUnsupported, "a device runs workloads on itself only",
                 "Send work to other devices from the hub.");
  auto state = parts_.control->state();
  const auto* device = state->find_device(request.on);
  if (!device)
    return error(Code::kNotFound, "there is no device '" + request.on + "'",
                 "`demilune device list` shows the devices.");
  if (device->state == format::DeviceState::kLost || device->state == format::DeviceState::kRetired)
    return error(Code::kConflict,
                 "device '" + request.on + "' is " + std::string(format::device_state_name(device->state)));
  DL_OK(check_rights_there(wish, request.on));
  wish.node = request.on;
  DL_TRY(auto spec, compute::make_spec(wish, *parts_.clock, *parts_.random));
  format::WorkloadRow row{spec.id, request.on, format::encode_workload_spec(spec), false, false, spec.submitted_millis};
  DL_OK(parts_.control->put_workload(by, std::move(row)));
  return info_of({spec, std::nullopt}, parts_.node_name, true);
}

Result<std::vector<compute::Workload>> WorkloadsAdmin::sent() const {
  std::vector<compute::Workload> out;
  if (!parts_.hub) return out;
  auto state = parts_.control->state();
  DL_TRY(auto view, parts_.store->partition("control").snapshot());
  for (const auto& [id, row] : state->workloads) {
    compute::Workload w;
    DL_TRY(w.spec, format::decode_workload_spec(row.spec));
    w.spec.cancelled = row.cancelled;
    if (const auto* device = state->find_device(row.target)) {
      auto space = fleet::projection_space(*device, parts_.self, true, &parts_.store->blobs("control"));
      DL_TRY(auto report, journal::find_key(*view, space, control::report_key(id)));
      if (report.current && report.current->record.value) {
        DL_TRY(auto decoded, format::decode_workload_report(*report.current->record.value));
        DL_TRY(w.status, format::decode_workload_status(decoded.status));
      }
    }
    out.push_back(std::move(w));
  }
  return out;
}

Result<compute::Workload> WorkloadsAdmin::find_sent(const std::string& which) const {
  DL_TRY(auto all, sent());
  std::vector<compute::Workload> fitting;
  for (auto& w : all)
    if (w.spec.name == which || (which.size() >= 8 && w.spec.id.hex().starts_with(which)))
      fitting.push_back(std::move(w));
  if (fitting.empty())
    return error(Code::kNotFound, "there is no workload '" + which + "'", "`demilune job list` shows them.");
  // By name the newest counts.
  return *std::max_element(fitting.begin(), fitting.end(), [](const auto& a, const auto& b) {
    return a.spec.submitted_millis < b.spec.submitted_millis;
  });
}

Result<std::vector<api::admin::JobInfo>> WorkloadsAdmin::list() {
  std::vector<api::admin::JobInfo> out;
  DL_TRY(auto own, parts_.compute->list());
  for (const auto& w : own) out.push_back(info_of(w, parts_.node_name, false));
  DL_TRY(auto others, sent());
  for (const auto& w : others) out.push_back(info_of(w, parts_.node_name, true));
  return out;
}

Result<api::admin::JobInfo> WorkloadsAdmin::find(const std::string& which) {
  auto own = parts_.compute->find(which);
  if (own.ok()) return info_of(*own, parts_.node_name, false);
  if (own.error().code != Code::kNotFound) return std::move(own).error();
  DL_TRY(auto w, find_sent(which));
  return info_of(w, parts_.node_name, true);
}

Result<api::admin::LogChunk> WorkloadsAdmin::logs(const std::string& which, uint64_t offset, size_t max) {
  auto own = parts_.compute->find(which);
  if (!own.ok()) {
    if (own.error().code != Code::kNotFound) return std::move(own).error();
    DL_TRY(auto w, find_sent(which));
    return error(Code::kUnsupported, "the log of '" + which + "' lies on " + w.spec.node + " in this version",
                 "Run `demilune job logs` there.");
  }
  DL_TRY(auto page, parts_.compute->logs(own->spec.id.hex(), offset, max));
  return api::admin::LogChunk{compute::log_text(page.lines), page.next, page.end, page.gap};
}

Result<void> WorkloadsAdmin::cancel(const audit::Author& by, const std::string& which) {
  auto own = parts_.compute->cancel(by, which);
  if (own.ok()) return {};
  if (own.error().code != Code::kNotFound) return std::move(own).error();
  DL_TRY(auto w, find_sent(which));
  auto state = parts_.control->state();
  auto row = state->workloads.at(w.spec.id);
  row.cancelled = true;
  return parts_.control->put_workload(by, std::move(row));
}

Result<void> WorkloadsAdmin::remove(const audit::Author& by, const std::string& which) {
  auto own = parts_.compute->find(which);
  if (own.ok()) {
    if (own->status && !format::is_terminal(own->status->phase))
      return error(Code::kConflict, "'" + which + "' is still " + std::string(format::phase_name(own->status->phase)),
                   "Cancel it first.");
    DL_TRY(auto gone, parts_.compute->remove(by, which));
    (void)gone;
    return {};
  }
  if (own.error().code != Code::kNotFound) return std::move(own).error();
  DL_TRY(auto w, find_sent(which));
  if (!w.status || !format::is_terminal(w.status->phase))
    return error(Code::kConflict, "'" + which + "' has not ended on " + w.spec.node, "Cancel it first.");
  auto state = parts_.control->state();
  auto row = state->workloads.at(w.spec.id);
  row.deleted = true;
  return parts_.control->put_workload(by, std::move(row));
}

}  // namespace dl::node

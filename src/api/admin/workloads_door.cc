#include "api/admin/workloads_door.h"

namespace dl::api::admin {
namespace {

std::optional<WallTime> time_of(uint64_t millis) {
  if (millis == 0) return std::nullopt;
  return WallTime(Millis(millis));
}

JobInfo info_of(const format::WorkloadSpec& spec, const std::optional<format::WorkloadStatus>& status) {
  JobInfo j;
  j.id = spec.id;
  j.name = spec.name;
  j.kind = spec.kind == format::WorkloadKind::kService ? "service" : "job";
  j.image = spec.image;
  j.node = spec.node;
  j.principal = spec.principal;
  j.submitted = time_of(spec.submitted_millis);
  j.phase = format::phase_name(status ? status->phase : format::WorkloadPhase::kPending);
  if (!status) return j;
  if (j.node.empty()) j.node = status->node;
  j.reason = status->reason;
  j.message = status->message;
  j.exit_code = status->exit_code;
  j.restarts = status->restarts;
  j.terminal = format::is_terminal(status->phase);
  j.started = time_of(status->started_millis);
  j.finished = time_of(status->finished_millis);
  j.notes = status->clamps;
  return j;
}

compute::RunRequest request_of(const std::string& principal, const JobRequest& r) {
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
  out.node = r.on;
  out.host_network = r.host_network;
  out.working_dir = r.working_dir;
  out.user = r.user;
  return out;
}

}  // namespace

Result<compute::ComputeService*> WorkloadsDoor::compute() const {
  if (!config_.compute)
    return error(Code::kUnsupported, "this node runs no workloads", "`demilune doctor` says what is missing.");
  return config_.compute;
}

Result<JobInfo> WorkloadsDoor::run(const std::string& principal, const JobRequest& request) {
  auto wanted = request_of(principal, request);
  if (!wanted.node.empty() && wanted.node != config_.node_name) return send(principal, wanted);
  wanted.node.clear();
  DL_TRY(auto* service, compute());
  DL_TRY(auto workload, service->submit(wanted));
  auto info = info_of(workload.spec, workload.status);
  if (info.node.empty()) info.node = config_.node_name;
  return info;
}

Result<JobInfo> WorkloadsDoor::send(const std::string& principal, const compute::RunRequest& request) {
  if (config_.control->role() != control::Role::kHub)
    return error(Code::kUnsupported, "a job for another node is given at the hub",
                 "Ask the hub with --endpoint, or leave out --on.");
  auto state = config_.control->state();
  const auto* device = state->find_device(request.node);
  if (!device)
    return error(Code::kNotFound, "there is no device '" + request.node + "'",
                 "`demilune device list` shows the devices.");
  if (device->state == format::DeviceState::kLost || device->state == format::DeviceState::kRetired)
    return error(Code::kConflict, "device '" + request.node + "' is " +
                                      std::string(format::device_state_name(device->state)) +
                                      " and will never hear of it");
  DL_TRY(auto spec, compute::make_spec(request, *config_.clock, *config_.random));
  format::WorkloadRow row;
  row.id = spec.id;
  row.target = request.node;
  row.spec = format::encode_workload_spec(spec);
  row.created_millis = spec.submitted_millis;
  DL_OK(config_.control->put_workload(principal, row));
  return given_info(row);
}

Result<JobInfo> WorkloadsDoor::given_info(const format::WorkloadRow& row) const {
  DL_TRY(auto spec, format::decode_workload_spec(row.spec));
  std::optional<format::WorkloadStatus> status;
  std::optional<format::WorkloadReportRow> report;
  if (config_.report_of) {
    DL_TRY(report, config_.report_of(row));
  }
  if (report) {
    DL_TRY(status, format::decode_workload_status(report->status));
  }
  auto info = info_of(spec, status);
  info.node = row.target;
  if (report) info.as_of = time_of(report->as_of_millis);
  if (!status) {
    info.reason = "Queued";
    info.message = row.cancelled ? "cancelled before the device told of it" : "the device has not told of it yet";
  }
  return info;
}

Result<std::vector<JobInfo>> WorkloadsDoor::list() {
  std::vector<JobInfo> out;
  if (config_.compute) {
    DL_TRY(auto here, config_.compute->list());
    for (const auto& w : here) {
      out.push_back(info_of(w.spec, w.status));
      if (out.back().node.empty()) out.back().node = config_.node_name;
    }
  }
  if (config_.control->role() != control::Role::kHub) return out;
  for (const auto& [id, row] : config_.control->state()->workloads) {
    if (row.deleted) continue;
    DL_TRY(auto info, given_info(row));
    out.push_back(std::move(info));
  }
  return out;
}

Result<std::optional<format::WorkloadRow>> WorkloadsDoor::find_given(const std::string& which) const {
  std::optional<format::WorkloadRow> found;
  if (config_.control->role() != control::Role::kHub) return found;
  bool by_id = false;
  for (const auto& [id, row] : config_.control->state()->workloads) {
    if (row.deleted) continue;
    bool starts = which.size() >= 4 && id.hex().starts_with(which);
    if (!starts) {
      DL_TRY(auto spec, format::decode_workload_spec(row.spec));
      // Of several with one name the newest is meant.
      bool newer = spec.name == which && !by_id && (!found || found->created_millis < row.created_millis);
      if (newer) found = row;
      continue;
    }
    if (by_id) return error(Code::kConflict, "'" + which + "' is the beginning of several ids", "Give more digits.");
    by_id = true;
    found = row;
  }
  return found;
}

Result<JobInfo> WorkloadsDoor::find(const std::string& which) {
  DL_TRY(auto given, find_given(which));
  if (given) return given_info(*given);
  DL_TRY(auto* service, compute());
  DL_TRY(auto workload, service->find(which));
  auto info = info_of(workload.spec, workload.status);
  if (info.node.empty()) info.node = config_.node_name;
  return info;
}

Result<LogChunk> WorkloadsDoor::logs(const std::string& which, const std::string& after) {
  DL_TRY(auto given, find_given(which));
  if (given)
    return error(Code::kUnsupported, "what a job prints stays on its device '" + given->target + "'",
                 "Ask there: `demilune job logs`. Its status is told here.");
  DL_TRY(auto* service, compute());
  // First whether it has ended, then what it printed: the other way round its last lines could be missed.
  DL_TRY(auto workload, service->find(which));
  DL_TRY(auto lines, service->logs(which, {}));
  // Lines are in the order of their times, all written by one supervisor.
  size_t first = lines.size();
  while (first > 0 && (after.empty() || lines[first - 1].time > after)) first--;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(first));
  LogChunk chunk;
  chunk.data = compute::log_text(lines);
  chunk.next = lines.empty() ? after : lines.back().time;
  chunk.end = workload.status && format::is_terminal(workload.status->phase);
  return chunk;
}

Result<void> WorkloadsDoor::cancel(const std::string& by, const std::string& which) {
  DL_TRY(auto given, find_given(which));
  if (given) {
    given->cancelled = true;
    return config_.control->put_workload(by, *given);
  }
  DL_TRY(auto* service, compute());
  DL_TRY(auto done, service->cancel(which));
  (void)done;
  return {};
}

Result<void> WorkloadsDoor::remove(const std::string& by, const std::string& which) {
  DL_TRY(auto given, find_given(which));
  if (given) {
    given->cancelled = true;
    given->deleted = true;
    return config_.control->put_workload(by, *given);
  }
  DL_TRY(auto* service, compute());
  DL_TRY(auto done, service->remove(which));
  (void)done;
  return {};
}

}  // namespace dl::api::admin

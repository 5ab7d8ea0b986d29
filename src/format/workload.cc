#include "format/workload.h"

#include <fmt/format.h>

#include "format/proto_util.h"
#include "workload.pb.h"

namespace dl::format {
namespace {

namespace pb = demilune::v1;
constexpr std::string_view kWorkloadTables =
    "\x7E"
    "wl/";

template <class E>
Result<E> get_enum(int value, E last, std::string_view what) {
  if (value < 1 || value > static_cast<int>(last))
    return error(Code::kUnsupported, fmt::format("{} has a value that is not known here: {}", what, value),
                 "update demilune");
  return static_cast<E>(value);
}

void put_prefix(pb::ObjectPrefix* out, const ObjectPrefix& prefix) {
  out->set_bucket(prefix.bucket);
  out->set_prefix(prefix.prefix);
}

template <class List>
std::vector<std::string> words_of(const List& in) {
  return {in.begin(), in.end()};
}

void put_process(pb::WorkloadSpec& m, const WorkloadSpec& spec) {
  for (const auto& word : spec.command) m.add_command(word);
  for (const auto& word : spec.args) m.add_args(word);
  for (const auto& variable : spec.env) {
    auto* e = m.add_env();
    e->set_name(variable.name);
    e->set_value(variable.value);
  }
  m.set_working_dir(spec.working_dir);
  m.set_user(spec.user);
  m.set_read_only_root(spec.read_only_root);
  m.mutable_limits()->set_memory_bytes(spec.limits.memory_bytes);
  m.mutable_limits()->set_cpu_millis(spec.limits.cpu_millis);
  m.mutable_limits()->set_pids(spec.limits.pids);
}

void get_process(WorkloadSpec& spec, const pb::WorkloadSpec& m) {
  spec.command = words_of(m.command());
  spec.args = words_of(m.args());
  for (const auto& e : m.env()) spec.env.push_back({e.name(), e.value()});
  spec.working_dir = m.working_dir();
  spec.user = m.user();
  spec.read_only_root = m.read_only_root();
  spec.limits = {m.limits().memory_bytes(), m.limits().cpu_millis(), m.limits().pids()};
}

}  // namespace

std::string_view phase_name(WorkloadPhase phase) {
  switch (phase) {
    case WorkloadPhase::kPending:
      return "Pending";
    case WorkloadPhase::kWaiting:
      return "Waiting";
    case WorkloadPhase::kStaging:
      return "Staging";
    case WorkloadPhase::kRunning:
      return "Running";
    case WorkloadPhase::kCollecting:
      return "Collecting";
    case WorkloadPhase::kBackOff:
      return "BackOff";
    case WorkloadPhase::kSucceeded:
      return "Succeeded";
    case WorkloadPhase::kFailed:
      return "Failed";
    case WorkloadPhase::kCancelled:
      return "Cancelled";
    case WorkloadPhase::kLost:
      return "Lost";
  }
  return "Unknown";
}

bool is_terminal(WorkloadPhase phase) {
  return phase == WorkloadPhase::kSucceeded || phase == WorkloadPhase::kFailed || phase == WorkloadPhase::kCancelled ||
         phase == WorkloadPhase::kLost;
}

Bytes encode_workload_spec(const WorkloadSpec& spec) {
  pb::WorkloadSpec m;
  m.set_format(1);
  m.set_id(spec.id.bytes());
  m.set_name(spec.name);
  m.set_kind(static_cast<pb::WorkloadKind>(spec.kind));
  m.set_image(spec.image);
  if (spec.image_digest) m.set_image_digest(spec.image_digest->bytes());
  put_process(m, spec);
  if (spec.input) put_prefix(m.mutable_input(), *spec.input);
  if (spec.output) put_prefix(m.mutable_output(), *spec.output);
  m.set_timeout_millis(spec.timeout_millis);
  m.set_restart(static_cast<pb::RestartPolicy>(spec.restart));
  m.set_max_restarts(spec.max_restarts);
  m.set_principal(spec.principal);
  m.set_node(spec.node);
  m.set_network(static_cast<pb::NetworkMode>(spec.network));
  m.set_submitted_millis(spec.submitted_millis);
  m.set_cancelled(spec.cancelled);
  m.set_deleted(spec.deleted);
  return m.SerializeAsString();
}

Result<WorkloadSpec> decode_workload_spec(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::WorkloadSpec>(bytes, "a workload spec"));
  WorkloadSpec spec;
  DL_TRY(spec.id, get_id<WorkloadId>(m.id(), "a workload spec"));
  spec.name = m.name();
  DL_TRY(spec.kind, get_enum(m.kind(), WorkloadKind::kService, "the workload's kind"));
  spec.image = m.image();
  if (!m.image_digest().empty()) {
    DL_TRY(spec.image_digest, get_id<Sha256>(m.image_digest(), "a workload spec"));
  }
  get_process(spec, m);
  if (m.has_input()) spec.input = ObjectPrefix{m.input().bucket(), m.input().prefix()};
  if (m.has_output()) spec.output = ObjectPrefix{m.output().bucket(), m.output().prefix()};
  spec.timeout_millis = m.timeout_millis();
  DL_TRY(spec.restart, get_enum(m.restart(), RestartPolicy::kAlways, "the workload's restart policy"));
  spec.max_restarts = m.max_restarts();
  spec.principal = m.principal();
  spec.node = m.node();
  DL_TRY(spec.network, get_enum(m.network(), NetworkMode::kHost, "the workload's network"));
  spec.submitted_millis = m.submitted_millis();
  spec.cancelled = m.cancelled();
  spec.deleted = m.deleted();
  return spec;
}

Bytes encode_workload_status(const WorkloadStatus& status) {
  pb::WorkloadStatus m;
  m.set_format(1);
  m.set_id(status.id.bytes());
  m.set_phase(static_cast<pb::WorkloadPhase>(status.phase));
  m.set_reason(status.reason);
  m.set_message(status.message);
  m.set_has_exit_code(status.exit_code.has_value());
  m.set_exit_code(status.exit_code.value_or(0));
  m.set_restarts(status.restarts);
  m.set_attempt(status.attempt);
  m.set_failures(status.failures);
  m.set_started_millis(status.started_millis);
  m.set_finished_millis(status.finished_millis);
  m.set_next_start_millis(status.next_start_millis);
  for (const auto& clamp : status.clamps) m.add_clamps(clamp);
  m.set_node(status.node);
  m.set_as_of_millis(status.as_of_millis);
  m.set_stop_reason(status.stop_reason);
  m.set_stop_millis(status.stop_millis);
  m.set_boot_id(status.boot_id);
  m.set_output_objects(status.output_objects);
  m.set_output_bytes(status.output_bytes);
  return m.SerializeAsString();
}

Result<WorkloadStatus> decode_workload_status(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::WorkloadStatus>(bytes, "a workload status"));
  WorkloadStatus status;
  DL_TRY(status.id, get_id<WorkloadId>(m.id(), "a workload status"));
  DL_TRY(status.phase, get_enum(m.phase(), WorkloadPhase::kLost, "the workload's phase"));
  status.reason = m.reason();
  status.message = m.message();
  if (m.has_exit_code()) status.exit_code = m.exit_code();
  status.restarts = m.restarts();
  status.attempt = m.attempt();
  status.failures = m.failures();
  status.started_millis = m.started_millis();
  status.finished_millis = m.finished_millis();
  status.next_start_millis = m.next_start_millis();
  status.clamps = words_of(m.clamps());
  status.node = m.node();
  status.as_of_millis = m.as_of_millis();
  status.stop_reason = m.stop_reason();
  status.stop_millis = m.stop_millis();
  status.boot_id = m.boot_id();
  status.output_objects = m.output_objects();
  status.output_bytes = m.output_bytes();
  return status;
}

Bytes workload_spec_key(const WorkloadId& id) { return workload_specs_begin() + id.bytes(); }
Bytes workload_status_key(const WorkloadId& id) { return Bytes(kWorkloadTables) + 't' + id.bytes(); }
Bytes workload_specs_begin() { return Bytes(kWorkloadTables) + 's'; }
Bytes workload_specs_end() { return Bytes(kWorkloadTables) + 't'; }

}  // namespace dl::format

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// What is wanted of a workload and what is (proto/workload.proto). Times are milliseconds since 1970.
namespace dl::format {

enum class WorkloadKind : uint8_t { kJob = 1, kService = 2 };
enum class RestartPolicy : uint8_t { kNever = 1, kOnFailure = 2, kAlways = 3 };
enum class NetworkMode : uint8_t { kNone = 1, kHost = 2 };
enum class WorkloadPhase : uint8_t {
  kPending = 1,
  kWaiting = 2,
  kStaging = 3,
  kRunning = 4,
  kCollecting = 5,
  kBackOff = 6,
  kSucceeded = 7,
  kFailed = 8,
  kCancelled = 9,
  kLost = 10,
};

struct EnvironmentVariable {
  std::string name, value;
  bool operator==(const EnvironmentVariable&) const = default;
};
struct ObjectPrefix {
  std::string bucket;
  Bytes prefix;
  bool operator==(const ObjectPrefix&) const = default;
};
struct WorkloadLimits {
  uint64_t memory_bytes = 0;  // 0: none
  uint64_t cpu_millis = 0;    // thousandths of a core; 0: none
  uint64_t pids = 0;          // 0: the node's default
  bool operator==(const WorkloadLimits&) const = default;
};

struct WorkloadSpec {
  WorkloadId id;
  std::string name;
  WorkloadKind kind = WorkloadKind::kJob;
  std::string image;                   // as the submitter wrote it
  std::optional<Sha256> image_digest;  // of the manifest, once resolved
  std::vector<std::string> command;    // replaces the image's entrypoint
  std::vector<std::string> args;       // replaces the image's command
  std::vector<EnvironmentVariable> env;
  std::optional<ObjectPrefix> input, output;
  WorkloadLimits limits;
  uint64_t timeout_millis = 0;  // 0: none
  RestartPolicy restart = RestartPolicy::kNever;
  uint32_t max_restarts = 0;  // on failure; 0: no bound for a service, the default of the node for a job
  std::string principal;      // reads and writes objects in its name
  std::string node;           // empty: where it was submitted
  NetworkMode network = NetworkMode::kNone;
  std::string working_dir;  // empty: the image's
  std::string user;         // empty: the image's; "uid[:gid]" otherwise
  bool read_only_root = false;
  uint64_t submitted_millis = 0;
  bool cancelled = false;  // wishes of the owner
  bool deleted = false;
  bool operator==(const WorkloadSpec&) const = default;
};

struct WorkloadStatus {
  WorkloadId id;
  WorkloadPhase phase = WorkloadPhase::kPending;
  std::string reason;   // one word
  std::string message;  // for people
  std::optional<int32_t> exit_code;
  uint32_t restarts = 0;
  uint32_t attempt = 0;   // numbers the containers of this workload from 1
  uint32_t failures = 0;  // in a row
  uint64_t started_millis = 0;
  uint64_t finished_millis = 0;
  uint64_t next_start_millis = 0;
  std::vector<std::string> clamps;
  std::string node;
  uint64_t as_of_millis = 0;
  std::string stop_reason;  // why it is being stopped
  uint64_t stop_millis = 0;
  std::string boot_id;
  uint64_t output_objects = 0, output_bytes = 0;
  bool operator==(const WorkloadStatus&) const = default;
};

// "Running"; and back, nullopt for no such word.
std::string_view phase_name(WorkloadPhase phase);
// True when nothing more happens by itself.
bool is_terminal(WorkloadPhase phase);

Bytes encode_workload_spec(const WorkloadSpec& spec);
Result<WorkloadSpec> decode_workload_spec(BytesView bytes);
Bytes encode_workload_status(const WorkloadStatus& status);
Result<WorkloadStatus> decode_workload_status(BytesView bytes);

// Keys in partition `control`: 7E "wl/" and a letter for the table: 's' specs, 't' statuses.
Bytes workload_spec_key(const WorkloadId& id);
Bytes workload_status_key(const WorkloadId& id);
Bytes workload_specs_begin();
Bytes workload_specs_end();

}  // namespace dl::format

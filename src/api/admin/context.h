#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/observe.h"
#include "audit/author.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task_fwd.h"
#include "control/control.h"
#include "fleet/fleet.h"
#include "format/json.h"
#include "gate/permit.h"
#include "net/http.h"
#include "net/runtime.h"

// What the administration API asks of a node. `node` wires it; tests hand in fakes. Everything outlives the API, and is
// thread-safe. Functions that are no Task may block on the disk: they are called on the pool.
namespace dl::api::admin {

// Who asks, proven.
struct Caller {
  std::string principal;   // "user/alice", "node-admin/field-01"
  std::string access_key;  // empty on the local socket
  std::string source;      // peer address
  std::string request_id;
};

// One thing a caller wants. Administration resources are "arn:demilune:::user/NAME" and the like; S3's name the bucket
// and the key instead.
struct Need {
  std::string action;    // "demilune:CreateUser", "s3:ListBucketVersions"
  std::string resource;  // ARN
  std::string bucket;    // s3 actions
  Bytes key;
};

// A decision in the caller's favour. The permit is what `objects` takes; tests' doors leave it out.
struct Admission {
  std::string principal;
  std::optional<gate::Permit> permit;
};

// The gate, as this room needs it (gate_door.h).
class Door {
 public:
  virtual ~Door() = default;
  // Local socket: the node's own uid or root is node-admin/<node>. Else SigV4, service `demilune`. `body`: the whole
  // body, whose hash is compared with the signed one; nullopt: it is streamed (UNSIGNED-PAYLOAD). Errors:
  // kUnauthenticated, kInvalid.
  virtual Result<Caller> authenticate(const net::HttpRequest& request, std::optional<BytesView> body,
                                      const std::string& request_id) = 0;
  // Decides and leaves an audit record. Errors: kDenied, kBusy (audit queue full).
  virtual Result<Admission> admit(const Caller& caller, const Need& need) = 0;
};

struct NodeInfo {
  std::string name;
  std::string version;
  std::string region;  // S3's, at this node
  std::string hub;     // device: its hub's name
  std::string data_endpoint, admin_endpoint, link_address;
  std::string ca_pem;
  std::string data_dir;
};

struct Finding {
  enum class Level : uint8_t { kOk, kWarning, kError };
  Level level = Level::kOk;
  std::string subject;  // "crun", "disk", "clock"
  std::string message;
  std::string next;
};

struct PartitionStatus {
  std::string name;
  bool serving = true;
  std::string message;  // why it does not
  uint64_t disk_bytes = 0;
};

// Buckets and conflicts: `objects` behind its permits (objects_door.h).
struct Bucket {
  std::string name;
  BucketId id;
  WallTime created;
  std::string versioning;  // "unversioned", "enabled", "suspended"
  std::string owner;
  bool home = false;
  bool ready = true;
};
struct Head {
  std::string version;  // 32 hex digits, also of a null version
  bool marker = false;
  bool current = false;
  uint64_t size = 0;
  std::string etag;
  std::string principal;  // who wrote it
  NodeId origin;          // the journal it was written into
  std::string device;     // its name, when this node knows it
  Hlc written;
};
struct Conflict {
  std::string bucket;
  Bytes key;
  std::vector<Head> versions;  // the current one first
};
struct Resolved {
  std::string version;
  bool at_hub = false;
};

class ObjectOps {
 public:
  virtual ~ObjectOps() = default;
  virtual Task<std::vector<Bucket>> list_buckets(Admission admission) = 0;
  virtual Task<Bucket> create_bucket(Admission admission, std::string name) = 0;
  virtual Task<void> delete_bucket(Admission admission, std::string name) = 0;
  virtual Task<void> set_versioning(Admission admission, std::string name, bool enabled) = 0;
  // Keys above `after`.
  virtual Task<std::vector<Conflict>> list_conflicts(Admission admission, std::string bucket, Bytes after,
                                                     size_t limit) = 0;
  // Errors: kNotFound (no such version), kConflict (the key has no conflict).
  virtual Task<Resolved> resolve(Admission admission, std::string bucket, Bytes key, std::string keep) = 0;
};

// The link and what has passed over it.
struct LinkStatus {
  std::string peer;   // hub or device
  std::string state;  // "connected", "connecting", "down", "paused"
  std::optional<WallTime> last_contact;
  std::string message;  // why it is down
  uint64_t sent_bytes = 0, received_bytes = 0;
};
struct SpaceStatus {
  std::string bucket, peer;
  uint64_t cursor = 0;     // csn that this node has followed to (hub: that the peer has)
  uint64_t newest = 0;     // the home's newest csn, as last heard
  uint64_t undecided = 0;  // own records that the home has not decided
  uint64_t bodies_missing = 0, bytes_missing = 0;
  std::optional<WallTime> as_of;  // when `newest` was heard; absent: this node is the home
};
struct SyncStatus {
  bool paused = false;
  std::vector<LinkStatus> links;
  std::vector<SpaceStatus> spaces;
};
struct Fact {
  std::string name, value;
};

class SyncControl {
 public:
  virtual ~SyncControl() = default;
  virtual SyncStatus status() = 0;
  // An empty peer means all.
  virtual Result<void> now(const std::string& peer) = 0;
  virtual Result<void> pause(const std::string& peer) = 0;
  virtual Result<void> resume(const std::string& peer) = 0;
  // What is known of an object and what it waits for, as sentences. Errors: kNotFound.
  virtual Result<std::vector<Fact>> why(const std::string& bucket, const Bytes& key) = 0;
};

struct ImageInfo {
  std::string name;    // "busybox:latest"
  std::string digest;  // "sha256:..."
  std::string os, architecture;
  uint64_t size = 0;
  WallTime imported;
};

class Images {
 public:
  virtual ~Images() = default;
  virtual Result<std::vector<ImageInfo>> list() = 0;
  // A tar archive (plain, gzip or zstd) of an OCI layout, streamed. `name` empty: the one inside. Errors: kInvalid,
  // kUnsupported, kTooLarge, kCorrupt, kNoSpace.
  virtual Task<ImageInfo> import(net::BodyReader* archive, std::string name) = 0;
  // By name or digest. Errors: kNotFound, kConflict (a workload needs it).
  virtual Result<void> remove(const std::string& name) = 0;
};

struct JobLimits {
  uint64_t memory_bytes = 0, cpu_millis = 0, pids = 0;  // 0: none
};
struct JobRequest {
  std::string name;  // empty: made up
  std::string image;
  std::string on;  // device; empty: here
  bool service = false;
  std::string restart;            // "never", "on-failure", "always"
  std::vector<std::string> args;  // instead of the image's command
  std::vector<std::string> env;   // NAME=value
  std::string input, output;      // s3://bucket/prefix
  JobLimits limits;
  Millis timeout{0};
  bool host_network = false;
  std::string working_dir, user;
};
struct JobInfo {
  WorkloadId id;
  std::string name, kind, image, node, principal;
  std::string phase, reason, message;
  std::optional<int32_t> exit_code;
  uint32_t restarts = 0;
  bool terminal = false;
  std::optional<WallTime> submitted, started, finished;
  std::optional<WallTime> as_of;   // of the report, when it runs elsewhere; absent: seen here and now
  std::vector<std::string> notes;  // limits that could not be kept
};
struct LogChunk {
  Bytes data;
  uint64_t next_offset = 0;
  bool end = false;  // nothing more will come
  bool gap = false;  // what stood before `data` is kept no longer
};

class Workloads {
 public:
  virtual ~Workloads() = default;
  // Durable when it returns. Errors: kInvalid, kNotFound (device), kExists (service of that name), kUnsupported.
  virtual Result<JobInfo> run(const audit::Author& by, const JobRequest& request) = 0;
  virtual Result<std::vector<JobInfo>> list() = 0;
  // By id (hex, or a beginning that is unique) or by name. Errors: kNotFound, kConflict (ambiguous).
  virtual Result<JobInfo> find(const std::string& which) = 0;
  // `offset`: 0 (the beginning of what is kept), or the next_offset of an answer before.
  virtual Result<LogChunk> logs(const std::string& which, uint64_t offset, size_t max) = 0;
  virtual Result<void> cancel(const audit::Author& by, const std::string& which) = 0;
  virtual Result<void> remove(const audit::Author& by, const std::string& which) = 0;  // kConflict while it runs
};

struct InboxItem {
  std::string id;    // record hash, hex
  std::string kind;  // "held", "refused"
  std::string bucket;
  Bytes key;
  std::string device, principal, reason;
  Hlc written;
};

struct AuditQuery {
  std::optional<WallTime> since;
  std::string principal, action;  // exact; empty: any
  bool denied_only = false;
  size_t limit = 100;
};
struct AuditRow {
  WallTime time;
  std::string principal, action, resource, decision, outcome, reason, source;
};

struct AdminContext {
  net::Runtime* runtime = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  control::Control* control = nullptr;
  fleet::Fleet* fleet = nullptr;  // nullptr at a device
  Door* door = nullptr;
  ObjectOps* objects = nullptr;
  SyncControl* sync = nullptr;
  Images* images = nullptr;        // nullptr: the node runs no workloads
  Workloads* workloads = nullptr;  // likewise
  std::function<NodeInfo()> node;
  std::function<std::optional<WallTime>()> hub_heard;  // device: when its hub was last heard, also before this start
  // /readyz: does not block. Errors: kNoSpace (below the reserve), kUnavailable (closed for want of space, or it does
  // not commit), others (it has failed).
  std::function<Result<void>()> ready;
  std::function<std::vector<PartitionStatus>()> partitions;
  std::function<std::vector<Finding>()> doctor;
  std::function<format::Json()> config;      // settings in force, with their origin, and the memory they allow
  std::function<std::string()> metrics;      // Prometheus text format 0.0.4; may block
  const RequestMetrics* requests = nullptr;  // null: nothing is counted
  std::function<Result<std::vector<InboxItem>>(size_t limit)> inbox;
  std::function<Result<std::vector<AuditRow>>(const AuditQuery&)> audit;
};

}  // namespace dl::api::admin

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "access/policy.h"
#include "access/sigv4.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "format/audit.h"
#include "gate/facts.h"
#include "gate/permit.h"

namespace dl::gate {

// A request as a front door has it. Views live for the call.
struct Request {
  access::RequestView http;
  std::string_view peer;             // address, or "unix"
  std::optional<uint32_t> peer_uid;  // of the local socket
  std::string_view request_id;
};

// What is asked. Bucket and key name an S3 resource (empty bucket: the account); `resource`, an ARN, names any other.
struct Operation {
  std::string action;  // "s3:PutObject", "demilune:CreateUser"
  std::string bucket;
  Bytes key;
  std::string resource;
};

// Who is known by other means than a signature: callers that a front door keeps, owners of workloads.
struct Who {
  std::string principal;  // "user/alice", "node-admin/field-01"
  std::string access_key;
  std::string source;
  std::string request_id;
};

// Somebody proven, for one request. Move-only: it is made by Gate alone and asks Gate for permits, as many as the
// request has resources.
class Identity {
 public:
  Identity(Identity&&) noexcept = default;
  Identity& operator=(Identity&&) noexcept = default;
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  const Who& who() const { return who_; }
  // How the request was signed, and what that says about its body; nullptr when it was not (local socket).
  const access::Verified* verified() const { return verified_ ? &*verified_ : nullptr; }

 private:
  friend class Gate;
  Identity() = default;
  Who who_;
  std::optional<access::Verified> verified_;
};

// The one door: says who asks, decides, and leaves an audit record for every decision. Thread-safe.
//
// Records of changes (of objects, buckets, users, devices, jobs: kRecordedInStep) go into the permit, for the step of
// the change; a permit that is dropped without its record being taken leaves one of outcome "failed".
// All others are recorded at once, through `record`.
class Gate {
 public:
  struct Config {
    std::string node_name;  // of node-admin/<node name>
    NodeId node;
    std::string region;    // that credentials must name: S3's at the hub, the device's name at a device
    uint32_t own_uid = 0;  // of this process
    const Clock* clock = nullptr;
    const Principals* principals = nullptr;
    // audit::Queue::submit. kBusy when full.
    std::function<Result<void>(Bytes record)> record;
  };
  explicit Gate(Config config);

  // Who asks. `services`: those this door speaks ({"s3"}, {"demilune"}). `about`: what is asked, for the record of a
  // refusal; may be empty where it is not known yet. The local socket's callers are node-admin/<node> when they are
  // root or this process's user, whatever they sign. Errors: access/refusal.h; kBusy (the refusal cannot be recorded).
  Result<Identity> authenticate(const Request& request, const std::vector<std::string>& services,
                                const Operation& about = {});
  // Somebody proven before. Nothing is believed but the name: authorize() looks the user up.
  Identity act_as(Who who) const;

  // Whether they may. Errors: kPolicy, kDisabledKey (access/refusal.h); kBusy.
  Result<Permit> authorize(const Identity& identity, const Operation& operation);
  // The same decision on today's facts, after the control revision moved. The old permit's record is void.
  Result<Permit> renew(const Permit& permit);

  const std::string& region() const { return config_.region; }

 private:
  struct Judged {
    bool allowed = false;
    std::string reason;  // for the record
    std::optional<Error> refusal;
  };
  struct Parsed {
    std::optional<access::Policy> policy;
    std::string problem;
  };
  Result<Identity> identify(const Request& request, const std::vector<std::string>& services);
  Judged judge(const Facts& facts, const Who& who, const Operation& operation, const std::string& resource);
  std::shared_ptr<const Parsed> parsed(const NamedDocument& document);
  Result<Permit> decide(const Who& who, const Operation& operation);
  format::AuditRecord record_of(const Who& who, const std::string& action, const std::string& resource) const;
  Result<void> write(const format::AuditRecord& record) const;

  const Config config_;
  access::Verifier verifier_;
  std::mutex m_;
  std::unordered_map<std::string, std::shared_ptr<const Parsed>> policies_;  // by name and document
};

}  // namespace dl::gate

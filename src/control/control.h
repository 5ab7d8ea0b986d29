#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/author.h"
#include "base/clock.h"
#include "base/random.h"
#include "control/state.h"
#include "journal/space.h"
#include "storage/partition.h"

namespace dl::control {

enum class Role : uint8_t { kHub, kDevice };

struct Config {
  Role role = Role::kHub;
  storage::Partition* partition = nullptr;  // `control`
  journal::Space space;                     // hub: the control space; device: its projection
  const Clock* clock = nullptr;
  Random* random = nullptr;
  // AEAD under the ring's user-secret key with the access key id as associated data.
  std::function<Result<Bytes>(BytesView id, BytesView secret)> seal_secret;
  std::function<Result<Bytes>(BytesView id, BytesView sealed)> open_secret;
  // Refuses a policy document that this version cannot honour.
  std::function<Result<void>(const std::string& document)> check_policy;
  // Runs an empty step on every data partition, so that no step that rests on older facts follows. May be empty in
  // tests.
  std::function<Result<void>()> fence;
};

struct NewKey {
  std::string id;
  std::string secret;  // shown once
};

// Control state of this node: the one place where users, keys, policies, buckets, devices and workloads change. A
// change is durable, with the audit record of its author in the same step, published in state() and fenced before it is
// acknowledged; one that finds nothing to change leaves its record alone. All calls are thread-safe; those that
// change block on the disk and run one after another. At a device every change but reports is refused with kUnsupported
// "done at the hub".
class Control {
 public:
  // Reads the space. Errors: kCorrupt.
  static Result<std::unique_ptr<Control>> open(Config config);

  std::shared_ptr<const State> state() const;
  Role role() const { return config_.role; }
  const journal::Space& space() const { return config_.space; }
  // After a change: called with the new state, outside the locks, in order. Set before the node serves.
  void on_change(std::function<void()> listener) { listener_ = std::move(listener); }
  // Reads the space again (device: after a piece of its projection was applied).
  Result<void> reload();

  // Users. Names: [a-zA-Z0-9+=,.@_-]{1,64}, as AWS. Errors: kExists, kNotFound, kInvalid, kLimit.
  Result<void> create_user(const audit::Author& by, const std::string& name, std::vector<format::NamedPolicy> policies);
  Result<void> delete_user(const audit::Author& by, const std::string& name);  // with its keys
  Result<void> set_user_enabled(const audit::Author& by, const std::string& name, bool enabled);
  Result<void> put_policy(const audit::Author& by, const std::string& user, format::NamedPolicy policy);
  Result<void> delete_policy(const audit::Author& by, const std::string& user, const std::string& policy);
  Result<NewKey> create_key(const audit::Author& by, const std::string& user);
  Result<void> set_key_enabled(const audit::Author& by, const std::string& id, bool enabled);
  Result<void> delete_key(const audit::Author& by, const std::string& id);
  Result<std::string> secret_of(const std::string& id) const;  // hub only

  // Buckets. Errors: kExists (with the owner in the message), kNotFound, kInvalid.
  Result<format::BucketRow> create_bucket(const audit::Author& by, const std::string& name);
  // `empty` is asked before and after the row became deleted and the fence ran; a "no" after it puts the row back.
  Result<void> delete_bucket(const audit::Author& by, const std::string& name,
                             const std::function<Result<bool>(const format::BucketRow&)>& empty);
  // Takes a deletion back that was cut off; under another name when its own is in use. The devices that had it have to
  // be assigned it again. Errors: kNotFound.
  Result<format::BucketRow> restore_bucket(const audit::Author& by, const BucketId& id);
  Result<void> set_versioning(const audit::Author& by, const std::string& name, format::BucketVersioning versioning);

  // Devices: the row is written whole by fleet, which knows what its fields mean. `change` sees the present row
  // (nullptr: none) and returns the new one; it runs under the lock of changes, so that spending a code and issuing a
  // certificate are one commit.
  Result<format::DeviceRow> change_device(
      const audit::Author& by, const std::string& name,
      const std::function<Result<format::DeviceRow>(const format::DeviceRow*)>& change);

  Result<void> put_workload(const audit::Author& by, format::WorkloadRow row);
  Result<void> put_report(format::WorkloadReportRow row);  // device: into its projection's journal

 private:
  struct Change {
    Bytes key;
    std::optional<Bytes> value;  // nullopt: the row goes
  };
  explicit Control(Config config);
  Result<void> require_hub() const;
  Result<void> apply(const audit::Author& by, const std::vector<Change>& changes);  // under changing_
  Result<std::shared_ptr<State>> read_all() const;
  void publish(std::shared_ptr<State> next);
  uint64_t now_millis() const;

  Config config_;
  std::function<void()> listener_;
  std::mutex changing_;   // one change at a time
  mutable std::mutex m_;  // state_
  std::shared_ptr<const State> state_;
};

bool valid_user_name(std::string_view name);
bool valid_device_name(std::string_view name, std::string_view hub_region);
// AWS's rules for general purpose buckets: 3 to 63 of [a-z0-9.-], starts and ends with a letter or digit, no "..", no
// IP address.
bool valid_bucket_name(std::string_view name);

// The sub-set of HMAC steps of SigV4 that a device may hold (data model, "A device holds no user's secret key").
Bytes day_region_key(BytesView secret, uint32_t day, std::string_view region);
// "20261124" of days since 1970-01-01.
std::string day_string(uint32_t day);

}  // namespace dl::control

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// Control rows (proto/control.proto). Decoders accept any bytes: kCorrupt when it is no such row, kUnsupported for a
// newer format.
namespace dl::format {

struct NamedPolicy {
  std::string name, document;
  bool operator==(const NamedPolicy&) const = default;
};
struct UserRow {
  std::string name;
  bool enabled = true;
  uint64_t created_millis = 0;
  std::vector<NamedPolicy> policies;
  bool operator==(const UserRow&) const = default;
};
struct AccessKeyRow {
  std::string id, user;
  bool enabled = true;
  uint64_t created_millis = 0;
  Bytes sealed_secret;
  bool operator==(const AccessKeyRow&) const = default;
};
struct DayKeysRow {
  std::string id, user;
  bool enabled = true;
  uint32_t first_day = 0;  // days since 1970-01-01
  Bytes keys;              // 32 bytes a day
  uint32_t days() const { return static_cast<uint32_t>(keys.size() / 32); }
  bool operator==(const DayKeysRow&) const = default;
};
enum class BucketVersioning : uint8_t { kUnversioned = 0, kEnabled = 1, kSuspended = 2 };
struct BucketRow {
  BucketId id;
  std::string name;
  uint64_t created_millis = 0;
  BucketVersioning versioning = BucketVersioning::kUnversioned;
  bool deleted = false;
  Bytes id_key;
  std::string owner;
  bool operator==(const BucketRow&) const = default;
};
enum class DeviceState : uint8_t { kInvited = 1, kEnrolled = 2, kSuspended = 3, kLost = 4, kRetired = 5 };
std::string_view device_state_name(DeviceState s);
struct DeviceRow {
  DeviceId id;
  std::string name;
  DeviceState state = DeviceState::kInvited;
  uint64_t created_millis = 0;
  Bytes code_hash;  // SHA-256 of the invitation's secret; empty once spent
  uint64_t code_expires_millis = 0;
  uint32_t code_tries = 0;
  Bytes spent_code_hash;  // of the code that enrolled it: the same key with the same code gets its certificate again
  Bytes public_key, certificate;
  std::string ca_pem;
  std::vector<std::string> buckets;  // names assigned, also before they exist
  Bytes projection_id_key;
  NodeId node;
  std::vector<BucketId> former_buckets;  // unassigned or deleted since, kept by Control: what it wrote there is taken
  bool operator==(const DeviceRow&) const = default;
};
struct SelfRow {
  std::string hub, device;
  DeviceState state = DeviceState::kEnrolled;
  uint64_t as_of_millis = 0;
  bool operator==(const SelfRow&) const = default;
};
struct WorkloadRow {
  WorkloadId id;
  std::string target;
  Bytes spec;
  bool cancelled = false;
  bool deleted = false;
  uint64_t created_millis = 0;
  bool operator==(const WorkloadRow&) const = default;
};
struct WorkloadReportRow {
  WorkloadId id;
  Bytes status;
  uint64_t as_of_millis = 0;
  bool operator==(const WorkloadReportRow&) const = default;
};

Bytes encode(const UserRow& row);
Bytes encode(const AccessKeyRow& row);
Bytes encode(const DayKeysRow& row);
Bytes encode(const BucketRow& row);
Bytes encode(const DeviceRow& row);
Bytes encode(const SelfRow& row);
Bytes encode(const WorkloadRow& row);
Bytes encode(const WorkloadReportRow& row);

Result<UserRow> decode_user(BytesView b);
Result<AccessKeyRow> decode_access_key(BytesView b);
Result<DayKeysRow> decode_day_keys(BytesView b);
Result<BucketRow> decode_bucket(BytesView b);
Result<DeviceRow> decode_device(BytesView b);
Result<SelfRow> decode_self(BytesView b);
Result<WorkloadRow> decode_workload_row(BytesView b);
Result<WorkloadReportRow> decode_workload_report(BytesView b);

}  // namespace dl::format

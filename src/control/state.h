#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "format/control.h"

namespace dl::control {

// One moment of control state, whole and immutable; readers hold it by shared_ptr for as long as a request lasts. At
// the hub it is read from the control space, at a device from that device's projection.
struct State {
  uint64_t revision = 0;  // grows with every change at this node; a Permit carries it
  std::map<std::string, format::UserRow> users;
  std::map<std::string, format::AccessKeyRow> keys;    // hub
  std::map<std::string, format::DayKeysRow> day_keys;  // device
  std::map<BucketId, format::BucketRow> buckets;       // also deleted ones: their late records are held
  std::map<std::string, BucketId> bucket_names;        // active ones only
  std::map<std::string, format::DeviceRow> devices;    // hub
  std::map<WorkloadId, format::WorkloadRow> workloads;
  std::map<WorkloadId, format::WorkloadReportRow> reports;  // device's own; the hub reads them from the projections
  std::optional<format::SelfRow> self;                      // device

  const format::UserRow* find_user(const std::string& name) const;
  const format::BucketRow* find_bucket(const std::string& name) const;  // active
  const format::BucketRow* find_bucket(const BucketId& id) const;       // also deleted
  const format::DeviceRow* find_device(const std::string& name) const;
  const format::DeviceRow* find_device(const DeviceId& id) const;
};

// The keys of rows, also in projections.
Bytes user_key(const std::string& name);
Bytes access_key_key(const std::string& id);
Bytes day_keys_key(const std::string& id);
Bytes bucket_key(const BucketId& id);
Bytes device_key(const std::string& name);
Bytes workload_key(const WorkloadId& id);
Bytes report_key(const WorkloadId& id);
Bytes self_key();

// Puts one row (nullopt: it is gone) into a state. Rows of kinds that this version does not know are left alone.
// kCorrupt.
Result<void> set_row(State& state, BytesView key, const std::optional<Bytes>& value);

}  // namespace dl::control

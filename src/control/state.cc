#include "control/state.h"

namespace dl::control {
namespace {

constexpr std::string_view kUser = "user/", kKey = "key/", kDayKeys = "daykeys/", kBucket = "bucket/",
                           kDevice = "device/", kWorkload = "workload/", kReport = "report/workload/", kSelf = "self";

// Rows kept in a plain map under the rest of their key.
template <class Map, class Decode>
Result<void> set_in(Map& map, const typename Map::key_type& id, const std::optional<Bytes>& value, Decode decode) {
  if (!value) {
    map.erase(id);
    return {};
  }
  DL_TRY(auto row, decode(*value));
  map.insert_or_assign(id, std::move(row));
  return {};
}

Result<void> set_bucket(State& state, std::string_view rest, const std::optional<Bytes>& value) {
  DL_TRY(auto id, BucketId::from_hex(rest));
  if (auto old = state.buckets.find(id); old != state.buckets.end()) {
    auto name = state.bucket_names.find(old->second.name);
    if (name != state.bucket_names.end() && name->second == id) state.bucket_names.erase(name);
  }
  DL_OK(set_in(state.buckets, id, value, format::decode_bucket));
  if (value && !state.buckets[id].deleted) state.bucket_names[state.buckets[id].name] = id;
  return {};
}

}  // namespace

const format::UserRow* State::find_user(const std::string& name) const {
  auto it = users.find(name);
  return it == users.end() ? nullptr : &it->second;
}

const format::BucketRow* State::find_bucket(const std::string& name) const {
  auto it = bucket_names.find(name);
  return it == bucket_names.end() ? nullptr : find_bucket(it->second);
}

const format::BucketRow* State::find_bucket(const BucketId& id) const {
  auto it = buckets.find(id);
  return it == buckets.end() ? nullptr : &it->second;
}

const format::DeviceRow* State::find_device(const std::string& name) const {
  auto it = devices.find(name);
  return it == devices.end() ? nullptr : &it->second;
}

const format::DeviceRow* State::find_device(const DeviceId& id) const {
  for (const auto& [name, row] : devices)
    if (row.id == id) return &row;
  return nullptr;
}

Bytes user_key(const std::string& name) { return Bytes(kUser) + name; }
Bytes access_key_key(const std::string& id) { return Bytes(kKey) + id; }
Bytes day_keys_key(const std::string& id) { return Bytes(kDayKeys) + id; }
Bytes bucket_key(const BucketId& id) { return Bytes(kBucket) + id.hex(); }
Bytes device_key(const std::string& name) { return Bytes(kDevice) + name; }
Bytes workload_key(const WorkloadId& id) { return Bytes(kWorkload) + id.hex(); }
Bytes report_key(const WorkloadId& id) { return Bytes(kReport) + id.hex(); }
Bytes self_key() { return Bytes(kSelf); }

Result<void> set_row(State& state, BytesView key, const std::optional<Bytes>& value) {
  auto rest = [&](std::string_view prefix) { return std::string(key.substr(prefix.size())); };
  if (key.starts_with(kUser)) return set_in(state.users, rest(kUser), value, format::decode_user);
  if (key.starts_with(kKey)) return set_in(state.keys, rest(kKey), value, format::decode_access_key);
  if (key.starts_with(kDayKeys)) return set_in(state.day_keys, rest(kDayKeys), value, format::decode_day_keys);
  if (key.starts_with(kBucket)) return set_bucket(state, key.substr(kBucket.size()), value);
  if (key.starts_with(kDevice)) return set_in(state.devices, rest(kDevice), value, format::decode_device);
  if (key.starts_with(kWorkload)) {
    DL_TRY(auto id, WorkloadId::from_hex(key.substr(kWorkload.size())));
    return set_in(state.workloads, id, value, format::decode_workload_row);
  }
  if (key.starts_with(kReport)) {
    DL_TRY(auto id, WorkloadId::from_hex(key.substr(kReport.size())));
    return set_in(state.reports, id, value, format::decode_workload_report);
  }
  if (key == kSelf) {
    state.self.reset();
    if (value) {
      DL_TRY(auto row, format::decode_self(*value));
      state.self = std::move(row);
    }
  }
  return {};
}

}  // namespace dl::control

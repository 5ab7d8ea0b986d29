#include "control/control.h"

#include <algorithm>

#include "control/limits.h"
#include "crypto/hash.h"
#include "journal/space_setup.h"

namespace dl::control {
namespace {

constexpr std::string_view kKeyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

Error no_user(const std::string& name) {
  return error(Code::kNotFound, "there is no user '" + name + "'", "`demilune user list` shows the users.");
}

std::string new_key_id(Random& random) {
  std::string id = "DL";
  for (int i = 0; i < 18; i++) id.push_back(kKeyAlphabet[random.below(kKeyAlphabet.size())]);
  return id;
}

// Buckets that `next` is assigned no more are remembered by id; what is assigned again is not former.
void keep_former(const State& state, const format::DeviceRow* old, format::DeviceRow& next) {
  auto& former = next.former_buckets;
  if (old)
    for (const auto& name : old->buckets)
      if (const auto* bucket = state.find_bucket(name)) former.push_back(bucket->id);
  for (const auto& name : next.buckets)
    if (const auto* bucket = state.find_bucket(name)) std::erase(former, bucket->id);
}

}  // namespace

Control::Control(Config config) : config_(std::move(config)), state_(std::make_shared<State>()) {
  DL_REQUIRE(config_.partition && config_.clock && config_.random, "control is wired by node");
}

Result<std::unique_ptr<Control>> Control::open(Config config) {
  std::unique_ptr<Control> control(new Control(std::move(config)));
  const auto& c = control->config_;
  DL_OK(c.partition->commit_wait([&](storage::Batch& batch) { return journal::create_space(batch, c.space); },
                                 storage::Purpose::kFree));
  DL_OK(control->reload());
  return control;
}

std::shared_ptr<const State> Control::state() const {
  std::lock_guard lock(m_);
  return state_;
}

uint64_t Control::now_millis() const { return static_cast<uint64_t>(config_.clock->wall().time_since_epoch().count()); }

Result<void> Control::require_hub() const {
  if (config_.role == Role::kHub) return {};
  return error(Code::kUnsupported, "this is done at the hub in this version", "Run the command against the hub.");
}

Result<std::shared_ptr<State>> Control::read_all() const {
  auto next = std::make_shared<State>();
  DL_TRY(auto view, config_.partition->snapshot());
  DL_OK(journal::scan_objects(*view, config_.space, {}, [&](const journal::Listed& row) -> Result<storage::Scan> {
    DL_TRY(auto found, journal::find_key(*view, config_.space, row.key));
    if (!found.current || !found.current->record.value)
      return error(Code::kCorrupt, "control row '" + row.key + "' has no value");
    auto put = set_row(*next, row.key, *found.current->record.value);
    if (!put.ok()) return std::move(put).error().within("control row '" + row.key + "'");
    return storage::Scan::kContinue;
  }));
  return next;
}

void Control::publish(std::shared_ptr<State> next) {
  std::lock_guard lock(m_);
  next->revision = state_->revision + 1;
  state_ = std::move(next);
}

Result<void> Control::reload() {
  {
    std::lock_guard changing(changing_);
    DL_TRY(auto next, read_all());
    publish(std::move(next));
    if (config_.fence) DL_OK(config_.fence());
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::apply(const audit::Author& by, const std::vector<Change>& changes) {
  journal::Moment now{config_.clock->wall()};
  DL_OK(config_.partition->commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        for (const auto& change : changes) {
          journal::Draft draft;
          draft.kind = change.value ? format::RecordKind::kObject : format::RecordKind::kMarker;
          draft.key = change.key;
          draft.principal = by.principal();
          draft.value = change.value;
          if (change.value) draft.object.size = change.value->size();
          DL_TRY(auto written, journal::append(batch, config_.space, std::move(draft), now));
          (void)written;
        }
        return by.append_to(batch);
      },
      storage::Purpose::kFree));
  by.written();
  if (changes.empty()) return {};
  auto next = std::make_shared<State>(*state());
  for (const auto& change : changes) DL_OK(set_row(*next, change.key, change.value));
  publish(std::move(next));
  if (config_.fence) DL_OK(config_.fence());
  return {};
}

Result<void> Control::create_user(const audit::Author& by, const std::string& name,
                                  std::vector<format::NamedPolicy> policies) {
  DL_OK(require_hub());
  if (!valid_user_name(name))
    return error(Code::kInvalid, "'" + name + "' is no user name", "Use 1 to 64 of A-Z a-z 0-9 + = , . @ _ -.");
  if (policies.size() > kMaxPoliciesPerUser)
    return error(Code::kLimit, "a user has at most " + std::to_string(kMaxPoliciesPerUser) + " policies");
  for (const auto& policy : policies) {
    if (policy.document.size() > kMaxPolicyBytes)
      return error(Code::kLimit,
                   "policy '" + policy.name + "' is larger than " + std::to_string(kMaxPolicyBytes) + " bytes");
    if (config_.check_policy) DL_OK(config_.check_policy(policy.document));
  }
  {
    std::lock_guard changing(changing_);
    auto now = state();
    if (now->find_user(name)) return error(Code::kExists, "user '" + name + "' exists already");
    if (now->users.size() >= kMaxUsers)
      return error(Code::kLimit, "there are " + std::to_string(kMaxUsers) + " users already");
    format::UserRow row{name, true, now_millis(), std::move(policies)};
    DL_OK(apply(by, {{user_key(name), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::delete_user(const audit::Author& by, const std::string& name) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    auto now = state();
    if (!now->find_user(name)) return no_user(name);
    std::vector<Change> changes{{user_key(name), std::nullopt}};
    for (const auto& [id, key] : now->keys)
      if (key.user == name) changes.push_back({access_key_key(id), std::nullopt});
    DL_OK(apply(by, changes));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::set_user_enabled(const audit::Author& by, const std::string& name, bool enabled) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* user = now->find_user(name);
    if (!user) return no_user(name);
    auto row = *user;
    row.enabled = enabled;
    DL_OK(apply(by, {{user_key(name), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::put_policy(const audit::Author& by, const std::string& user, format::NamedPolicy policy) {
  DL_OK(require_hub());
  if (policy.name.empty() || policy.name.size() > 128)
    return error(Code::kInvalid, "a policy needs a name of 1 to 128 bytes");
  if (policy.document.size() > kMaxPolicyBytes)
    return error(Code::kLimit, "the policy is larger than " + std::to_string(kMaxPolicyBytes) + " bytes");
  if (config_.check_policy) DL_OK(config_.check_policy(policy.document));
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* found = now->find_user(user);
    if (!found) return no_user(user);
    auto row = *found;
    std::erase_if(row.policies, [&](const auto& p) { return p.name == policy.name; });
    if (row.policies.size() >= kMaxPoliciesPerUser)
      return error(Code::kLimit,
                   "user '" + user + "' has " + std::to_string(kMaxPoliciesPerUser) + " policies already");
    row.policies.push_back(std::move(policy));
    DL_OK(apply(by, {{user_key(user), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::delete_policy(const audit::Author& by, const std::string& user, const std::string& policy) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* found = now->find_user(user);
    if (!found) return no_user(user);
    auto row = *found;
    if (std::erase_if(row.policies, [&](const auto& p) { return p.name == policy; }) == 0)
      return error(Code::kNotFound, "user '" + user + "' has no policy '" + policy + "'");
    DL_OK(apply(by, {{user_key(user), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<NewKey> Control::create_key(const audit::Author& by, const std::string& user) {
  DL_OK(require_hub());
  NewKey made{new_key_id(*config_.random), to_base64url(config_.random->bytes(30))};
  {
    std::lock_guard changing(changing_);
    auto now = state();
    if (!now->find_user(user)) return no_user(user);
    auto held = std::count_if(now->keys.begin(), now->keys.end(), [&](const auto& k) { return k.second.user == user; });
    if (static_cast<size_t>(held) >= kMaxKeysPerUser)
      return error(Code::kLimit, "user '" + user + "' has " + std::to_string(kMaxKeysPerUser) + " access keys already",
                   "Delete one first: `demilune key list`, `demilune key delete`.");
    DL_TRY(auto sealed, config_.seal_secret(made.id, made.secret));
    format::AccessKeyRow row{made.id, user, true, now_millis(), std::move(sealed)};
    DL_OK(apply(by, {{access_key_key(made.id), format::encode(row)}}));
  }
  if (listener_) listener_();
  return made;
}

Result<void> Control::set_key_enabled(const audit::Author& by, const std::string& id, bool enabled) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    auto now = state();
    auto it = now->keys.find(id);
    if (it == now->keys.end()) return error(Code::kNotFound, "there is no access key '" + id + "'");
    auto row = it->second;
    row.enabled = enabled;
    DL_OK(apply(by, {{access_key_key(id), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::delete_key(const audit::Author& by, const std::string& id) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    if (!state()->keys.contains(id)) return error(Code::kNotFound, "there is no access key '" + id + "'");
    DL_OK(apply(by, {{access_key_key(id), std::nullopt}}));
  }
  if (listener_) listener_();
  return {};
}

Result<std::string> Control::secret_of(const std::string& id) const {
  auto now = state();
  auto it = now->keys.find(id);
  if (it == now->keys.end()) return error(Code::kNotFound, "there is no access key '" + id + "'");
  return config_.open_secret(id, it->second.sealed_secret);
}

Result<format::BucketRow> Control::create_bucket(const audit::Author& by, const std::string& name) {
  if (!valid_bucket_name(name))
    return error(Code::kInvalid, "'" + name + "' is no bucket name",
                 "Use 3 to 63 of a-z 0-9 . -, starting and ending with a letter or digit.");
  format::BucketRow row;
  {
    std::lock_guard changing(changing_);
    auto now = state();
    if (const auto* old = now->find_bucket(name))
      return error(Code::kExists, "bucket '" + name + "' exists already and belongs to " + old->owner);
    DL_OK(require_hub());  // behind the question whether it exists: rclone asks for the bucket before each copy
    if (now->bucket_names.size() >= kMaxBuckets)
      return error(Code::kLimit, "there are " + std::to_string(kMaxBuckets) + " buckets already");
    row.id = config_.random->id<BucketId>();
    row.name = name;
    row.created_millis = now_millis();
    row.id_key = config_.random->bytes(32);
    row.owner = by.principal();
    DL_OK(apply(by, {{bucket_key(row.id), format::encode(row)}}));
  }
  if (listener_) listener_();
  return row;
}

Result<void> Control::delete_bucket(const audit::Author& by, const std::string& name,
                                    const std::function<Result<bool>(const format::BucketRow&)>& empty) {
  DL_OK(require_hub());
  auto not_empty = [&] {
    return error(Code::kConflict, "bucket '" + name + "' is not empty", "Delete its versions first.");
  };
  {
    std::lock_guard changing(changing_);
    auto now = state();
    const auto* row = now->find_bucket(name);
    if (!row) return error(Code::kNotFound, "there is no bucket '" + name + "'");
    DL_TRY(bool first, empty(*row));
    if (!first) return not_empty();
    auto gone = *row;
    gone.deleted = true;
    std::vector<Change> deletion{{bucket_key(row->id), format::encode(gone)}};
    std::vector<Change> undone{{bucket_key(row->id), format::encode(*row)}};
    for (const auto& [device_name, device] : now->devices) {
      // By id from here on: another bucket of that name is not theirs.
      auto without = device;
      if (std::erase(without.buckets, name) == 0) continue;
      keep_former(*now, &device, without);
      deletion.push_back({device_key(device_name), format::encode(without)});
      undone.push_back({device_key(device_name), format::encode(device)});
    }
    DL_OK(apply(by, deletion));
    // A write that passed the gate before may have landed until the fence ran: look again, and take it back if so.
    auto second = empty(*row);
    if (!second.ok() || !*second) {
      DL_OK(apply(by.taken_back("something was written meanwhile"), undone));
      if (!second.ok()) return std::move(second).error();
      return not_empty();
    }
  }
  if (listener_) listener_();
  return {};
}

Result<format::BucketRow> Control::restore_bucket(const audit::Author& by, const BucketId& id) {
  DL_OK(require_hub());
  format::BucketRow row;
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* found = now->find_bucket(id);
    if (!found) return error(Code::kNotFound, "there is no bucket with the id " + id.hex());
    row = *found;
    if (!row.deleted) return row;
    row.deleted = false;
    if (now->find_bucket(row.name)) row.name = row.name.substr(0, kMaxBucketName - 9) + "-" + id.hex().substr(0, 8);
    DL_OK(apply(by, {{bucket_key(id), format::encode(row)}}));
  }
  if (listener_) listener_();
  return row;
}

Result<void> Control::set_versioning(const audit::Author& by, const std::string& name,
                                     format::BucketVersioning versioning) {
  DL_OK(require_hub());
  if (versioning == format::BucketVersioning::kUnversioned)
    return error(Code::kInvalid, "versioning can be enabled or suspended, never unset");
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* found = now->find_bucket(name);
    if (!found) return error(Code::kNotFound, "there is no bucket '" + name + "'");
    auto row = *found;
    row.versioning = versioning;
    DL_OK(apply(by, {{bucket_key(row.id), format::encode(row)}}));
  }
  if (listener_) listener_();
  return {};
}

Result<format::DeviceRow> Control::change_device(
    const audit::Author& by, const std::string& name,
    const std::function<Result<format::DeviceRow>(const format::DeviceRow*)>& change) {
  DL_OK(require_hub());
  format::DeviceRow row;
  {
    std::lock_guard changing(changing_);
    const auto now = state();
    const auto* present = now->find_device(name);
    if (!present && now->devices.size() >= kMaxDevices)
      return error(Code::kLimit, "there are " + std::to_string(kMaxDevices) + " devices already");
    DL_TRY(row, change(present));
    keep_former(*now, present, row);
    if (present && *present == row) {
      DL_OK(apply(by, {}));
      return row;
    }
    if (row.buckets.size() > kMaxBucketsPerDevice)
      return error(Code::kLimit, "a device holds at most " + std::to_string(kMaxBucketsPerDevice) + " buckets");
    bool more = !present || row.buckets.size() > present->buckets.size();
    if (more && row.buckets.size() + row.former_buckets.size() > kMaxEverPerDevice)
      return error(Code::kLimit, "a device remembers at most " + std::to_string(kMaxEverPerDevice) + " buckets",
                   "Retire it and enrol it anew.");
    DL_OK(apply(by, {{device_key(name), format::encode(row)}}));
  }
  if (listener_) listener_();
  return row;
}

Result<void> Control::put_workload(const audit::Author& by, format::WorkloadRow row) {
  DL_OK(require_hub());
  {
    std::lock_guard changing(changing_);
    if (state()->workloads.size() >= kMaxWorkloads && !state()->workloads.contains(row.id))
      return error(Code::kLimit, "there are " + std::to_string(kMaxWorkloads) + " workloads already",
                   "Delete finished ones.");
    DL_OK(apply(by, {{workload_key(row.id), row.deleted ? std::nullopt : std::optional(format::encode(row))}}));
  }
  if (listener_) listener_();
  return {};
}

Result<void> Control::put_report(format::WorkloadReportRow row) {
  std::lock_guard changing(changing_);
  return apply(audit::Author("node"), {{report_key(row.id), format::encode(row)}});
}

}  // namespace dl::control

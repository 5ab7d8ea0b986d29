#include "objects/engine.h"

#include <algorithm>

#include "audit/log.h"
#include "base/task.h"
#include "gate/gate.h"
#include "objects/conditions.h"

namespace dl::objects {

Result<void> check_permit(const gate::Permit& permit, std::initializer_list<std::string_view> actions) {
  if (std::find(actions.begin(), actions.end(), permit.action()) != actions.end()) return {};
  return error(Code::kInternal, "a permit for " + permit.action() + " was used for " + std::string(*actions.begin()));
}

Result<Place> find_place(const Deps& deps, const gate::Permit& permit) {
  auto bucket = deps.buckets->find_bucket(permit.bucket());
  if (!bucket || bucket->deleted)
    return refuse(Code::kNotFound, Reason::kNoSuchBucket, "there is no bucket " + permit.bucket() + " here");
  if (!bucket->ready)
    return refuse(Code::kUnavailable, Reason::kBucketNotReady,
                  "the bucket " + permit.bucket() + " is assigned to this node, its content is still arriving",
                  "try again in a few seconds");
  DL_TRY(SpaceHandle at, deps.spaces->find_space(*bucket));
  DL_ASSERT(at.space && at.partition && at.blobs, "a space without partition or blobs");
  return Place{std::move(*bucket), at};
}

Result<void> check_key(BytesView key) {
  if (key.empty()) return error(Code::kInternal, "an object operation without a key");
  if (key.size() > limits::kMaxKeyBytes)
    return refuse(Code::kTooLarge, Reason::kKeyTooLong,
                  "the key has " + std::to_string(key.size()) + " bytes, at most " +
                      std::to_string(limits::kMaxKeyBytes) + " are allowed");
  return {};
}

Task<void> commit(storage::Partition* partition, storage::Step step, storage::Purpose purpose) {
  auto held = std::make_shared<storage::Step>(std::move(step));
  co_return co_await net::await_callback(
      [partition, held, purpose](std::function<void(Result<void>)> done) {
        partition->commit([held](storage::Batch& batch) { return (*held)(batch); }, std::move(done), purpose);
      },
      limits::kCommitWait);
}

Result<void> check_revision(const Deps& deps, const std::vector<gate::Permit>& permits) {
  const uint64_t now = deps.buckets->revision();
  for (const auto& permit : permits)
    if (permit.control_revision() != now)
      return refuse(Code::kConflict, Reason::kStale, "control state moved while the request was on its way",
                    "try again");
  return {};
}

Result<void> append_audit(storage::Batch& batch, const std::vector<gate::Permit>& permits,
                          const std::function<bool(size_t permit)>& is_done) {
  for (size_t i = 0; i < permits.size(); ++i) {
    if (is_done && !is_done(i)) continue;
    const Bytes& record = permits[i].audit();
    if (record.empty()) continue;
    DL_TRY(uint64_t index, audit::append(batch, record));
    (void)index;
  }
  return {};
}

Result<std::vector<gate::Permit>> renew(const Deps& deps, const std::vector<gate::Permit>& permits) {
  std::vector<gate::Permit> out;
  for (const auto& permit : permits) {
    DL_TRY(auto fresh, deps.gate->renew(permit));
    out.push_back(std::move(fresh));
  }
  return out;
}

Result<Shown> find_shown(const storage::View& view, const journal::Space& space, BytesView key,
                         const std::optional<VersionRef>& ref) {
  Shown shown;
  DL_TRY(auto found, journal::find_key(view, space, key));
  shown.conflicts = found.conflict_count;
  shown.arriving = found.arriving;
  if (!ref) {
    shown.version = std::move(found.current);
  } else if (ref->null) {
    DL_TRY(shown.version, journal::find_null(view, space, key));
  } else {
    DL_TRY(shown.version, journal::find_version(view, space, key, ref->id));
  }
  return shown;
}

Result<ObjectInfo> describe(const Place& place, BytesView key, const std::optional<VersionRef>& ref, Shown shown) {
  if (!shown.version && ref)
    return refuse(Code::kNotFound, Reason::kNoSuchVersion,
                  "there is no such version of " + std::string(key) + " in " + place.bucket.name);
  if (!shown.version)
    return refuse(Code::kNotFound, Reason::kNoSuchKey,
                  "there is no object " + std::string(key) + " in " + place.bucket.name);
  const journal::Version& v = *shown.version;
  ObjectInfo info;
  info.found = v.record.kind == format::RecordKind::kMarker ? Found::kMarker : Found::kObject;
  info.hash = v.hash;
  info.version = v.version;
  info.null = v.record.null;
  info.versioned = place.versioned();
  info.current = v.current;
  info.here = v.body_here;
  info.at_hub = v.state == journal::State::kCommitted;
  info.last_modified = v.record.hlc;
  info.attributes = v.record.attributes;
  if (v.record.object) info.fields = *v.record.object;
  info.conflicts = shown.conflicts;
  info.arriving = shown.arriving;
  info.length = info.fields.size;
  return info;
}

Error tell_damage(const Deps& deps, Damaged found, Error why) {
  if (why.code != Code::kCorrupt) return why;
  found.why = why.message;
  if (deps.damaged) deps.damaged(found);
  return refuse(
      Code::kCorrupt, Reason::kDamaged,
      (found.version.empty() ? "What is stored of this object" : "Version " + found.version) +
          std::string(" is damaged on this node and cannot be read; other versions and objects are not concerned"),
      "ask the node's operator to look at `demilune doctor`");
}

std::string version_name(const std::optional<VersionRef>& version) {
  return version ? version_text(version->null, version->id) : std::string();
}

journal::Moment moment(const Deps& deps) {
  return {deps.clock->wall(), deps.clock_trust ? deps.clock_trust() : format::ClockTrust::kUnknown};
}

std::string version_text(bool null, const VersionId& id) { return null ? "null" : id.hex(); }

std::optional<VersionRef> parse_version(std::string_view text) {
  if (text == "null") return VersionRef{true, {}};
  auto id = VersionId::from_hex(text);
  if (!id.ok()) return std::nullopt;
  return VersionRef{false, *id};
}

}  // namespace dl::objects

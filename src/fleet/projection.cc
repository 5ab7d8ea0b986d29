#include "fleet/projection.h"

#include <algorithm>

#include "access/limits.h"
#include "base/log.h"
#include "journal/space_setup.h"

namespace dl::fleet {
namespace {

static_assert(std::chrono::days(kDaysBack) > access::limits::kMaxPresignedExpiry);

constexpr Millis kRound = std::chrono::hours(1);

Bytes day_keys(const std::string& secret, uint32_t first_day, uint32_t days, const std::string& region) {
  Bytes keys;
  keys.reserve(days * 32);
  for (uint32_t d = 0; d < days; d++) keys += control::day_region_key(secret, first_day + d, region);
  return keys;
}

// The hub's own rows of a projection, as they are now. What the device wrote there (reports) is not the hub's to
// remove.
Result<std::map<Bytes, Bytes>> present_projection(const storage::View& view, const journal::Space& space) {
  std::map<Bytes, Bytes> rows;
  DL_OK(journal::scan_objects(view, space, {}, [&](const journal::Listed& listed) -> Result<storage::Scan> {
    if (listed.key.starts_with("report/")) return storage::Scan::kContinue;
    DL_TRY(auto found, journal::find_key(view, space, listed.key));
    if (found.current && found.current->record.value) rows[listed.key] = *found.current->record.value;
    return storage::Scan::kContinue;
  }));
  return rows;
}

}  // namespace

Result<std::map<Bytes, Bytes>> desired_projection(const control::State& state, const format::DeviceRow& device,
                                                  const ProjectionFacts& facts) {
  std::map<Bytes, Bytes> rows;
  // A day old stamp is enough for "as of": the age of the link is told by sync, not by this row.
  uint64_t as_of = static_cast<uint64_t>(facts.today) * 86'400'000;
  rows[control::self_key()] = format::encode(format::SelfRow{facts.hub_name, device.name, device.state, as_of});
  if (device.state != format::DeviceState::kEnrolled) return rows;  // suspended, lost, retired: nothing more to know

  std::vector<std::string> buckets;
  for (const auto& name : device.buckets) {
    const auto* row = state.find_bucket(name);
    if (!row) continue;  // assigned before it exists
    buckets.push_back(name);
    rows[control::bucket_key(row->id)] = format::encode(*row);
  }
  uint32_t lease = std::min(facts.lease_days, kMaxLeaseDays);
  uint32_t first_day = facts.today - std::min(facts.today, kDaysBack);
  uint32_t days = facts.today - first_day + lease;
  for (const auto& [name, user] : state.users) {
    if (!std::any_of(buckets.begin(), buckets.end(), [&](const auto& b) { return facts.touches(user, b); })) continue;
    rows[control::user_key(name)] = format::encode(user);
    for (const auto& [id, key] : state.keys) {
      if (key.user != name) continue;
      DL_TRY(auto secret, facts.secret_of(id));
      format::DayKeysRow row{id, name, key.enabled && user.enabled, first_day, {}};
      if (row.enabled) row.keys = day_keys(secret, first_day, days, device.name);
      rows[control::day_keys_key(id)] = format::encode(row);
    }
  }
  for (const auto& [id, workload] : state.workloads)
    if (workload.target == device.name) rows[control::workload_key(id)] = format::encode(workload);
  return rows;
}

journal::Space projection_space(const format::DeviceRow& device, const NodeId& self, bool home,
                                const storage::BlobStore* blobs) {
  return {BucketId::of(device.id.view()), self, home, device.projection_id_key, blobs};
}

Projector::Projector(ProjectorConfig config) : config_(std::move(config)) {
  DL_REQUIRE(config_.control && config_.partition && config_.clock && config_.facts, "projector is wired by node");
}

Projector::~Projector() { stop(); }

void Projector::start() {
  thread_ = Thread("projector", [this] {
    do {
      auto done = run_once();
      if (!done.ok()) log_error("fleet", "projections could not be brought up to date: {}", done.error().message);
    } while (signal_.wait_for(kRound));
  });
}

void Projector::stop() {
  signal_.stop();
  thread_.join();
}

void Projector::poke() { signal_.poke(); }

Result<void> Projector::run_once() {
  std::lock_guard lock(round_);
  auto state = config_.control->state();
  auto facts = config_.facts();
  for (const auto& [name, device] : state->devices) {
    if (device.state == format::DeviceState::kInvited) continue;
    auto done = update(*state, device, facts);
    if (!done.ok()) return std::move(done).error().within("device '" + name + "'");
  }
  return {};
}

Result<void> Projector::update(const control::State& state, const format::DeviceRow& device,
                               const ProjectionFacts& facts) {
  auto space = projection_space(device, config_.self, true, config_.blobs);
  DL_TRY(auto want, desired_projection(state, device, facts));
  DL_TRY(auto view, config_.partition->snapshot());
  DL_TRY(auto have, present_projection(*view, space));
  view.reset();
  std::vector<std::pair<Bytes, std::optional<Bytes>>> changes;
  for (const auto& [key, value] : want) {
    auto it = have.find(key);
    if (it == have.end() || it->second != value) changes.emplace_back(key, value);
  }
  for (const auto& [key, value] : have)
    if (!want.contains(key)) changes.emplace_back(key, std::nullopt);
  if (changes.empty()) return {};
  journal::Moment now{config_.clock->wall()};
  DL_OK(config_.partition->commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        DL_OK(journal::create_space(batch, space));
        for (const auto& [key, value] : changes) {
          journal::Draft draft;
          draft.kind = value ? format::RecordKind::kObject : format::RecordKind::kMarker;
          draft.key = key;
          draft.principal = "hub";
          draft.value = value;
          if (value) draft.object.size = value->size();
          auto written = journal::append(batch, space, std::move(draft), now);
          if (!written.ok()) return std::move(written).error();
        }
        return {};
      },
      storage::Purpose::kFree));
  if (config_.changed) config_.changed(space.bucket);
  return {};
}

}  // namespace dl::fleet

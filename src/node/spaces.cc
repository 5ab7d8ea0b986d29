#include "node/spaces.h"

#include <algorithm>

#include "base/log.h"
#include "fleet/projection.h"
#include "format/keys.h"
#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/space_setup.h"
#include "journal/work.h"
#include "objects/upload_rows.h"

namespace dl::node {
namespace {

constexpr size_t kDropRows = 500;
constexpr size_t kCommitsAStep = 256;
constexpr std::string_view kHeldTable = "node/held/";  // the bucket's row, as long as the space is held
constexpr std::string_view kDropTable = "node/drop/";  // the same, from when its deletion began

Bytes table_prefix(std::string_view table) {
  return Bytes(1, static_cast<char>(format::RowType::kTable)) + Bytes(table);
}
Bytes held_key(const BucketId& id) { return table_prefix(kHeldTable) + id.bytes(); }
Bytes drop_key(const BucketId& id) { return table_prefix(kDropTable) + id.bytes(); }

Result<std::vector<format::BucketRow>> read_table(const storage::View& view, std::string_view table) {
  std::vector<format::BucketRow> out;
  Bytes prefix = table_prefix(table);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView, BytesView value) -> Result<storage::Scan> {
    DL_TRY(auto row, format::decode_bucket(value));
    out.push_back(std::move(row));
    return storage::Scan::kContinue;
  }));
  return out;
}

}  // namespace

NodeSpaces::NodeSpaces(SpacesConfig config) : config_(std::move(config)) {
  DL_REQUIRE(config_.store, "spaces are wired by node");
}

const journal::Space& NodeSpaces::intern(const BucketId& id, const Bytes& id_key) const {
  std::lock_guard lock(m_);
  auto& slot = spaces_[id];
  if (!slot)
    slot = std::make_unique<journal::Space>(
        journal::Space{id, config_.self, config_.hub, id_key, &config_.store->blobs("default")});
  return *slot;
}

bool NodeSpaces::is_ready(const BucketId& id) const {
  if (config_.hub) return true;
  std::lock_guard lock(m_);
  return ready_.contains(id);
}

objects::BucketInfo NodeSpaces::info_of(const format::BucketRow& row) const {
  objects::BucketInfo info;
  info.id = row.id;
  info.name = row.name;
  info.created = WallTime(Millis(row.created_millis));
  info.versioning = static_cast<journal::Versioning>(row.versioning);
  info.home_region = config_.home_region;
  info.owner = row.owner;
  info.id_key = row.id_key;
  info.deleted = row.deleted;
  info.home = config_.hub;
  info.ready = is_ready(row.id);
  return info;
}

uint64_t NodeSpaces::revision() const { return config_.control->state()->revision; }

std::optional<objects::BucketInfo> NodeSpaces::find_bucket(std::string_view name) const {
  auto state = config_.control->state();
  const auto* row = state->find_bucket(std::string(name));
  if (!row) return std::nullopt;
  return info_of(*row);
}

std::vector<objects::BucketInfo> NodeSpaces::list_buckets() const {
  auto state = config_.control->state();
  std::vector<objects::BucketInfo> out;
  for (const auto& [name, id] : state->bucket_names) out.push_back(info_of(state->buckets.at(id)));
  return out;
}

Result<objects::BucketInfo> NodeSpaces::create_bucket(const audit::Author& by, const std::string& name) {
  DL_TRY(auto row, config_.control->create_bucket(by, name));
  DL_OK(make_space(row));
  return info_of(row);
}

Result<void> NodeSpaces::delete_bucket(const audit::Author& by, const std::string& name,
                                       std::function<Result<bool>()> empty) {
  int asked = 0;
  return config_.control->delete_bucket(by, name, [&](const format::BucketRow& row) -> Result<bool> {
    DL_TRY(bool is_empty, empty());
    // The second time the row is deleted and every committer has run past it: what comes from now on is held.
    if (!is_empty || ++asked == 1) return is_empty;
    const auto& space = intern(row.id, row.id_key);
    auto closed = config_.store->partition("default").commit_wait(
        [&](storage::Batch& batch) { return journal::close_space(batch, space); }, storage::Purpose::kFree);
    if (!closed.ok() && closed.error().code == Code::kConflict) return false;
    if (!closed.ok()) return std::move(closed).error();
    return true;
  });
}

Result<void> NodeSpaces::set_versioning(const audit::Author& by, const std::string& name,
                                        journal::Versioning versioning) {
  return config_.control->set_versioning(by, name, static_cast<format::BucketVersioning>(versioning));
}

Result<objects::SpaceHandle> NodeSpaces::find_space(const objects::BucketInfo& bucket) {
  return objects::SpaceHandle{&intern(bucket.id, bucket.id_key), config_.objects_partition,
                              &config_.store->blobs("default")};
}

std::optional<sync::HeldSpace> NodeSpaces::find_space(const BucketId& id) const {
  auto state = config_.control->state();
  auto& control_partition = config_.store->partition("control");
  auto& control_blobs = config_.store->blobs("control");
  if (config_.hub) {
    if (const auto* device = state->find_device(DeviceId::of(id.view())))
      return sync::HeldSpace{fleet::projection_space(*device, config_.self, true, &control_blobs), &control_partition,
                             &control_blobs, false};
  } else if (id == BucketId::of(config_.own_device.view())) {
    return sync::HeldSpace{config_.control->space(), &control_partition, &control_blobs, false};
  }
  auto& partition = config_.store->partition("default");
  auto& blobs = config_.store->blobs("default");
  const auto* row = state->find_bucket(id);
  if (row) (void)intern(id, row->id_key);
  std::lock_guard lock(m_);
  if (dropping_.contains(id)) return std::nullopt;
  if (row) return sync::HeldSpace{*spaces_.at(id), &partition, &blobs, row->deleted};
  if (auto it = leaving_.find(id); it != leaving_.end())
    return sync::HeldSpace{*spaces_.at(id), &partition, &blobs, false};
  return std::nullopt;
}

Result<std::vector<BucketId>> NodeSpaces::shared_with(const sync::Peer& peer) const {
  auto state = config_.control->state();
  std::vector<BucketId> out;
  if (config_.hub) {
    const auto* device = state->find_device(peer.device);
    if (!device || device->state != format::DeviceState::kEnrolled) return out;
    out.push_back(BucketId::of(device->id.view()));
    for (const auto& name : device->buckets)
      if (const auto* row = state->find_bucket(name)) out.push_back(row->id);
    return out;
  }
  out.push_back(BucketId::of(config_.own_device.view()));
  std::lock_guard lock(m_);
  for (const auto& [name, id] : state->bucket_names)
    if (!dropping_.contains(id)) out.push_back(id);
  for (const auto& id : leaving_)
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
  return out;
}

// The home takes records of every bucket that an enrolled device has or once had: also of one that was unassigned while
// the device was dark, and of a deleted one, where they are held. What a device may read is decided by shared_with.
Result<bool> NodeSpaces::may_receive(const sync::Peer& peer, const BucketId& space) const {
  if (!config_.hub) return find_space(space).has_value();
  DL_TRY(auto receivable, receivable_from(peer));
  return std::find(receivable.begin(), receivable.end(), space) != receivable.end();
}

Result<std::vector<BucketId>> NodeSpaces::receivable_from(const sync::Peer& peer) const {
  if (!config_.hub) return std::vector<BucketId>();
  DL_TRY(auto out, shared_with(peer));
  if (out.empty()) return out;  // not enrolled
  auto state = config_.control->state();
  const auto* device = state->find_device(peer.device);
  if (device) out.insert(out.end(), device->former_buckets.begin(), device->former_buckets.end());
  return out;
}

// The beginning of a space at this node, durable.
Result<void> NodeSpaces::make_space(const format::BucketRow& row) {
  const auto& space = intern(row.id, row.id_key);
  return config_.store->partition("default").commit_wait(
      [&](storage::Batch& batch) { return journal::create_space(batch, space); }, storage::Purpose::kFree);
}

// A hub that ended between a bucket's row, which says deleted, and its space, which holds what comes from then on: what
// was begun is finished, or taken back when something was acknowledged in between. Before anybody is served.
Result<void> NodeSpaces::end_deletions(const control::State& state) {
  auto& partition = config_.store->partition("default");
  for (const auto& [id, row] : state.buckets) {
    if (!row.deleted) continue;
    DL_TRY(auto begun, partition.get(format::space_key(id)));
    if (!begun) DL_OK(make_space(row));
    const auto& space = intern(id, row.id_key);
    auto closed = partition.commit_wait(
        [&](storage::Batch& batch) -> Result<void> {
          DL_TRY(auto kept, journal::load_space(batch, id));
          if (kept.deleted) return {};
          DL_TRY(bool uploads, objects::has_uploads(batch, id));
          if (uploads) return error(Code::kConflict, "the bucket has uploads in progress");
          return journal::close_space(batch, space);
        },
        storage::Purpose::kFree);
    if (closed.ok()) continue;
    if (closed.error().code != Code::kConflict) return std::move(closed).error();
    auto by = audit::Author::of_node(config_.self, config_.clock->wall(), "node", "s3:DeleteBucket",
                                     "arn:aws:s3:::" + row.name);
    DL_TRY(auto kept,
           config_.control->restore_bucket(by.taken_back("it was cut off, and something was written meanwhile"), id));
    log_warn("node",
             "the deletion of bucket '{}' was cut off, and it is not empty: it stays, as '{}', and is assigned "
             "to no device",
             row.name, kept.name);
  }
  return {};
}

Result<void> NodeSpaces::refresh() {
  std::lock_guard one(refreshing_);
  auto state = config_.control->state();
  if (config_.hub) {
    // A hub that ended between a bucket's row and its space.
    for (const auto& [name, id] : state->bucket_names) {
      DL_TRY(auto begun, config_.store->partition("default").get(format::space_key(id)));
      if (!begun) DL_OK(make_space(state->buckets.at(id)));
    }
    return end_deletions(*state);
  }
  auto& partition = config_.store->partition("default");
  DL_TRY(auto view, partition.snapshot());
  std::set<BucketId> ready, leaving, dropping;
  std::map<BucketId, format::BucketRow> fresh;
  DL_TRY(auto dropped, read_table(*view, kDropTable));
  for (const auto& row : dropped) {
    intern(row.id, row.id_key);
    dropping.insert(row.id);
  }
  for (const auto& [name, id] : state->bucket_names) {
    if (dropping.contains(id)) continue;
    const auto& row = state->buckets.at(id);
    DL_TRY(auto begun, view->get(format::space_key(id)));
    if (!begun) {
      fresh.emplace(id, row);
      continue;
    }
    // Whole once, it stays usable while more comes: also a bucket that is empty.
    DL_TRY(auto position, journal::read_position(*view, intern(id, row.id_key)));
    if (position.followed) ready.insert(id);
    DL_TRY(auto held, view->get(held_key(id)));
    if (!held || *held != format::encode(row)) fresh.emplace(id, row);
  }
  DL_TRY(auto held, read_table(*view, kHeldTable));
  for (const auto& row : held) {
    const auto* assigned = state->find_bucket(row.id);
    if ((assigned && !assigned->deleted) || dropping.contains(row.id)) continue;
    intern(row.id, row.id_key);
    leaving.insert(row.id);
  }
  view.reset();
  if (!fresh.empty()) {
    DL_OK(partition.commit_wait(
        [&](storage::Batch& batch) -> Result<void> {
          for (const auto& [id, row] : fresh) {
            batch.put(held_key(id), format::encode(row));
            DL_OK(journal::create_space(batch, intern(id, row.id_key)));
          }
          return {};
        },
        storage::Purpose::kFree));
  }
  std::lock_guard lock(m_);
  ready_ = std::move(ready);
  leaving_ = std::move(leaving);
  dropping_ = std::move(dropping);
  return {};
}

void NodeSpaces::settled(const BucketId& space, uint64_t oseq) {
  std::lock_guard lock(m_);
  auto& known = settled_[space];
  known = std::max(known, oseq);
}

std::vector<BucketId> NodeSpaces::written() const {
  auto state = config_.control->state();
  std::vector<BucketId> out{BucketId::of(config_.own_device.view())};
  std::lock_guard lock(m_);
  out.insert(out.end(), ready_.begin(), ready_.end());
  out.insert(out.end(), leaving_.begin(), leaving_.end());
  return out;
}

// From here on nobody sees the space. Not while something is in it that only this node has, and not when it was
// assigned again before: refresh() and this take turns.
Result<bool> NodeSpaces::begin_drop(const BucketId& id) {
  std::lock_guard one(refreshing_);
  journal::Space space;
  uint64_t settled = 0;
  {
    std::lock_guard lock(m_);
    if (!leaving_.contains(id)) return false;
    space = *spaces_.at(id);
    if (auto it = settled_.find(id); it != settled_.end()) settled = it->second;
  }
  bool begun = false;
  DL_OK(config_.store->partition("default").commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        DL_TRY(auto heads, journal::journal_heads(batch, space));
        auto own = std::find_if(heads.begin(), heads.end(), [&](const auto& h) { return h.origin == space.self; });
        if (own != heads.end() && own->received > settled) return {};
        DL_TRY(auto row, batch.get(held_key(id)));
        if (!row) return error(Code::kCorrupt, "a space that leaves without its row");
        batch.put(drop_key(id), *row);
        begun = true;
        return {};
      },
      storage::Purpose::kFree));
  if (!begun) return false;
  std::lock_guard lock(m_);
  leaving_.erase(id);
  ready_.erase(id);
  dropping_.insert(id);
  return true;
}

Result<void> NodeSpaces::finish_drop(const BucketId& id) {
  journal::Space space;
  {
    std::lock_guard lock(m_);
    space = *spaces_.at(id);
  }
  for (bool more = true; more;) {
    DL_OK(config_.store->partition("default").commit_wait(
        [&](storage::Batch& batch) -> Result<void> {
          DL_TRY(more, journal::drop_space(batch, space, kDropRows, config_.clock->wall()));
          if (more) return {};
          batch.erase(held_key(id));
          batch.erase(drop_key(id));
          return {};
        },
        storage::Purpose::kFree));
  }
  log_info("node", "space {} is no longer assigned; what was held of it is deleted", id.hex());
  return {};
}

Result<bool> NodeSpaces::sweep() {
  std::set<BucketId> leaving, dropping;
  {
    std::lock_guard lock(m_);
    leaving = leaving_;
    dropping = dropping_;
  }
  for (const auto& id : leaving) {
    DL_TRY(bool begun, begin_drop(id));
    if (begun) dropping.insert(id);
  }
  if (dropping.empty()) return false;
  for (const auto& id : dropping) DL_OK(finish_drop(id));
  DL_OK(refresh());  // one that was assigned again meanwhile begins anew
  return true;
}

// What is ready is committed; then whatever is left of that journal waits for what will not come.
Result<bool> NodeSpaces::hold_waiting(const format::BucketRow& bucket, const NodeId& origin) {
  auto& partition = config_.store->partition("default");
  const auto& space = intern(bucket.id, bucket.id_key);
  DL_TRY(auto view, partition.snapshot());
  DL_TRY(auto heads, journal::journal_heads(*view, space));
  view.reset();
  auto left = std::find_if(heads.begin(), heads.end(), [&](const auto& h) { return h.origin == origin; });
  if (left == heads.end() || left->decided == left->received) return false;
  journal::Moment now{config_.clock->wall()};
  for (size_t looked_at = kCommitsAStep; looked_at == kCommitsAStep;) {
    DL_OK(partition.commit_wait([&](storage::Batch& batch) -> Result<void> {
      DL_TRY(looked_at, journal::commit_ready(batch, space, kCommitsAStep, now));
      return {};
    }));
  }
  for (bool more = true; more;) {
    DL_OK(partition.commit_wait([&](storage::Batch& batch) -> Result<void> {
      DL_TRY(more, journal::hold_waiting(batch, space, origin, journal::Reason::kDevice, kCommitsAStep));
      return {};
    }));
  }
  return true;
}

Result<bool> NodeSpaces::hold_lost() {
  auto state = config_.control->state();
  bool any = false;
  for (const auto& [name, device] : state->devices) {
    bool ended = device.state == format::DeviceState::kLost || device.state == format::DeviceState::kRetired;
    if (!ended || device.node.is_zero()) continue;
    {
      std::lock_guard lock(m_);
      if (held_back_.contains(device.id)) continue;
    }
    for (const auto& [id, bucket] : state->buckets) {
      DL_TRY(bool held, hold_waiting(bucket, device.node));
      if (held)
        log_warn("node", "records of device '{}' in '{}' that wait for their content are held", name, bucket.name);
      any |= held;
    }
    std::lock_guard lock(m_);
    held_back_.insert(device.id);
  }
  return any;
}

}  // namespace dl::node

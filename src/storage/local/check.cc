#include "storage/local/check.h"

#include "storage/local/check_parts.h"
#include "storage/local/data_dir.h"
#include "storage/local/wal_check.h"

namespace dl::storage {

Result<std::unique_ptr<FileLock>> check_directory(FileSystem& fs, const std::string& dir,
                                                  const std::vector<std::string>& partitions, const DamageFn& found) {
  DL_TRY(bool there, fs.is_dir(dir));
  if (!there) return error(Code::kNotFound, "there is no directory " + dir, "Name the data directory of a node.");
  bool any = false;
  for (const char* name : {"FORMAT", "kv", "watermark", "segments", "keys"}) {
    DL_TRY(bool has, fs.exists(dir + "/" + name));
    any = any || has;
  }
  if (!any) return error(Code::kNotFound, dir + " holds nothing of a node", "Name the data directory of a node.");
  // Without a LOCK no node runs there, and making one would be a change.
  std::unique_ptr<FileLock> lock;
  DL_TRY(bool locked, fs.exists(dir + "/LOCK"));
  if (locked) {
    auto held = fs.lock(dir + "/LOCK");
    if (!held.ok() && held.error().code == Code::kConflict)
      return error(Code::kConflict, "a node runs in " + dir,
                   "Stop it first. A running node looks after its data by itself: see `demilune doctor`.");
    DL_TRY(lock, std::move(held));
  }
  auto format = DataDir::check_format(fs, dir);
  if (!format.ok()) found({"FORMAT", format.error().message, {}, {}});
  auto names = DataDir::check_names(fs, dir, partitions);
  if (!names.ok()) found({"", names.error().message, {}, {}});
  return lock;
}

PartitionCheck::PartitionCheck(Plan plan) : plan_(std::move(plan)), parts_(std::make_unique<Parts>()) {}
PartitionCheck::~PartitionCheck() = default;

void PartitionCheck::tell(const std::string& place, std::string what, std::optional<BlobId> blob,
                          std::optional<Damage::Gap> gap) const {
  plan_.found({place, std::move(what), blob, std::move(gap)});
}

const View& PartitionCheck::rows() const { return *parts_->rows; }

Result<bool> PartitionCheck::open() {
  const std::string& name = plan_.keys.name;
  const std::string kv = "kv/" + name, watermark = "watermark/" + name;
  auto& p = *parts_;
  p.plan = std::make_unique<InstancePlan>(InstancePlan{name,
                                                       plan_.fs,
                                                       plan_.dir + "/" + kv,
                                                       plan_.dir + "/" + watermark,
                                                       plan_.keys.kv_key,
                                                       plan_.random,
                                                       {},
                                                       make_block_cache(LocalLimits{}.cache_bytes),
                                                       {},
                                                       {}});
  DL_TRY(auto slots, Watermark::whole_slots(plan_.fs, p.plan->watermark));
  if (slots < 2) tell(watermark, std::to_string(slots) + " of its two slots are whole");
  Opening opening(*p.plan);
  auto examined = opening.examine();
  if (!examined.ok()) {
    if (examined.error().code != Code::kCorrupt) return std::move(examined).error();
    tell(kv, examined.error().message);
    DL_OK(check_log());
  }
  auto seen = opening.open_to_look();
  if (!seen.ok()) {
    tell(kv, "none of its rows can be read: " + seen.error().message);
    return false;
  }
  p.instance = *std::move(seen);
  p.rows = std::make_unique<Rows>(*p.instance, [this, kv](Damage::Gap gap, const Error& why) {
    tell(kv, "rows cannot be read: " + why.message, {}, std::move(gap));
  });
  return true;
}

// Where the log is damaged. A torn tail is no damage; it is only asked for when an opening found something missing.
Result<void> PartitionCheck::check_log() {
  DL_TRY(auto names, plan_.fs.list(parts_->plan->dir));
  for (const auto& name : names) {
    if (!name.ends_with(".log")) continue;
    DL_TRY(auto found, find_log_damage(plan_.fs, parts_->plan->dir + "/" + name, plan_.keys.kv_key));
    if (found) tell("kv/" + plan_.keys.name + "/" + name, *found);
  }
  return {};
}

Result<void> PartitionCheck::check_files() {
  for (const auto& file : parts_->instance->list_files()) {
    auto whole = parts_->instance->verify_file(file, [&](uint64_t bytes) -> Result<void> {
      totals_.bytes += bytes;
      return {};
    });
    totals_.files++;
    if (whole.ok()) continue;
    if (whole.error().code != Code::kCorrupt) return whole;
    tell("kv/" + plan_.keys.name + "/" + file.name, whole.error().message);
  }
  return {};
}

}  // namespace dl::storage

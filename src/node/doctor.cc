#include <sys/timex.h>

#include "base/log.h"
#include "compute/doctor.h"
#include "journal/check.h"
#include "node/parts.h"
#include "node/sizing.h"
#include "storage/blob_rows.h"

// What `demilune doctor` says of a running node: each thing with what to do next.
namespace dl::node {
namespace {

using api::admin::Finding;
using Level = Finding::Level;

constexpr size_t kNamed = 5;  // damaged things told by name
constexpr auto kOldUpload = std::chrono::days(7);
constexpr char kRepair[] =
    "A device: enrol a new directory; the hub has what it committed. A hub: write the object again, delete the "
    "version, "
    "or bring back a copy of the directory. `demilune check`, with the node stopped, names all that is damaged.";

std::string days(Millis age) { return std::to_string(std::chrono::duration_cast<std::chrono::days>(age).count()); }

Finding clock_finding() {
  timex now{};
  const bool disciplined = ::adjtimex(&now) != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
  if (disciplined) return {Level::kOk, "clock", "the kernel says that it is kept in step", ""};
  return {Level::kWarning, "clock", "the kernel does not say that anything keeps it in step",
          "Run chrony or systemd-timesyncd: signatures are refused when a clock is off by 15 minutes."};
}

Finding key_finding(storage::FileSystem& fs, const std::string& dir) {
  for (const char* name : {"keys/root", "keys/ring"}) {
    auto there = fs.exists(dir + "/" + name);
    if (!there.ok() || !*there)
      return {Level::kError, "keys", std::string(name) + " is gone from " + dir,
              "Put it back before this node is stopped: it could not start, and what it holds could not be read."};
  }
  return {Level::kOk, "keys", "keys/root and keys/ring are there", ""};
}

Finding space_finding(storage::FileSystem& fs, const std::string& dir, const Settings& settings, uint64_t buffered) {
  auto space = fs.disk_space(dir);
  if (!space.ok()) return {Level::kError, "disk", space.error().message, "See why the system refuses to tell."};
  const uint64_t reserve = storage_limits(settings).reserve_bytes(space->total_bytes) + buffered;
  const bool low = space->free_bytes < reserve;
  return {low ? Level::kError : Level::kOk, "disk",
          std::to_string(space->free_bytes >> 20) + " MiB free of " + std::to_string(space->total_bytes >> 20) +
              " MiB, " + std::to_string(reserve >> 20) + " MiB kept for deletes and what memory still has to write",
          low ? "Delete objects or give the disk more space: writes are refused until more than that is free." : ""};
}

}  // namespace

std::vector<Finding> Node::Parts::diagnose() const {
  std::vector<Finding> out;
  for (const auto& check : compute::check_compute(*world.fs))
    out.push_back({check.ok       ? Level::kOk
                   : check.needed ? Level::kError
                                  : Level::kWarning,
                   check.name, check.finding, check.next});
  out.push_back(space_finding(*world.fs, config.data_dir, config.settings, store->memory().buffer_bytes));
  out.push_back(clock_finding());
  out.push_back(key_finding(*world.fs, config.data_dir));

  const uint64_t damaged = damages->count();
  if (damaged == 0) out.push_back({Level::kOk, "damage", "none was met since the start", ""});
  for (const auto& thing : damages->list(kNamed))
    out.push_back({Level::kError, "damage",
                   thing.bucket.empty() ? thing.place : thing.name() + " cannot be read: " + thing.place, kRepair});
  if (damaged > kNamed)
    out.push_back({Level::kError, "damage", std::to_string(damaged - kNamed) + " more",
                   "See the audit log: action "
                   "demilune:FindDamage."});
  for (const auto& name : store->partition_names())
    if (auto met = store->damage(name))
      out.push_back(
          {Level::kError, "damage", "the database of partition '" + name + "': " + met->message,
           std::string("All that can be read is served, but space of what is deleted does not come back. ") + kRepair});

  out.push_back(scrub_finding());
  if (auto counts = census->counts()) {
    const Millis age = counts->oldest_upload ? world.clock->wall() - *counts->oldest_upload : Millis(0);
    const bool old = age > kOldUpload;
    out.push_back(
        {old ? Level::kWarning : Level::kOk, "uploads",
         std::to_string(counts->uploads) + " open" + (counts->uploads ? ", the oldest for " + days(age) + " days" : ""),
         old ? "Their parts take space until they are completed or aborted: S3's ListMultipartUploads, then "
               "AbortMultipartUpload."
             : ""});
  }
  return out;
}

Finding Node::Parts::scrub_finding() const {
  if (!scrubber->enabled())
    return {Level::kWarning, "scrub", "off: damage is met only when something is read",
            "Set storage.scrub_interval to a time above 0."};
  const std::string now = scrubber->running() ? "; one is running" : "";
  auto last = scrubber->last();
  if (!last) return {Level::kOk, "scrub", "no whole reading yet" + now, ""};
  const std::string text = "the last ended " + days(world.clock->wall() - last->when) +
                           " days ago: " + std::to_string(last->files) + " files, " + std::to_string(last->bodies) +
                           " bodies, " + std::to_string(last->findings) + " findings" + now;
  if (last->findings == 0) return {Level::kOk, "scrub", text, ""};
  return {Level::kError, "scrub", text, "See the audit log: action demilune:FindDamage. " + std::string(kRepair)};
}

// A damaged body by the object that it belongs to, where one is known.
DamagedThing Node::Parts::describe(const storage::ScrubFinding& finding) const {
  DamagedThing out{{}, {}, {}, finding.partition + ": " + finding.what, world.clock->wall()};
  if (!finding.blob) return out;
  const Bytes prefix = storage::owner_key(*finding.blob, {});
  auto view = store->partition(finding.partition).snapshot();
  if (!view.ok()) return out;
  auto named = (*view)->scan(prefix, Bytes(1, '\x0d'), [&](BytesView key, BytesView) -> Result<storage::Scan> {
    if (!key.starts_with(prefix)) return storage::Scan::kStop;
    DL_TRY(auto owner, journal::find_body_owner(**view, key.substr(prefix.size())));
    if (!owner) return storage::Scan::kContinue;
    const auto* bucket = control->state()->find_bucket(owner->bucket);
    out.bucket = bucket ? bucket->name : owner->bucket.hex();
    out.key = owner->key;
    out.version = owner->version.hex();
    return storage::Scan::kStop;
  });
  if (!named.ok()) log_warn("node", "whose body is damaged cannot be read: {}", named.error().message);
  return out;
}

}  // namespace dl::node

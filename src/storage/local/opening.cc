// How a partition's database is opened (docs/internals/storage.md, "Opening"). Every doubt is settled by looking only;
// the first call that may change a byte comes when the outcome is known to hold all that was ever acknowledged.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <algorithm>

#include "base/log.h"
#include "crypto/hash.h"
#include "storage/local/cipher_file.h"
#include "storage/local/instance.h"
#include "storage/local/store_rows.h"

namespace dl::storage {

namespace {

#ifdef DL_PLANT_DEFAULT_WAL_MODE  // storage_flip_planted: what the engine finds is believed
constexpr bool kAsksWatermark = false;
#else
constexpr bool kAsksWatermark = true;
#endif

Result<Sha256> hash_prefix(FileSystem& fs, const std::string& path, uint64_t length) {
  DL_TRY(auto file, fs.open_read(path));
  crypto::Sha256Hasher hasher;
  Bytes chunk(256 * 1024, '\0');
  for (uint64_t at = 0; at < length;) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(chunk.size(), length - at));
    DL_TRY(size_t n, file->read_at(at, chunk.data(), want));
    if (n < want) return error(Code::kCorrupt, path + " became shorter while it was read");
    hasher.update(BytesView(chunk).substr(0, n));
    at += n;
  }
  return hasher.finish();
}

}  // namespace

Error Opening::needs_repair(std::string why) const {
  return error(Code::kCorrupt, "partition '" + plan_.name + "' is damaged: " + std::move(why),
               "Nothing was changed. Restore this directory from a backup, or set the node up anew and let it fetch.");
}

// Damage that the files named is told with the file; a refusal of the system is no damage.
Error Opening::explain(const KvFiles& files, Error failed) const {
  if (auto refusal = files.refusal()) return std::move(*refusal).within("opening partition '" + plan_.name + "'");
  if (auto damage = files.damage()) return needs_repair(damage->message);
  return needs_repair(failed.message);
}

Result<void> Opening::examine() {
  DL_TRY(auto mark, Watermark::load(plan_.fs, plan_.watermark));
  DL_TRY(exists_, plan_.fs.exists(plan_.dir + "/CURRENT"));
  if (!exists_) {
    if (mark && mark->sequence > 0) return needs_repair("CURRENT is missing in " + plan_.dir);
    return {};
  }
  if (!mark) return needs_repair("its watermark " + plan_.watermark + " is missing or has no whole slot");
  mark_ = *mark;
  DL_OK(check_manifest());

  std::optional<Error> first;
  for (bool cut : {false, true}) {
    if (cut && manifest_file_bytes_ == recorded_.length) break;
    for (WalMode wal : {WalMode::kTolerateTail, WalMode::kPointInTime}) {
      how_ = {wal, cut};
      auto found = look(how_);
      if (found.ok()) {
        found_ = *found;
        whole_ = true;
        return {};
      }
      if (found.error().code != Code::kCorrupt) return std::move(found).error();
      if (!first) first = std::move(found).error();
    }
  }
  return *std::move(first);
}

Result<std::unique_ptr<Instance>> Opening::open() { return exists_ ? open_to_write() : make_new(); }

// CURRENT names a MANIFEST that the watermark knows, and it starts with the very bytes that were recorded. Under
// another key it reads as noise.
Result<void> Opening::check_manifest() {
  auto current = read_cipher_file(plan_.fs, plan_.dir + "/CURRENT", plan_.key, 4096);
  if (!current.ok() && current.error().code != Code::kCorrupt) return std::move(current).error();
  std::string name = current.ok() ? *current : "";
  bool whole = name.ends_with('\n');
  if (whole) name.pop_back();
  auto number = manifest_number(name);
  if (!whole || !number)
    return needs_repair("CURRENT cannot be read; or keys/ is not the one that belongs to this directory");
  for (const auto& known : mark_.manifests)
    if (known.number == *number) recorded_ = known;
  if (recorded_.number == 0) return needs_repair(name + " is not the MANIFEST that was recorded");

  manifest_ = plan_.dir + "/" + name;
  DL_TRY(bool there, plan_.fs.exists(manifest_));
  if (!there) return needs_repair(name + " is missing");
  DL_TRY(manifest_file_bytes_, plan_.fs.file_size(manifest_));
  if (manifest_file_bytes_ < recorded_.length)
    return needs_repair(name + " has " + std::to_string(manifest_file_bytes_) + " bytes, " +
                        std::to_string(recorded_.length) + " were recorded");
  DL_TRY(Sha256 sha, hash_prefix(plan_.fs, manifest_, recorded_.length));
  if (sha != recorded_.sha) return needs_repair(name + " is not what was recorded");
  return {};
}

// An instance without its database: what RocksDB sees of the files. Without a mark it may only look.
Result<std::unique_ptr<Instance>> Opening::prepare(const Mark* writable) {
  auto out = std::unique_ptr<Instance>(new Instance());
  out->failure_ = std::make_shared<InstanceFailure>();
  out->files_ = std::make_shared<KvFiles>(plan_.fs, plan_.key, plan_.random);
  if (writable) {
    DL_TRY(out->watermark_, Watermark::open(plan_.fs, plan_.watermark, *writable));
    out->watermark_->set_current(recorded_.number);
    out->files_->watermark = out->watermark_.get();
    out->files_->sync_failed = plan_.sync_failed;
  }
  out->files_->unreadable = [failure = out->failure_] { failure->set_unreadable(); };
  out->env_ = std::shared_ptr<rocksdb::Env>(rocksdb::NewCompositeEnv(make_rocks_files(out->files_)));
  return out;
}

Result<std::unique_ptr<Instance>> Opening::open_read_only(const Look& how) {
  DL_TRY(auto trial, prepare(nullptr));
  if (how.cut_manifest) {
    trial->files_->limited_path = manifest_;
    trial->files_->limited_to = recorded_.length - std::min<uint64_t>(recorded_.length, kCipherHeaderBytes);
  }
  auto options =
      rocks_options(static_cast<rocksdb::Env*>(trial->env_.get()), plan_.limits, how.wal, plan_.cache, trial->failure_);
  if (how.damaged) {
    options.paranoid_checks = false;
    options.track_and_verify_wals_in_manifest = false;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  }
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::OpenForReadOnly(options, plan_.dir, &db);
  trial->db_.reset(db);
  if (!status.ok()) return explain(*trial->files_, to_error(status));
  return trial;
}

Result<std::unique_ptr<Instance>> Opening::open_to_look() {
  if (!exists_) {
    DL_TRY(exists_, plan_.fs.exists(plan_.dir + "/CURRENT"));
    if (!exists_) return error(Code::kNotFound, "there is no database in " + plan_.dir);
  }
  return open_read_only(whole_ ? how_ : Look{.damaged = true});
}

Result<Tip> Opening::look(const Look& how) {
  DL_TRY(auto trial, open_read_only(how));
  auto checked = kAsksWatermark ? trial->check_above(mark_) : Result<void>();
  if (checked.ok()) checked = trial->check_file_sizes(plan_.dir);
  if (checked.ok() && plan_.check) checked = plan_.check(InstanceView(*trial));
  if (!checked.ok()) return explain(*trial->files_, std::move(checked).error());
  auto tip = trial->load_tip();
  if (!tip.ok()) return explain(*trial->files_, std::move(tip).error());
  return tip;
}

// Nothing is ever appended to a MANIFEST that was closed, so no byte of its key stream is used twice.
Result<void> Opening::cut_manifest() {
  log_warn("storage", "partition '{}': cutting {} to the {} bytes that were recorded", plan_.name, manifest_,
           recorded_.length);
  DL_TRY(auto file, plan_.fs.open_write(manifest_, OpenMode::kExisting, 0600));
  DL_OK(file->truncate(recorded_.length));
  return file->sync();
}

Result<std::unique_ptr<Instance>> Opening::open_to_write() {
  if (how_.cut_manifest) DL_OK(cut_manifest());
  if (how_.wal == WalMode::kPointInTime)
    log_info("storage", "partition '{}': the log's torn tail was dropped; it holds nothing that was acknowledged",
             plan_.name);
  DL_OK(plan_.fs.sync_dir(plan_.dir));  // CURRENT as it is now, before a third MANIFEST takes the place of its record
  DL_TRY(auto out, prepare(&mark_));
  auto options =
      rocks_options(static_cast<rocksdb::Env*>(out->env_.get()), plan_.limits, how_.wal, plan_.cache, out->failure_);
  options.statistics = plan_.statistics;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, plan_.dir, &db);
  out->db_.reset(db);
  if (!status.ok()) return explain(*out->files_, to_error(status));
  DL_TRY(out->tip_, out->load_tip());
  if (out->tip_.sequence != found_.sequence || out->tip_.hash != found_.hash)
    return needs_repair("it opened at commit " + std::to_string(out->tip_.sequence) + ", a look before had found " +
                        std::to_string(found_.sequence));
  out->watermark_->committed(out->tip_.sequence, out->tip_.hash);
  return out;
}

Result<std::unique_ptr<Instance>> Opening::make_new() {
  Mark none;
  DL_OK(plan_.fs.sync_dir(plan_.dir));
  DL_TRY(auto out, prepare(&none));
  auto options = rocks_options(static_cast<rocksdb::Env*>(out->env_.get()), plan_.limits, WalMode::kTolerateTail,
                               plan_.cache, out->failure_);
  options.create_if_missing = true;
  options.statistics = plan_.statistics;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, plan_.dir, &db);
  out->db_.reset(db);
  if (!status.ok()) return explain(*out->files_, to_error(status));
  return out;
}

Result<std::unique_ptr<Instance>> open_instance(const InstancePlan& plan) {
  Opening opening(plan);
  DL_OK(opening.examine());
  return opening.open();
}

}  // namespace dl::storage

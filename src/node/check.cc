#include "node/check.h"

#include <map>

#include "audit/log.h"
#include "base/hex.h"
#include "crypto/keyring.h"
#include "format/control.h"
#include "format/keys.h"
#include "format/upload.h"
#include "journal/check.h"
#include "node/node_keys.h"
#include "storage/blob_rows.h"
#include "storage/local/check.h"

namespace dl::node {
namespace {

using storage::Scan;

const std::vector<std::string> kPartitions{"control", "default"};  // names of buckets are in the first
constexpr std::string_view kBucketRow = "bucket/";

class Check {
 public:
  Check(storage::FileSystem& fs, const std::string& dir, Random& random,
        const std::function<void(const CheckFinding&)>& found)
      : fs_(fs), dir_(dir), random_(random), found_(found) {}

  Result<CheckSummary> run() {
    auto damaged = [this](const storage::Damage& d) { tell({.place = d.place, .what = d.what}); };
    DL_TRY(auto lock, storage::check_directory(fs_, dir_, kPartitions, damaged));
    DL_TRY(auto keys, open_keys());
    if (!keys) return summary_;
    for (const auto& name : kPartitions) {
      auto files = keys->find(crypto::ring::partition_files(name));
      auto bodies = keys->find(crypto::ring::partition_bodies(name));
      if (files && bodies)
        DL_OK(check_partition({name, *files, *bodies}));
      else
        tell({.partition = name, .place = "keys/ring", .what = "the keys of this partition are not in it"});
    }
    return summary_;
  }

 private:
  void tell(CheckFinding finding) {
    summary_.findings++;
    found_(finding);
  }

  // Null when they cannot be read. Nothing is made: both files are there when it asks for them.
  Result<std::unique_ptr<NodeKeys>> open_keys() {
    for (const char* name : {"keys/root", "keys/ring"}) {
      DL_TRY(bool there, fs_.exists(dir_ + "/" + name));
      if (there) continue;
      tell({.place = name, .what = "is missing; without it nothing can be read"});
      return std::unique_ptr<NodeKeys>();
    }
    auto keys = NodeKeys::open_or_make(fs_, dir_, random_);
    if (keys.ok()) return keys;
    const Error& why = keys.error();
    if (why.code != Code::kCorrupt && why.code != Code::kForeign && why.code != Code::kTooLarge) return keys;
    tell({.place = "keys", .what = "keys/root and keys/ring: " + why.message + "; without them nothing can be read"});
    return std::unique_ptr<NodeKeys>();
  }

  Result<void> check_partition(storage::PartitionKeys keys) {
    const std::string name = keys.name;
    const storage::View* rows = nullptr;
    auto damaged = [&](const storage::Damage& d) { tell(describe(name, d, rows)); };
    storage::PartitionCheck partition({fs_, dir_, std::move(keys), random_, damaged});
    DL_TRY(bool readable, partition.open());
    if (!readable) return {};
    rows = &partition.rows();
    DL_OK(partition.check_files());
    DL_TRY(auto totals, journal::check_rows(
                            *rows, [this](const format::Record& record) { learn(record); },
                            [&](const journal::RowDamage& d) {
                              tell({name, "kv/" + name, bucket_name(d.bucket), d.key,
                                    d.version ? d.version->hex() : std::string(), d.what});
                            }));
    DL_OK(check_uploads(name, *rows));
    DL_OK(check_audit(name, *rows));
    DL_OK(partition.check_bodies());
    summary_.rows += totals.rows;
    summary_.objects += totals.versions;
    summary_.files += partition.totals().files;
    summary_.bodies += partition.totals().bodies;
    summary_.bytes += partition.totals().bytes;
    return {};
  }

  // Control rows are values of records: buckets' names are known before the objects are looked at.
  void learn(const format::Record& record) {
    if (!record.value || !record.key.starts_with(kBucketRow)) return;
    auto row = format::decode_bucket(*record.value);
    if (row.ok()) names_[row->id] = row->name;
  }

  std::string bucket_name(const BucketId& id) const {
    if (id.is_zero()) return {};
    auto it = names_.find(id);
    return it == names_.end() ? id.hex() : it->second;
  }

  // Type, bucket and object key where a row has these, for people.
  std::string row_name(BytesView row) const {
    if (row.empty()) return "none";
    std::string out = "type " + to_hex(row.substr(0, 1));
    const auto type = static_cast<format::RowType>(row[0]);
    if (row.size() <= BucketId::kSize) return out;
    const bool of_bucket = type < format::RowType::kBlob || type == format::RowType::kSeal ||
                           type == format::RowType::kPending || type == format::RowType::kView;
    if (!of_bucket) return out + " " + to_hex(row.substr(1));
    out += " of " + bucket_name(BucketId::of(row.substr(1, BucketId::kSize)));
    auto key = format::object_key_of(row);
    const bool of_key = type <= format::RowType::kVersion || type == format::RowType::kPending ||
                        type == format::RowType::kView || type == format::RowType::kUpload;
    return of_key && key.ok() ? out + "/" + *key : out + " " + to_hex(row.substr(1 + BucketId::kSize));
  }

  // The objects that a damaged body belongs to; others' owners are told in words.
  CheckFinding describe(const std::string& partition, const storage::Damage& d, const storage::View* rows) {
    CheckFinding out{.partition = partition, .place = d.place, .what = d.what};
    if (d.gap)
      out.what += "; the last row before them: " + row_name(d.gap->before) +
                  ", the first behind them: " + row_name(d.gap->behind);
    if (!d.blob || !rows) return out;
    uint64_t owners = 0;
    auto each = [&](BytesView key, BytesView) -> Result<Scan> {
      const size_t start = storage::owner_key(*d.blob, {}).size();
      if (!key.starts_with(storage::owner_key(*d.blob, {})) || key.size() == start) return Scan::kStop;
      auto owner = journal::find_body_owner(*rows, key.substr(start));
      if (!owner.ok() || !*owner || owners++ > 0) return Scan::kContinue;
      out.bucket = bucket_name((*owner)->bucket);
      out.key = (*owner)->key;
      out.version = (*owner)->version.hex();
      return Scan::kContinue;
    };
    auto scanned = rows->scan(storage::owner_key(*d.blob, Bytes(1, '\0')), Bytes(1, '\x0d'), each);
    if (!scanned.ok()) out.what += "; whose it is cannot be read: " + scanned.error().message;
    if (owners > 1) out.what += "; " + std::to_string(owners - 1) + " other versions share it";
    return out;
  }

  Result<void> check_uploads(const std::string& name, const storage::View& rows) {
    auto damaged = [&](BytesView key, const std::string& what) {
      CheckFinding finding{.partition = name, .place = "kv/" + name, .what = what};
      if (key.size() > BucketId::kSize) finding.bucket = bucket_name(BucketId::of(key.substr(1, BucketId::kSize)));
      tell(std::move(finding));
    };
    return rows.scan("\x09", "\x0b", [&](BytesView key, BytesView value) -> Result<Scan> {
      summary_.rows++;
      if (key[0] == '\x09') {
        auto upload = format::decode_upload(value);
        if (!upload.ok()) damaged(key, "an upload: " + upload.error().message);
        return Scan::kContinue;
      }
      auto part = format::decode_upload_part(value);
      if (!part.ok()) damaged(key, "a part of an upload: " + part.error().message);
      if (!part.ok()) return Scan::kContinue;
      for (const auto& piece : part->pieces) {
        auto owner = rows.get(storage::owner_key(piece.blob, key));
        if (owner.ok() && !*owner)
          damaged(key, "a part of an upload: its bytes, blob " + piece.blob.hex() + ", are not marked as its own");
      }
      return Scan::kContinue;
    });
  }

  Result<void> check_audit(const std::string& name, const storage::View& rows) {
    auto whole = audit::scan(rows, 0, [this](uint64_t, const format::AuditRecord&) -> Result<Scan> {
      summary_.audit_records++;
      return Scan::kContinue;
    });
    if (whole.ok()) return {};
    if (whole.error().code != Code::kCorrupt && whole.error().code != Code::kUnsupported) return whole;
    tell({.partition = name, .place = "kv/" + name, .what = whole.error().message});
    return {};
  }

  storage::FileSystem& fs_;
  const std::string& dir_;
  Random& random_;
  const std::function<void(const CheckFinding&)>& found_;
  CheckSummary summary_;
  std::map<BucketId, std::string> names_;
};

}  // namespace

Result<CheckSummary> check_data_dir(storage::FileSystem& fs, const std::string& dir, const Clock& clock, Random& random,
                                    const std::function<void(const CheckFinding&)>& found) {
  const MonoTime begun = clock.mono();
  DL_TRY(auto summary, Check(fs, dir, random, found).run());
  summary.took = std::chrono::duration_cast<Millis>(clock.mono() - begun);
  return summary;
}

}  // namespace dl::node

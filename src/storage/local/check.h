#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "storage/local/store.h"

// An offline look at a store that nobody runs: everything is read and compared with its checksums, also around damage,
// and nothing is changed. One thread.
namespace dl::storage {

// Something that is not as it was written.
struct Damage {
  std::string place;  // below the directory: "kv/default/000012.sst", "watermark/control", "segments/default"
  std::string what;
  std::optional<BlobId> blob;  // whose body it is
  // Rows that cannot be read lie between these two keys that can; empty: none there.
  struct Gap {
    Bytes before, behind;
  };
  std::optional<Gap> gap;
};
using DamageFn = std::function<void(const Damage&)>;

// FORMAT and what lies beside it, in a directory whose LOCK nobody else holds; it is held until `lock` goes.
// Errors: kNotFound (no directory, or nothing of a node in it), kConflict (a node runs there), kIo.
Result<std::unique_ptr<FileLock>> check_directory(FileSystem& fs, const std::string& dir,
                                                  const std::vector<std::string>& partitions, const DamageFn& found);

struct CheckTotals {
  uint64_t files = 0;   // tables and blob files
  uint64_t bodies = 0;  // in rows and in segments
  uint64_t bytes = 0;   // that were compared with a checksum
};

class PartitionCheck {
 public:
  struct Plan {
    FileSystem& fs;
    std::string dir;  // of the store
    PartitionKeys keys;
    Random& random;
    DamageFn found;
  };
  explicit PartitionCheck(Plan plan);
  ~PartitionCheck();

  // Watermark, MANIFEST, log, as an opening would; then whatever can be seen of the rows. False when nothing can.
  Result<bool> open();
  // Each table and blob file against its checksum.
  Result<void> check_files();
  // Rows 0B, 0C and 0D among each other, and each body: inline ones by reading, others by opening every slab.
  Result<void> check_bodies();
  // All rows that can be read; a scan steps over the others and tells them once. Precondition: open() said yes.
  const View& rows() const;
  const CheckTotals& totals() const { return totals_; }

 private:
  class Rows;
  struct Parts;
  void tell(const std::string& place, std::string what, std::optional<BlobId> blob = {},
            std::optional<Damage::Gap> gap = {}) const;
  Result<void> check_log();
  Result<void> check_blob(const BlobId& blob, const Result<std::optional<Bytes>>& row);
  Result<void> check_owners(const BlobId& blob);
  Result<void> check_segments();

  const Plan plan_;
  CheckTotals totals_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dl::storage

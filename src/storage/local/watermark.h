#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/ids.h"
#include "storage/file_system.h"

namespace dl::storage {

// How far a MANIFEST is synced, header included, and the hash of these bytes.
struct ManifestMark {
  uint64_t number = 0;  // 0: none
  uint64_t length = 0;
  Sha256 sha;
  bool operator==(const ManifestMark&) const = default;
};

struct Mark {
  uint64_t sequence = 0;  // of the newest commit known to be durable
  Sha256 hash;            // running hash at that commit
  ManifestMark manifests[2];
  bool operator==(const Mark&) const = default;
};

inline constexpr size_t kMarkBytes = 512;
Bytes encode_mark(const Mark& mark, uint64_t turn);
// The mark and its turn, or nothing when the slot is damaged.
std::optional<std::pair<Mark, uint64_t>> decode_mark(BytesView slot);

// What a partition is known to hold, in a small file of its own beside the engine's: two slots written in turn. It lets
// an opening tell a torn tail from damage. Written at most kWatermarkInterval late, and always before a file is deleted
// or CURRENT moves. Thread-safe.
class Watermark {
 public:
  // Reads the newest whole slot; nothing when the file is absent or has none.
  static Result<std::optional<Mark>> load(FileSystem& fs, const std::string& path);
  // How many of the two slots are whole; 0 when the file is absent.
  static Result<int> whole_slots(FileSystem& fs, const std::string& path);
  // Starts from `mark`. Makes the file (durable, directory too) when it is not there or not whole.
  // Errors: the file system's.
  static Result<std::unique_ptr<Watermark>> open(FileSystem& fs, const std::string& path, const Mark& mark);

  void committed(uint64_t sequence, const Sha256& hash);
  void manifest_synced(const ManifestMark& manifest);
  // CURRENT names the other MANIFEST from now on.
  void current_moved();
  // CURRENT names the MANIFEST with this number.
  void set_current(uint64_t number);
  // Writes and syncs when anything is new.
  Result<void> flush();
  // The older slot is at least here: what a torn newer slot falls back to.
  uint64_t safe_sequence() const;
  Mark mark() const;

 private:
  Watermark(std::unique_ptr<WriteFile> file, Mark mark, uint64_t turn)
      : file_(std::move(file)), mark_(mark), turn_(turn) {}
  mutable std::mutex m_;
  std::unique_ptr<WriteFile> file_;
  Mark mark_;
  uint64_t turn_;
  size_t current_ = 0;  // index of CURRENT's manifest
  bool dirty_ = false;
  uint64_t flushed_ = 0, flushed_before_ = 0;  // sequences in the newer and the older slot
};

}  // namespace dl::storage

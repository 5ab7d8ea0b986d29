#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/random.h"
#include "storage/file_system.h"
#include "storage/local/watermark.h"

namespace rocksdb {
class FileSystem;
}

namespace dl::storage {

// What stands between one RocksDB instance and our files. Outlives the instance; thread-safe where it changes.
class KvFiles {
 public:
  KvFiles(FileSystem& fs, Bytes key, Random& random) : fs_(fs), key_(std::move(key)), random_(random) {}

  FileSystem& fs() const { return fs_; }
  BytesView key() const { return key_; }
  Random& randomness() const { return random_; }

  // Without a watermark every call that would change something is refused: for a look before opening.
  Watermark* watermark = nullptr;
  // Told of each failed sync but those for want of space: what was to be synced may be lost, even if tried again.
  std::function<void(const Error&)> sync_failed;
  // Told of each read of a table or blob file that the system refused.
  std::function<void()> unreadable;
  // This file is read as if it ended after so many plain bytes.
  std::string limited_path;
  uint64_t limited_to = 0;

  // What went wrong below, because RocksDB's own messages do not say: a damaged file, or a refusal of the system.
  void note(const Error& failed);
  std::optional<Error> damage() const;
  std::optional<Error> refusal() const;

 private:
  FileSystem& fs_;
  Bytes key_;
  Random& random_;
  mutable std::mutex m_;
  std::optional<Error> damage_;
  std::optional<Error> refusal_;
};

// RocksDB's view of these files: every byte encrypted, every guard of docs/internals/storage.md kept.
std::shared_ptr<rocksdb::FileSystem> make_rocks_files(std::shared_ptr<KvFiles> files);

// The number in a name like MANIFEST-000012, or nothing.
std::optional<uint64_t> manifest_number(std::string_view path);

}  // namespace dl::storage

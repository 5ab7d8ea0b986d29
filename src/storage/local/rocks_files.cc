#include "storage/local/rocks_files.h"

#include <rocksdb/file_system.h>

#include <charconv>

#include "crypto/hash.h"
#include "storage/local/cipher_file.h"
#include "storage/no_wait.h"

namespace dl::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string_view base_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

// Damage is told as an I/O error too: Debian's library is built with assertions and aborts when a small file answers
// with Corruption.
IOStatus to_status(const Error& failed) {
  if (failed.code == Code::kNotFound) return IOStatus::PathNotFound(failed.message);
  if (failed.code == Code::kNoSpace) return IOStatus::NoSpace(failed.message);
  return IOStatus::IOError(failed.message);
}

template <class T>
IOStatus answer(KvFiles& files, const Result<T>& result) {
  if (result.ok()) return IOStatus::OK();
  if (!NoWait::wanted()) files.note(result.error());  // a read that must not wait is made again
  return to_status(result.error());
}

IOStatus answer_sync(KvFiles& files, const Result<void>& result) {
  if (!result.ok() && result.error().code != Code::kNoSpace && files.sync_failed) files.sync_failed(result.error());
  return answer(files, result);
}

IOStatus read_only() { return IOStatus::IOError("the store is only looked at"); }

IOStatus read_into(KvFiles& files, const CipherReadFile& file, uint64_t offset, size_t n, Slice* result,
                   char* scratch) {
  auto got = file.read_at(offset, scratch, n);
  *result = Slice(scratch, got.ok() ? *got : 0);
  return answer(files, got);
}

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  SequentialFile(std::shared_ptr<KvFiles> files, std::unique_ptr<CipherReadFile> file)
      : files_(std::move(files)), file_(std::move(file)) {}
  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    auto status = read_into(*files_, *file_, offset_, n, result, scratch);
    offset_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  std::shared_ptr<KvFiles> files_;
  std::unique_ptr<CipherReadFile> file_;
  uint64_t offset_ = 0;
};

class RandomFile : public rocksdb::FSRandomAccessFile {
 public:
  RandomFile(std::shared_ptr<KvFiles> files, std::unique_ptr<CipherReadFile> file)
      : files_(std::move(files)), file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    auto status = read_into(*files_, *file_, offset, n, result, scratch);
    if (!status.ok() && !NoWait::wanted() && files_->unreadable) files_->unreadable();
    return status;
  }

 private:
  std::shared_ptr<KvFiles> files_;
  std::unique_ptr<CipherReadFile> file_;
};

class WritableFile : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::shared_ptr<KvFiles> files, std::unique_ptr<CipherWriteFile> file, std::optional<uint64_t> manifest)
      : files_(std::move(files)), file_(std::move(file)), manifest_(manifest) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    auto done = file_->append({data.data(), data.size()});
    if (done.ok() && manifest_) hasher_.update(file_->last_written());
    return answer(*files_, done);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    auto done = file_->sync();
    if (done.ok() && manifest_ && file_->size() > 0)
      files_->watermark->manifest_synced({*manifest_, kCipherHeaderBytes + file_->size(), hasher_.peek()});
    return answer_sync(*files_, done);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return file_->size(); }

 private:
  std::shared_ptr<KvFiles> files_;
  std::unique_ptr<CipherWriteFile> file_;
  std::optional<uint64_t> manifest_;
  crypto::Sha256Hasher hasher_;  // of a MANIFEST as it lies in the file
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(std::shared_ptr<KvFiles> files, std::string path) : files_(std::move(files)), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return answer_sync(*files_, files_->fs().sync_dir(path_));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& o, IODebugContext* c, const rocksdb::DirFsyncOptions&) override {
    return Fsync(o, c);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  std::shared_ptr<KvFiles> files_;
  std::string path_;
};

struct Held : rocksdb::FileLock {
  std::unique_ptr<dl::storage::FileLock> lock;
};

class RocksFiles : public rocksdb::FileSystem {
 public:
  explicit RocksFiles(std::shared_ptr<KvFiles> files) : files_(std::move(files)) {}
  const char* Name() const override { return "DemiluneFiles"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* out, IODebugContext*) override {
    auto file = open(path);
    if (file.ok()) *out = std::make_unique<SequentialFile>(files_, *std::move(file));
    return answer(*files_, file);
  }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* out, IODebugContext*) override {
    auto file = open(path);
    if (file.ok()) *out = std::make_unique<RandomFile>(files_, *std::move(file));
    return answer(*files_, file);
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* out,
                           IODebugContext*) override {
    if (!files_->watermark) return read_only();
    auto file = CipherWriteFile::create(files_->fs(), path, files_->key(), files_->randomness());
    if (file.ok()) *out = std::make_unique<WritableFile>(files_, *std::move(file), manifest_number(path));
    return answer(*files_, file);
  }

  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("files are not used again: their key stream would be");
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* out,
                        IODebugContext*) override {
    auto there = files_->fs().is_dir(path);
    if (there.ok() && !*there) return IOStatus::PathNotFound(path);
    if (there.ok()) *out = std::make_unique<Directory>(files_, path);
    return answer(*files_, there);
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    auto there = files_->fs().exists(path);
    if (there.ok() && !*there) return IOStatus::NotFound(path);
    return answer(*files_, there);
  }

  IOStatus GetChildren(const std::string& dir, const IOOptions&, std::vector<std::string>* out,
                       IODebugContext*) override {
    auto names = files_->fs().list(dir);
    if (names.ok()) *out = *std::move(names);
    return answer(*files_, names);
  }

  // An opening that finds a shorter MANIFEST must not miss the files which only the longer one named: so what the
  // watermark knows is durable before anything goes.
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (!files_->watermark) return read_only();
    auto flushed = answer_sync(*files_, files_->watermark->flush());
    if (!flushed.ok()) return flushed;
    return answer(*files_, files_->fs().remove(path));
  }

  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (!files_->watermark) return read_only();
    return answer(*files_, files_->fs().make_dir(path, 0700));
  }

  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    auto there = files_->fs().is_dir(path);
    if (!there.ok() || *there) return answer(*files_, there);
    if (!files_->watermark) return read_only();
    return answer(*files_, files_->fs().make_dir(path, 0700));
  }

  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (!files_->watermark) return read_only();
    return answer(*files_, files_->fs().remove_dir(path));
  }

  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* size, IODebugContext*) override {
    auto file = open(path);
    if (!file.ok()) return answer(*files_, file);
    auto plain = (*file)->size();
    if (plain.ok()) *size = *plain;
    return answer(*files_, plain);
  }

  IOStatus GetFileModificationTime(const std::string& path, const IOOptions&, uint64_t* seconds,
                                   IODebugContext*) override {
    auto millis = files_->fs().modified_millis(path);
    if (millis.ok()) *seconds = *millis / 1000;
    return answer(*files_, millis);
  }

  // Before CURRENT moves, the new MANIFEST and all that it names have durable names, and the watermark knows it.
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    if (!files_->watermark) return read_only();
    bool moves_current = base_name(to) == "CURRENT";
    if (moves_current) {
      auto flushed = answer_sync(*files_, files_->watermark->flush());
      if (!flushed.ok()) return flushed;
      auto synced = answer_sync(*files_, files_->fs().sync_dir(to.substr(0, to.find_last_of('/'))));
      if (!synced.ok()) return synced;
    }
    auto renamed = files_->fs().rename(from, to);
    if (moves_current && renamed.ok()) files_->watermark->current_moved();
    return answer(*files_, renamed);
  }

  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** out, IODebugContext*) override {
    auto lock = files_->fs().lock(path);
    if (lock.ok()) {
      auto held = std::make_unique<Held>();
      held->lock = *std::move(lock);
      *out = held.release();  // UnlockFile takes it back
    }
    return answer(*files_, lock);
  }

  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete static_cast<Held*>(lock);
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("GetTestDirectory");
  }

  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return IOStatus::NotSupported("RocksDB's own log would be clear text");
  }

  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* out, IODebugContext*) override {
    *out = path;
    return IOStatus::OK();
  }

  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* out, IODebugContext*) override {
    auto space = files_->fs().disk_space(path);
    if (space.ok()) *out = space->free_bytes;
    return answer(*files_, space);
  }

  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* out, IODebugContext*) override {
    auto dir = files_->fs().is_dir(path);
    if (dir.ok()) *out = *dir;
    return answer(*files_, dir);
  }

 private:
  Result<std::unique_ptr<CipherReadFile>> open(const std::string& path) {
    DL_TRY(auto file, CipherReadFile::open(files_->fs(), path, files_->key()));
    if (path == files_->limited_path) file->limit(files_->limited_to);
    return file;
  }
  std::shared_ptr<KvFiles> files_;
};

}  // namespace

void KvFiles::note(const Error& failed) {
  std::lock_guard lock(m_);
  if (failed.code == Code::kNotFound) return;  // often only a question
  auto& place = failed.code == Code::kCorrupt ? damage_ : refusal_;
  if (!place) place = failed;
}

std::optional<Error> KvFiles::damage() const {
  std::lock_guard lock(m_);
  return damage_;
}

std::optional<Error> KvFiles::refusal() const {
  std::lock_guard lock(m_);
  return refusal_;
}

std::shared_ptr<rocksdb::FileSystem> make_rocks_files(std::shared_ptr<KvFiles> files) {
  return std::make_shared<RocksFiles>(std::move(files));
}

std::optional<uint64_t> manifest_number(std::string_view path) {
  constexpr std::string_view kPrefix = "MANIFEST-";
  auto name = base_name(path);
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  uint64_t number = 0;
  auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed != std::errc() || end != name.data() + name.size() || number == 0) return std::nullopt;
  return number;
}

}  // namespace dl::storage

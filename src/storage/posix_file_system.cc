// The one place with raw file calls.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "storage/file_system.h"
#include "storage/no_wait.h"

namespace dl::storage {
namespace {

Error errno_error(std::string_view doing, const std::string& path, int number = errno) {
  Code code = Code::kIo;
  std::string next;
  if (number == ENOENT) code = Code::kNotFound;
  if (number == EEXIST) code = Code::kExists;
  if (number == ENOSPC || number == EDQUOT) {
    code = Code::kNoSpace;
    next = "Free some space on the disk.";
  }
  char text[128];
  return error(code, std::string(doing) + " " + path + ": " + strerror_r(number, text, sizeof text), std::move(next));
}

template <class Call>
auto retried(Call call) {
  for (;;) {
    auto n = call();
    if (n >= 0 || errno != EINTR) return n;
  }
}

Error would_wait(const std::string& path) {
  NoWait::refuse();
  return error(Code::kUnavailable, path + " is not in memory, and this thread must not wait for the disk");
}

class Descriptor {
 public:
  Descriptor(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  Result<uint64_t> size() const {
    struct stat st;
    if (::fstat(fd_, &st) != 0) return errno_error("looking at", path_);
    return static_cast<uint64_t>(st.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

class PosixReadFile : public ReadFile {
 public:
  PosixReadFile(int fd, const std::string& path) : file_(fd, path) {}

  Result<size_t> read_at(uint64_t offset, char* out, size_t size) const override {
    const bool no_wait = NoWait::wanted();
    size_t done = 0;
    while (done < size) {
      const auto at = static_cast<off_t>(offset + done);
      iovec to{out + done, size - done};
      ssize_t n = retried([&] {
        return no_wait ? ::preadv2(file_.fd(), &to, 1, at, RWF_NOWAIT)
                       : ::pread(file_.fd(), out + done, size - done, at);
      });
      // EOPNOTSUPP: a file system that cannot tell; there every read goes to a thread that may wait.
      if (n < 0 && no_wait && (errno == EAGAIN || errno == EOPNOTSUPP)) return would_wait(file_.path());
      if (n < 0) return errno_error("reading", file_.path());
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  Result<uint64_t> size() const override { return file_.size(); }

 private:
  Descriptor file_;
};

class PosixWriteFile : public WriteFile {
 public:
  PosixWriteFile(int fd, const std::string& path, uint64_t size) : file_(fd, path), end_(size) {}

  Result<void> write_at(uint64_t offset, BytesView data) override {
    while (!data.empty()) {
      ssize_t n = retried([&] { return ::pwrite(file_.fd(), data.data(), data.size(), static_cast<off_t>(offset)); });
      if (n < 0) return errno_error("writing", file_.path());
      data.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
      std::lock_guard lock(m_);
      end_ = std::max(end_, offset);
    }
    return {};
  }

  Result<void> append(BytesView data) override {
    uint64_t at;
    {
      std::lock_guard lock(m_);
      at = end_;
      end_ += data.size();
    }
    return write_at(at, data);
  }

  Result<void> sync() override {
    if (retried([&] { return ::fdatasync(file_.fd()); }) != 0) return errno_error("syncing", file_.path());
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    std::lock_guard lock(m_);
    if (retried([&] { return ::ftruncate(file_.fd(), static_cast<off_t>(size)); }) != 0)
      return errno_error("cutting", file_.path());
    end_ = size;
    return {};
  }

  Result<void> reserve(uint64_t offset, uint64_t length) override {
    int rc = retried([&] {
      return ::fallocate(file_.fd(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
    });
    if (rc != 0 && errno != EOPNOTSUPP) return errno_error("reserving space for", file_.path());
    return {};
  }

  Result<void> punch(uint64_t offset, uint64_t length) override {
    if (length == 0) return {};
    int rc = retried([&] {
      return ::fallocate(file_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                         static_cast<off_t>(length));
    });
    if (rc == 0) return {};
    if (errno != EOPNOTSUPP) return errno_error("freeing space in", file_.path());
    return write_zeros(offset, length);
  }

  Result<uint64_t> size() const override { return file_.size(); }

 private:
  // Where the file system cannot punch, the promise that the range reads as zeros is kept all the same.
  Result<void> write_zeros(uint64_t offset, uint64_t length) {
    DL_TRY(uint64_t end, file_.size());
    end = std::min(end, offset + length);
    const Bytes zeros(64 * 1024, '\0');
    for (; offset < end; offset += zeros.size())
      DL_OK(write_at(offset, BytesView(zeros).substr(0, std::min<uint64_t>(zeros.size(), end - offset))));
    return {};
  }

  Descriptor file_;
  mutable std::mutex m_;
  uint64_t end_;
};

class PosixLock : public FileLock {
 public:
  PosixLock(int fd, const std::string& path) : file_(fd, path) {}

 private:
  Descriptor file_;
};

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<ReadFile>> open_read(const std::string& path) override {
    if (NoWait::wanted()) return would_wait(path);
    int fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (fd < 0) return errno_error("opening", path);
    return std::unique_ptr<ReadFile>(std::make_unique<PosixReadFile>(fd, path));
  }

  Result<std::unique_ptr<WriteFile>> open_write(const std::string& path, OpenMode mode, unsigned permissions) override {
    int flags = O_RDWR | O_CLOEXEC;
    if (mode == OpenMode::kCreateNew) flags |= O_CREAT | O_EXCL;
    if (mode == OpenMode::kCreateOrTruncate) flags |= O_CREAT | O_TRUNC;
    int fd = retried([&] { return ::open(path.c_str(), flags, permissions); });
    if (fd < 0) return errno_error("opening", path);
    struct stat st;
    if (::fstat(fd, &st) != 0) {
      auto failed = errno_error("looking at", path);
      ::close(fd);
      return failed;
    }
    return std::unique_ptr<WriteFile>(std::make_unique<PosixWriteFile>(fd, path, static_cast<uint64_t>(st.st_size)));
  }

  Result<void> sync_dir(const std::string& path) override {
    int fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return errno_error("opening", path);
    Descriptor dir(fd, path);
    if (retried([&] { return ::fsync(fd); }) != 0) return errno_error("syncing", path);
    return {};
  }

  Result<void> make_dir(const std::string& path, unsigned permissions) override {
    if (::mkdir(path.c_str(), permissions) != 0) return errno_error("making the directory", path);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("renaming to " + to + " from", from);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return errno_error("removing", path);
    return {};
  }

  Result<void> remove_dir(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) return errno_error("removing", path);
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat st;
    if (::lstat(path.c_str(), &st) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return errno_error("looking for", path);
  }

  Result<bool> is_dir(const std::string& path) override {
    struct stat st;
    if (::stat(path.c_str(), &st) == 0) return S_ISDIR(st.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return errno_error("looking for", path);
  }

  Result<uint64_t> file_size(const std::string& path) override {
    DL_TRY(auto st, look(path));
    return static_cast<uint64_t>(st.st_size);
  }

  Result<uint64_t> modified_millis(const std::string& path) override {
    DL_TRY(auto st, look(path));
    return static_cast<uint64_t>(st.st_mtim.tv_sec) * 1000 + static_cast<uint64_t>(st.st_mtim.tv_nsec) / 1'000'000;
  }

  Result<std::vector<std::string>> list(const std::string& dir) override {
    DIR* open = ::opendir(dir.c_str());
    if (open == nullptr) return errno_error("listing", dir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(open)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
      errno = 0;
    }
    int failed = errno;
    ::closedir(open);
    if (failed != 0) return errno_error("listing", dir, failed);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    int fd = retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (fd < 0) return errno_error("opening", path);
    auto held = std::make_unique<PosixLock>(fd, path);
    if (retried([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) == 0) return std::unique_ptr<FileLock>(std::move(held));
    if (errno != EWOULDBLOCK) return errno_error("locking", path);
    return error(Code::kConflict, path + " is held by another process",
                 "Stop the other one, or use another directory.");
  }

  Result<DiskSpace> disk_space(const std::string& path) override {
    struct statvfs st;
    if (::statvfs(path.c_str(), &st) != 0) return errno_error("asking for free space at", path);
    return DiskSpace{static_cast<uint64_t>(st.f_blocks) * st.f_frsize,
                     static_cast<uint64_t>(st.f_bavail) * st.f_frsize};
  }

 private:
  static Result<struct stat> look(const std::string& path) {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return errno_error("looking at", path);
    return st;
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace dl::storage

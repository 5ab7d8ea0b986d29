#include "app/local_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/random.h"

namespace dl::app {
namespace {

Error system_error(const std::string& what, const std::string& path) {
  int e = errno;
  Code code = e == ENOENT || e == ENOTDIR  ? Code::kNotFound
              : e == EACCES || e == EPERM  ? Code::kDenied
              : e == ENOSPC || e == EDQUOT ? Code::kNoSpace
                                           : Code::kIo;
  return error(code, what + " " + path + ": " + std::strerror(e), "Check the path and its permissions.");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close_now(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // False when the system tells only now that a write was lost.
  bool close_now() {
    int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

class PosixReader : public cli::FileReader {
 public:
  PosixReader(int fd, std::string path, uint64_t size) : file_(fd), path_(std::move(path)), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<size_t> read(char* out, size_t size) override {
    for (;;) {
      ssize_t n = ::read(file_.get(), out, size);
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) return system_error("reading", path_);
    }
  }

 private:
  Descriptor file_;
  std::string path_;
  uint64_t size_;
};

class PosixWriter : public cli::FileWriter {
 public:
  PosixWriter(int fd, std::string temporary, std::string path)
      : file_(fd), temporary_(std::move(temporary)), path_(std::move(path)) {}
  ~PosixWriter() override {
    if (!finished_) ::unlink(temporary_.c_str());
  }
  Result<void> write(std::string_view data) override {
    while (!data.empty()) {
      ssize_t n = ::write(file_.get(), data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("writing", path_);
      data.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }
  Result<void> finish() override {
    if (::fsync(file_.get()) != 0 || !file_.close_now()) return system_error("writing", path_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("writing", path_);
    finished_ = true;
    return {};
  }

 private:
  Descriptor file_;
  std::string temporary_, path_;
  bool finished_ = false;
};

Result<void> list_into(const std::string& root, const std::string& below, std::vector<cli::FileEntry>& out) {
  std::string path = below.empty() ? root : root + "/" + below;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return system_error("listing", path);
  errno = 0;
  while (const dirent* e = ::readdir(dir.get())) {
    std::string name = e->d_name;
    if (name == "." || name == "..") continue;
    std::string relative = below.empty() ? name : below + "/" + name;
    struct stat st{};
    if (::lstat((root + "/" + relative).c_str(), &st) != 0) return system_error("looking at", root + "/" + relative);
    if (S_ISDIR(st.st_mode)) {
      out.push_back({relative, true, 0});
      DL_OK(list_into(root, relative, out));
    } else if (S_ISREG(st.st_mode)) {
      out.push_back({relative, false, static_cast<uint64_t>(st.st_size)});
    }
    errno = 0;
  }
  if (errno != 0) return system_error("listing", path);
  return {};
}

class PosixFiles : public cli::LocalFiles {
 public:
  Result<std::unique_ptr<cli::FileReader>> open(const std::string& path) override {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error("opening", path);
    struct stat st{};
    auto reader = [&](uint64_t size) { return std::make_unique<PosixReader>(fd, path, size); };
    if (::fstat(fd, &st) != 0) {
      Error e = system_error("opening", path);
      ::close(fd);
      return e;
    }
    if (S_ISDIR(st.st_mode)) {
      ::close(fd);
      return error(Code::kInvalid, path + " is a directory");
    }
    return std::unique_ptr<cli::FileReader>(reader(static_cast<uint64_t>(st.st_size)));
  }

  Result<std::unique_ptr<cli::FileWriter>> create(const std::string& path, unsigned mode) override {
    std::string temporary = path + ".part-" + to_hex(system_random().bytes(6));
    int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return system_error("creating", path);
    return std::unique_ptr<cli::FileWriter>(std::make_unique<PosixWriter>(fd, temporary, path));
  }

  Result<bool> is_directory(const std::string& path) override {
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) return system_error("looking at", path);
    return S_ISDIR(st.st_mode);
  }

  Result<std::vector<cli::FileEntry>> list(const std::string& directory) override {
    std::vector<cli::FileEntry> out;
    DL_OK(list_into(directory, "", out));
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return out;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
};

}  // namespace

cli::LocalFiles& local_files() {
  static PosixFiles files;
  return files;
}

}  // namespace dl::app

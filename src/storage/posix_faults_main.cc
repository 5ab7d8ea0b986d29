// The operating system's answers that the simulated disk does not know, under the real PosixFileSystem: this program
// has file calls of its own, which the whole program uses instead of the C library's.
//   storage_posix [--stride N] [--plant swallow]
// Calls that were interrupted or did a part only: at every such call of a store's life in turn (with a stride, every
// Nth), and then at every second call; nobody may notice. Errors: at every call of a script that uses each function of
// the seam, each errno in turn; it must come out with the right code and the system's words. The planted bug does not
// look at what fdatasync and fallocate answer. Ends with 0 only if all held.
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "storage/crash/workload.h"
#include "storage/no_wait.h"

namespace {

constexpr int kShort = -1;  // not an errno: a part is done
std::atomic<int> g_fault{0};
std::atomic<uint64_t> g_nth{0}, g_every{0};  // the nth such call, or every so manieth
std::atomic<uint64_t> g_seen{0}, g_hits{0};
std::atomic<bool> g_swallow{false};

bool hit() {
  uint64_t seen = ++g_seen;
  uint64_t every = g_every;
  bool now = every ? seen % every == 0 : seen == g_nth;
  if (now) ++g_hits;
  return now;
}

// Whether this call fails now; errno is set. `slow`: a call that a signal can interrupt.
enum class Wait { kSlow, kNever };
bool fails(Wait wait = Wait::kNever) {
  int fault = g_fault;
  if (fault == 0 || fault == kShort || (fault == EINTR && wait == Wait::kNever) || !hit()) return false;
  errno = fault;
  return true;
}

size_t part_of(size_t size) { return g_fault == kShort && size > 1 && hit() ? size / 2 : size; }

bool swallowed(bool failed) { return failed && g_swallow && g_fault != EINTR; }

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return fails(Wait::kSlow) ? -1 : static_cast<int>(syscall(SYS_open, path, flags, mode));
}
ssize_t pread(int fd, void* out, size_t size, off_t at) {
  return fails(Wait::kSlow) ? -1 : syscall(SYS_pread64, fd, out, part_of(size), at);
}
ssize_t preadv2(int fd, const struct iovec* to, int count, off_t at, int flags) {
  if (fails(Wait::kSlow)) return -1;
  iovec part{to[0].iov_base, part_of(to[0].iov_len)};  // the seam gives one
  return count == 1 ? syscall(SYS_preadv2, fd, &part, 1, at, 0, flags) : -1;
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return fails(Wait::kSlow) ? -1 : syscall(SYS_pwrite64, fd, data, part_of(size), at);
}
int fsync(int fd) { return fails(Wait::kSlow) ? -1 : static_cast<int>(syscall(SYS_fsync, fd)); }
int fdatasync(int fd) {
  bool failed = fails(Wait::kSlow);
  if (swallowed(failed)) return 0;
  return failed ? -1 : static_cast<int>(syscall(SYS_fdatasync, fd));
}
int fallocate(int fd, int mode, off_t at, off_t length) {
  bool failed = fails(Wait::kSlow);
  if (swallowed(failed)) return 0;
  return failed ? -1 : static_cast<int>(syscall(SYS_fallocate, fd, mode, at, length));
}
int ftruncate(int fd, off_t size) noexcept {
  return fails(Wait::kSlow) ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int flock(int fd, int how) noexcept { return fails(Wait::kSlow) ? -1 : static_cast<int>(syscall(SYS_flock, fd, how)); }
int mkdir(const char* path, mode_t mode) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_mkdir, path, mode));
}
int rename(const char* from, const char* to) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}
int unlink(const char* path) noexcept { return fails() ? -1 : static_cast<int>(syscall(SYS_unlink, path)); }
int rmdir(const char* path) noexcept { return fails() ? -1 : static_cast<int>(syscall(SYS_rmdir, path)); }
int stat(const char* path, struct stat* out) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_stat, path, out));
}
int lstat(const char* path, struct stat* out) noexcept {
  return fails() ? -1 : static_cast<int>(syscall(SYS_lstat, path, out));
}
int fstat(int fd, struct stat* out) noexcept { return fails() ? -1 : static_cast<int>(syscall(SYS_fstat, fd, out)); }
int statvfs(const char* path, struct statvfs* out) noexcept {
  static const auto real = next<int (*)(const char*, struct statvfs*)>("statvfs");
  return fails() ? -1 : real(path, out);
}
DIR* opendir(const char* path) {
  static const auto real = next<DIR* (*)(const char*)>("opendir");
  return fails() ? nullptr : real(path);
}

}  // extern "C"

namespace dl::storage::crash {
namespace {

// Arms the calls while it lives.
class Armed {
 public:
  Armed(int fault, uint64_t nth, uint64_t every) {
    g_seen = g_hits = 0;
    g_nth = nth, g_every = every;
    g_fault = fault;
  }
  ~Armed() { g_fault = 0; }
  uint64_t hits() const { return g_hits; }
};

// A directory in memory when there is one: nothing here depends on the disk.
class Place {
 public:
  Place() {
    auto shm = posix_file_system().is_dir("/dev/shm");
    path_ = std::string(shm.ok() && *shm ? "/dev/shm" : "/tmp") + "/demilune-posix-" +
            std::to_string(system_random().u64());
  }
  ~Place() { (void)remove_tree(posix_file_system(), path_).ok(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Nothing is refused, nothing is missing.
Result<void> life(uint64_t seed, int fault, uint64_t nth, uint64_t every, uint64_t& hits) {
  Place place;
  Workload load(seed, Plant::kNone, posix_file_system(), place.path());
  Armed armed(fault, nth, every);
  for (int times = 0; times < 2; times++) {
    DL_OK(load.open());
    load.run(6);
    if (load.died()) return error(Code::kInternal, "ENDED: " + load.why_died());
    auto errors = load.take_errors();
    if (!errors.empty()) return std::move(errors.front()).within("REFUSED");
    load.close();
  }
  DL_OK(load.open());
  auto seen = load.verify();
  load.close();
  hits = armed.hits();
  return seen;
}

Result<uint64_t> unnoticed(int fault, uint64_t stride) {
  uint64_t lives = 0;
  for (uint64_t nth = 1;; nth += stride, lives++) {
    uint64_t hits = 0;
    auto done = life(nth, fault, nth, 0, hits);
    if (!done.ok()) return std::move(done).error().within("call " + std::to_string(nth));
    if (hits == 0) break;
  }
  for (uint64_t seed = 1; seed <= 5; seed++, lives++) {
    uint64_t hits = 0;
    auto done = life(seed, fault, 0, 2, hits);
    if (!done.ok()) return std::move(done).error().within("every second call");
    if (hits < 100) return error(Code::kInternal, "NOTHING WAS TESTED: few calls were hit");
  }
  return lives;
}

// Each function of the seam.
Result<void> script(FileSystem& fs, const std::string& dir) {
  DL_OK(fs.make_dir(dir, 0700));
  DL_TRY(auto lock, fs.lock(dir + "/L"));
  {
    DL_TRY(auto file, fs.open_write(dir + "/f.tmp", OpenMode::kCreateNew, 0600));
    DL_OK(file->reserve(0, 65536));
    DL_OK(file->append(Bytes(20000, 'x')));
    DL_OK(file->write_at(4096, "y"));
    DL_OK(file->punch(8192, 4096));
    DL_OK(file->truncate(16384));
    DL_TRY(uint64_t size, file->size());
    DL_ASSERT(size == 16384, "the script's file has another size");
    DL_OK(file->sync());
  }
  DL_OK(fs.rename(dir + "/f.tmp", dir + "/f"));
  DL_OK(fs.sync_dir(dir));
  DL_TRY(bool there, fs.exists(dir + "/f"));
  DL_TRY(bool is_dir, fs.is_dir(dir));
  DL_TRY(uint64_t size, fs.file_size(dir + "/f"));
  DL_TRY(uint64_t when, fs.modified_millis(dir + "/f"));
  DL_TRY(auto space, fs.disk_space(dir));
  DL_TRY(auto names, fs.list(dir));
  DL_ASSERT(there && is_dir && size == 16384 && when > 0 && space.total_bytes > 0 && names.size() == 2,
            "the script sees something else than it made");
  DL_TRY(auto content, read_file(fs, dir + "/f", 1 << 20));
  DL_ASSERT(content.size() == 16384, "the script reads something else than it wrote");
  DL_TRY(auto again, fs.open_read(dir + "/f"));
  {
    NoWait no_wait;
    Bytes now(content.size(), '\0');
    auto read = again->read_at(0, now.data(), now.size());
    if (!read.ok() && !no_wait.refused()) return std::move(read).error();
    DL_ASSERT(!read.ok() || now == content, "a read that must not wait sees something else");
  }
  lock.reset();
  DL_OK(fs.remove(dir + "/f"));
  DL_OK(fs.remove(dir + "/L"));
  return fs.remove_dir(dir);
}

Result<uint64_t> told(int number) {
  const Code want = number == ENOSPC || number == EDQUOT ? Code::kNoSpace : Code::kIo;
  for (uint64_t nth = 1;; nth++) {
    Place place;
    Result<void> done;
    uint64_t hits;
    {
      Armed armed(number, nth, 0);
      done = script(posix_file_system(), place.path());
      hits = armed.hits();
    }
    if (hits == 0) {
      DL_OK(done);
      return nth - 1;
    }
    std::string at = "call " + std::to_string(nth);
    if (done.ok()) return error(Code::kInternal, at + ": SWALLOWED: the error came out nowhere");
    if (done.error().code != want || done.error().message.find(strerrordesc_np(number)) == std::string::npos)
      return std::move(done).error().within(at + ": WRONG ERROR");
  }
}

int run(int argc, char** argv) {
  uint64_t stride = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    if (name == "--stride") stride = std::max<uint64_t>(1, std::strtoull(value.c_str(), nullptr, 10));
    if (name == "--plant") g_swallow = value == "swallow";
  }
  set_log_level(LogLevel::kError);
  int failed = 0, passed = 0;
  auto judge = [&](const char* name, const char* what, const Result<uint64_t>& result) {
    if (result.ok()) std::printf("  %-6s %s %llu\n", name, what, static_cast<unsigned long long>(*result));
    if (!result.ok()) std::printf("FAILED: %s at %s\n", name, result.error().message.c_str());
    result.ok() ? passed++ : failed++;
  };
  judge("EINTR", "lives", unnoticed(EINTR, stride));
  judge("short", "lives", unnoticed(kShort, stride));
  for (int number : {ENOSPC, EDQUOT, EIO, EMFILE}) judge(strerrorname_np(number), "calls", told(number));
  std::printf("storage_posix: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace dl::storage::crash

int main(int argc, char** argv) { return dl::storage::crash::run(argc, argv); }

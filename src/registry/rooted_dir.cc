#include "registry/rooted_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "registry/limits.h"

namespace dl::registry {
namespace {

constexpr int kDirFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kMaxOpenDepth = 64;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error os_error(std::string_view doing, std::string_view path) {
  int number = errno;
  Code code = Code::kIo;
  if (number == ENOSPC || number == EDQUOT) code = Code::kNoSpace;
  if (number == ENOENT) code = Code::kNotFound;
  if (number == ELOOP || number == ENOTDIR || number == EXDEV || number == ENAMETOOLONG) code = Code::kInvalid;
  return error(code, fmt::format("{} '{}': {}", doing, path, std::strerror(number)));
}

int open_in_root(int root, const std::string& path, uint64_t flags) {
  open_how how{.flags = flags | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how));
}

struct Place {
  Fd parent;
  std::string leaf;
};

enum class Parents { kMustExist, kMake };

// The directory that holds the last part of path. path is clean and not empty.
Result<Place> find_place(int root, const std::string& path, Parents parents) {
  size_t cut = path.rfind('/');
  Place place;
  place.leaf = cut == std::string::npos ? path : path.substr(cut + 1);
  std::string dir = cut == std::string::npos ? "" : path.substr(0, cut);
  place.parent = Fd(open_in_root(root, dir, O_RDONLY | O_DIRECTORY));
  if (place.parent.ok()) return place;
  if (errno != ENOENT || parents == Parents::kMustExist) return os_error("opening", dir);
  DL_TRY(auto above, find_place(root, dir, parents));
  if (::mkdirat(above.parent.get(), above.leaf.c_str(), 0755) != 0)
    return error(Code::kInvalid, fmt::format("'{}' cannot be a directory: {}", dir, std::strerror(errno)));
  place.parent = Fd(::openat(above.parent.get(), above.leaf.c_str(), kDirFlags));
  if (!place.parent.ok()) return os_error("opening", dir);
  return place;
}

Result<Place> place_of(int root, const std::string& raw, Parents parents) {
  DL_TRY(auto path, clean_path(raw));
  if (path.empty()) return error(Code::kInvalid, "the root itself cannot be replaced");
  return find_place(root, path, parents);
}

// Children of an open directory, without . and ..
Result<std::vector<std::string>> names_in(int dir, std::string_view path) {
  int copy = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (!stream) {
    Error failed = os_error("listing", path);
    if (copy >= 0) ::close(copy);
    return failed;
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  std::ranges::sort(names);
  return names;
}

// Directories that lie too deep for one open descriptor a level are moved up beside the top and done later.
struct Removal {
  int top;
  int moved = 0;
};

Result<void> remove_entry(Removal& removal, int parent, const std::string& name, int depth) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return os_error("removing", name);
  if (depth > kMaxOpenDepth) {
    std::string aside;
    do aside = fmt::format(".removed-{}", removal.moved++);
    while (::faccessat(removal.top, aside.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    if (::renameat(parent, name.c_str(), removal.top, aside.c_str()) != 0) return os_error("moving", name);
    return {};
  }
  Fd dir(::openat(parent, name.c_str(), kDirFlags));
  if (!dir.ok()) return os_error("opening", name);
  DL_TRY(auto names, names_in(dir.get(), name));
  for (const auto& child : names) DL_OK(remove_entry(removal, dir.get(), child, depth + 1));
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return os_error("removing", name);
  return {};
}

Result<void> remove_at(int parent, const std::string& name) {
  struct stat st;
  if (::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<void>() : Result<void>(os_error("looking at", name));
  if (!S_ISDIR(st.st_mode)) {
    if (::unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT) return os_error("removing", name);
    return {};
  }
  Fd top(::openat(parent, name.c_str(), kDirFlags));
  if (!top.ok()) return os_error("opening", name);
  Removal removal{.top = top.get()};
  for (;;) {
    DL_TRY(auto names, names_in(top.get(), name));
    if (names.empty()) break;
    for (const auto& child : names) DL_OK(remove_entry(removal, top.get(), child, 1));
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return os_error("removing", name);
  return {};
}

// Owner first: chown clears set-id bits.
Result<void> set_attributes(int parent, const std::string& leaf, const NodeAttributes& attributes, bool is_link) {
  if (::geteuid() == 0 && ::fchownat(parent, leaf.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return os_error("giving an owner to", leaf);
  if (!is_link && ::fchmodat(parent, leaf.c_str(), attributes.mode & 07777, 0) != 0)
    return os_error("setting the mode of", leaf);
  return {};
}

}  // namespace

Result<std::string> clean_path(std::string_view raw) {
  if (raw.size() > kMaxPathBytes || raw.find('\0') != std::string_view::npos)
    return error(Code::kInvalid, "a path is too long or has a zero byte");
  std::string out;
  while (!raw.empty()) {
    size_t cut = std::min(raw.find('/'), raw.size());
    std::string_view part = raw.substr(0, cut);
    raw.remove_prefix(std::min(cut + 1, raw.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return error(Code::kInvalid, "a path climbs out with '..'");
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

Result<void> remove_tree_no_follow(const std::string& path) {
  size_t cut = path.rfind('/');
  std::string dir = cut == std::string::npos ? "." : cut == 0 ? "/" : path.substr(0, cut);
  std::string leaf = cut == std::string::npos ? path : path.substr(cut + 1);
  if (leaf.empty() || leaf == "." || leaf == "..")
    return error(Code::kInvalid, fmt::format("'{}' cannot be removed", path));
  Fd parent(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok()) return errno == ENOENT ? Result<void>() : Result<void>(os_error("opening", dir));
  return remove_at(parent.get(), leaf);
}

Result<RootedDir> RootedDir::open(const std::string& path) {
  int fd = ::open(path.c_str(), kDirFlags);
  if (fd < 0) return os_error("opening", path);
  return RootedDir(fd);
}

RootedDir::RootedDir(RootedDir&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
RootedDir::~RootedDir() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> RootedDir::make_dir(const std::string& path, const NodeAttributes& attributes) {
  DL_TRY(auto clean, clean_path(path));
  if (clean.empty()) {
    if (::fchmod(fd_, attributes.mode & 07777) != 0) return os_error("setting the mode of", "/");
    return {};
  }
  DL_TRY(auto place, find_place(fd_, clean, Parents::kMake));
  struct stat st;
  int parent = place.parent.get();
  bool there = ::fstatat(parent, place.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && !S_ISDIR(st.st_mode)) DL_OK(remove_at(parent, place.leaf));
  if ((!there || !S_ISDIR(st.st_mode)) && ::mkdirat(parent, place.leaf.c_str(), 0700) != 0)
    return os_error("making directory", path);
  return set_attributes(parent, place.leaf, attributes, false);
}

Result<std::unique_ptr<RootedFile>> RootedDir::create_file(const std::string& path) {
  DL_TRY(auto place, place_of(fd_, path, Parents::kMake));
  DL_OK(remove_at(place.parent.get(), place.leaf));
  int fd = ::openat(place.parent.get(), place.leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return os_error("creating", path);
  return std::make_unique<RootedFile>(fd);
}

Result<void> RootedDir::make_symlink(const std::string& path, const std::string& target,
                                     const NodeAttributes& attributes) {
  DL_TRY(auto place, place_of(fd_, path, Parents::kMake));
  DL_OK(remove_at(place.parent.get(), place.leaf));
  if (::symlinkat(target.c_str(), place.parent.get(), place.leaf.c_str()) != 0) return os_error("linking", path);
  return set_attributes(place.parent.get(), place.leaf, attributes, true);
}

Result<void> RootedDir::make_hard_link(const std::string& path, const std::string& target) {
  DL_TRY(auto from, place_of(fd_, target, Parents::kMustExist));
  struct stat st;
  if (::fstatat(from.parent.get(), from.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return os_error("hard link to", target);
  if (S_ISDIR(st.st_mode)) return error(Code::kInvalid, fmt::format("hard link to the directory '{}'", target));
  DL_TRY(auto to, place_of(fd_, path, Parents::kMake));
  struct stat old;
  if (::fstatat(to.parent.get(), to.leaf.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino &&
      old.st_dev == st.st_dev)
    return {};
  DL_OK(remove_at(to.parent.get(), to.leaf));
  if (::linkat(from.parent.get(), from.leaf.c_str(), to.parent.get(), to.leaf.c_str(), 0) != 0)
    return os_error("hard link to", target);
  return {};
}

Result<void> RootedDir::make_fifo(const std::string& path, const NodeAttributes& attributes) {
  DL_TRY(auto place, place_of(fd_, path, Parents::kMake));
  DL_OK(remove_at(place.parent.get(), place.leaf));
  if (::mkfifoat(place.parent.get(), place.leaf.c_str(), 0600) != 0) return os_error("making fifo", path);
  return set_attributes(place.parent.get(), place.leaf, attributes, false);
}

Result<void> RootedDir::remove(const std::string& path) {
  auto place = place_of(fd_, path, Parents::kMustExist);
  if (!place.ok()) return place.error().code == Code::kNotFound ? Result<void>() : std::move(place).error();
  return remove_at(place->parent.get(), place->leaf);
}

Result<std::vector<std::string>> RootedDir::list(const std::string& path) const {
  DL_TRY(auto clean, clean_path(path));
  Fd dir(open_in_root(fd_, clean, O_RDONLY | O_DIRECTORY));
  if (!dir.ok()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::vector<std::string>();
    return os_error("listing", path);
  }
  return names_in(dir.get(), path);
}

Result<RootedDir::Found> RootedDir::stat(const std::string& path) const {
  DL_TRY(auto place, place_of(fd_, path, Parents::kMustExist));
  struct stat st;
  if (::fstatat(place.parent.get(), place.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return os_error("looking at", path);
  Found found{.size = static_cast<uint64_t>(st.st_size)};
  if (S_ISREG(st.st_mode)) found.kind = Found::Kind::kFile;
  if (S_ISDIR(st.st_mode)) found.kind = Found::Kind::kDir;
  if (S_ISLNK(st.st_mode)) found.kind = Found::Kind::kSymlink;
  return found;
}

Result<std::unique_ptr<RootedFile>> RootedDir::open_file(const std::string& path) const {
  DL_TRY(auto place, place_of(fd_, path, Parents::kMustExist));
  // O_NONBLOCK: a fifo in its place must not hang us.
  Fd fd(::openat(place.parent.get(), place.leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) return os_error("opening", path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return os_error("looking at", path);
  if (!S_ISREG(st.st_mode)) return error(Code::kInvalid, fmt::format("'{}' is no regular file", path));
  return std::make_unique<RootedFile>(fd.release());
}

Result<void> RootedDir::sync() const {
  if (::syncfs(fd_) != 0) return os_error("syncing", "the unpacked image");
  return {};
}

RootedFile::~RootedFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> RootedFile::append(BytesView data) {
  while (!data.empty()) {
    ssize_t n = ::write(fd_, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("writing", "a file of an image");
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<size_t> RootedFile::read(char* out, size_t size) {
  for (;;) {
    ssize_t n = ::read(fd_, out, size);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) return os_error("reading", "a file");
  }
}

Result<void> RootedFile::finish(const NodeAttributes& attributes) {
  if (::geteuid() == 0 && ::fchown(fd_, attributes.uid, attributes.gid) != 0)
    return os_error("giving an owner to", "a file");
  if (::fchmod(fd_, attributes.mode & 07777) != 0) return os_error("setting the mode of", "a file");
  timespec times[2] = {{attributes.modified_seconds, 0}, {attributes.modified_seconds, 0}};
  if (::futimens(fd_, times) != 0) return os_error("setting the time of", "a file");
  return {};
}

}  // namespace dl::registry

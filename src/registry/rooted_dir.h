#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace dl::registry {

struct NodeAttributes {
  uint32_t mode = 0;  // permission bits with set-id and sticky
  uint32_t uid = 0, gid = 0;
  int64_t modified_seconds = 0;
};

class RootedFile;

// A directory tree written on behalf of bytes that nobody trusts. Paths are relative to the root ("a/b"); symbolic
// links in the directory part are followed as if the root were "/" (openat2 RESOLVE_IN_ROOT), the last part is never
// followed,
// "..", empty and absolute paths are refused. Nothing outside the root is read or changed. One thread at a time; every
// call may block. Errors: kInvalid (a path that is not allowed), kNotFound, kNoSpace, kIo.
class RootedDir {
 public:
  // The directory must exist. Owners are kept only when the process is root.
  static Result<RootedDir> open(const std::string& path);
  RootedDir(RootedDir&& other) noexcept;
  RootedDir& operator=(RootedDir&&) = delete;
  ~RootedDir();

  // Each makes missing parents (0755) and replaces what is in its way, except that a directory meeting a directory only
  // gets new attributes.
  Result<void> make_dir(const std::string& path, const NodeAttributes& attributes);
  // Mode 0600 until RootedFile::finish.
  Result<std::unique_ptr<RootedFile>> create_file(const std::string& path);
  Result<void> make_symlink(const std::string& path, const std::string& target, const NodeAttributes& attributes);
  Result<void> make_hard_link(const std::string& path, const std::string& target);
  Result<void> make_fifo(const std::string& path, const NodeAttributes& attributes);

  // The whole tree at path, links not followed. Absent: nothing to do.
  Result<void> remove(const std::string& path);
  // Names in the directory; empty when it is absent or no directory.
  Result<std::vector<std::string>> list(const std::string& path) const;

  struct Found {
    enum class Kind { kFile, kDir, kSymlink, kOther } kind = Kind::kOther;
    uint64_t size = 0;
  };
  Result<Found> stat(const std::string& path) const;  // of the last part itself
  // A regular file, for reading; errors: kInvalid when it is none.
  Result<std::unique_ptr<RootedFile>> open_file(const std::string& path) const;

  // Everything under the root's file system is on stable storage afterwards.
  Result<void> sync() const;

 private:
  explicit RootedDir(int fd) : fd_(fd) {}
  int fd_ = -1;
};

class RootedFile {
 public:
  explicit RootedFile(int fd) : fd_(fd) {}
  RootedFile(const RootedFile&) = delete;
  ~RootedFile();
  Result<void> append(BytesView data);
  Result<size_t> read(char* out, size_t size);  // 0 at the end
  Result<void> finish(const NodeAttributes& attributes);

 private:
  int fd_ = -1;
};

// "a/b" of "./a//b/": kInvalid for "..", zero bytes and what is too long; "" is the root itself.
Result<std::string> clean_path(std::string_view raw);

// Removes a tree without following links, however deep it is. Absent: nothing to do.
Result<void> remove_tree_no_follow(const std::string& path);

}  // namespace dl::registry

#include "compute/staging.h"

#include <optional>

#include <fmt/format.h>

#include "compute/limits.h"
#include "registry/rooted_dir.h"

namespace dl::compute {
namespace {

constexpr size_t kMaxOutputDepth = 64;

Result<void> check_stop(const std::atomic<bool>& stop) {
  if (stop.load()) return error(Code::kCancelled, "stopped while objects were moved");
  return {};
}

Error bad_key(const Bytes& key, std::string_view why) {
  return error(Code::kInvalid, fmt::format("object '{}' cannot be a file below /in: {}", key, why),
               "use a prefix without such keys");
}

// The path below /in of a key under `prefix`, which names a folder ("a/b/", "a/b") or one object ("a/b.txt"). nullopt:
// the key only begins with the same letters, or is the folder itself.
std::optional<Bytes> path_below(const Bytes& prefix, const Bytes& key) {
  Bytes rest;
  if (prefix.empty() || prefix.ends_with('/'))
    rest = key.substr(prefix.size());
  else if (key == prefix)
    rest = key.substr(key.rfind('/') + 1);
  else if (key.starts_with(prefix + "/"))
    rest = key.substr(prefix.size() + 1);
  if (rest.empty()) return std::nullopt;
  return rest;
}

Result<void> make_folder(registry::RootedDir& root, const std::string& path, const Bytes& key) {
  auto there = root.stat(path);
  if (there.ok() && there->kind != registry::RootedDir::Found::Kind::kDir)
    return bad_key(key, "another key is a file at a part of its path");
  auto made = root.make_dir(path, {.mode = 0755});
  if (!made.ok() && made.error().code == Code::kInvalid) return bad_key(key, made.error().message);
  return made;
}

class Collector {
 public:
  Collector(ObjectAccess& access, const std::string& principal, const format::ObjectPrefix& to, std::string dir,
            const registry::RootedDir& root, const std::atomic<bool>& stop)
      : access_(access), principal_(principal), to_(to), dir_(std::move(dir)), root_(root), stop_(stop) {}

  Result<void> walk(const std::string& path, size_t depth) {
    if (depth > kMaxOutputDepth)
      return error(Code::kTooLarge, fmt::format("/out is nested deeper than {} directories", kMaxOutputDepth));
    DL_TRY(auto names, root_.list(path));
    for (const auto& name : names) {
      DL_OK(check_stop(stop_));
      std::string below = path.empty() ? name : path + "/" + name;
      DL_TRY(auto found, root_.stat(below));
      if (found.kind == registry::RootedDir::Found::Kind::kDir) DL_OK(walk(below, depth + 1));
      if (found.kind == registry::RootedDir::Found::Kind::kFile) DL_OK(put(below, found.size));
    }
    return {};
  }
  Collected done() const { return done_; }

 private:
  Result<void> put(const std::string& path, uint64_t size) {
    if (++done_.objects > kMaxStagedObjects)
      return error(Code::kTooLarge, fmt::format("/out holds more than {} files", kMaxStagedObjects));
    done_.bytes += size;
    return access_.put_from_file(principal_, to_.bucket, to_.prefix + path, dir_ + "/" + path);
  }

  ObjectAccess& access_;
  const std::string& principal_;
  const format::ObjectPrefix& to_;
  std::string dir_;
  const registry::RootedDir& root_;
  const std::atomic<bool>& stop_;
  Collected done_;
};

}  // namespace

Result<void> stage_input(storage::FileSystem& fs, ObjectAccess& access, const std::string& principal,
                         const format::ObjectPrefix& from, const std::string& dir, const std::atomic<bool>& stop) {
  DL_OK(registry::remove_tree_no_follow(dir));
  DL_OK(fs.make_dir(dir, 0755));
  DL_TRY(auto root, registry::RootedDir::open(dir));
  DL_OK(root.make_dir("", {.mode = 0755}));
  DL_TRY(auto entries, access.list(principal, from.bucket, from.prefix, kMaxStagedObjects));
  for (const auto& entry : entries) {
    DL_OK(check_stop(stop));
    if (!entry.key.starts_with(from.prefix)) return error(Code::kInternal, "a listing left its prefix");
    auto rest = path_below(from.prefix, entry.key);
    if (!rest) continue;
    auto path = registry::clean_path(*rest);
    if (!path.ok()) return bad_key(entry.key, path.error().message);
    bool folder = rest->ends_with('/');
    if (*path + (folder ? "/" : "") != *rest) return bad_key(entry.key, "its path has empty or '.' parts");
    if (folder) {
      DL_OK(make_folder(root, *path, entry.key));
      continue;
    }
    size_t cut = path->rfind('/');
    if (cut != std::string::npos) DL_OK(make_folder(root, path->substr(0, cut), entry.key));
    if (root.stat(*path).ok()) return bad_key(entry.key, "another key has the same path");
    DL_OK(access.get_to_file(principal, from.bucket, entry.key, dir + "/" + *path));
  }
  return {};
}

Result<Collected> collect_output(ObjectAccess& access, const std::string& principal, const format::ObjectPrefix& to,
                                 const std::string& dir, const std::atomic<bool>& stop) {
  DL_TRY(auto root, registry::RootedDir::open(dir));
  Collector collector(access, principal, to, dir, root, stop);
  DL_OK(collector.walk("", 0));
  return collector.done();
}

}  // namespace dl::compute

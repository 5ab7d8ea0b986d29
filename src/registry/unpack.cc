#include "registry/unpack.h"

#include <unordered_set>

#include <fmt/format.h>

namespace dl::registry {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr size_t kUnpackBytes = 256 * 1024;

class LayerUnpacker {
 public:
  LayerUnpacker(ArchiveReader& archive, RootedDir& root, const UnpackLimits& limits, UnpackReport& report)
      : archive_(archive), root_(root), limits_(limits), report_(report), buffer_(kUnpackBytes, '\0') {}

  Result<void> run() {
    for (;;) {
      DL_TRY(auto entry, archive_.next());
      if (!entry) return {};
      if (++report_.entries > limits_.max_entries)
        return error(Code::kTooLarge, fmt::format("image: more than {} files", limits_.max_entries));
      auto done = take(*entry);
      if (!done.ok()) return std::move(done).error().within(fmt::format("image: entry '{}'", entry->path));
    }
  }

 private:
  Result<void> take(const ArchiveEntry& entry) {
    DL_TRY(auto path, clean_path(entry.path));
    size_t cut = path.rfind('/');
    std::string dir = cut == std::string::npos ? "" : path.substr(0, cut);
    std::string_view leaf = std::string_view(path).substr(cut == std::string::npos ? 0 : cut + 1);
    if (leaf == kOpaque) return hide_all(dir);
    if (leaf.starts_with(kOpaque.substr(0, 8))) return {};  // ".wh..wh.*": bookkeeping of other programs
    if (leaf.starts_with(kWhiteout)) return hide(dir, leaf.substr(kWhiteout.size()));
    if (path.empty() && entry.kind != ArchiveEntry::Kind::kDir) return error(Code::kInvalid, "replaces the root");
    remember(path);
    return make(entry, path);
  }

  Result<void> make(const ArchiveEntry& entry, const std::string& path) {
    NodeAttributes attributes{entry.mode, entry.uid, entry.gid, entry.modified_seconds};
    switch (entry.kind) {
      case ArchiveEntry::Kind::kDir:
        return root_.make_dir(path, attributes);
      case ArchiveEntry::Kind::kSymlink:
        return root_.make_symlink(path, entry.target, attributes);
      case ArchiveEntry::Kind::kHardLink:
        return root_.make_hard_link(path, entry.target);
      case ArchiveEntry::Kind::kFifo:
        return root_.make_fifo(path, attributes);
      case ArchiveEntry::Kind::kFile:
        return copy(path, attributes);
      case ArchiveEntry::Kind::kDevice:
      case ArchiveEntry::Kind::kOther:
        ++report_.devices_left_out;
        return {};
    }
    return {};
  }

  Result<void> copy(const std::string& path, const NodeAttributes& attributes) {
    DL_TRY(auto file, root_.create_file(path));
    for (;;) {
      DL_TRY(size_t n, archive_.read(buffer_.data(), buffer_.size()));
      if (n == 0) return file->finish(attributes);
      report_.bytes += n;
      if (report_.bytes > limits_.max_bytes)
        return error(Code::kTooLarge, fmt::format("unpacks to more than {} bytes", limits_.max_bytes));
      DL_OK(file->append({buffer_.data(), n}));
    }
  }

  // What this layer made is never hidden by its own whiteouts, in whatever order they come.
  Result<void> hide(const std::string& dir, std::string_view name) {
    if (name.empty() || name == "." || name == "..") return error(Code::kInvalid, "a whiteout of nothing");
    std::string path = dir.empty() ? std::string(name) : dir + "/" + std::string(name);
    return made_.contains(path) ? hide_all(path) : root_.remove(path);
  }

  Result<void> hide_all(const std::string& dir) {
    DL_TRY(auto names, root_.list(dir));
    for (const auto& name : names) DL_OK(hide(dir, name));
    return {};
  }

  void remember(const std::string& path) {
    for (size_t end = path.size(); end != std::string::npos && end > 0; end = path.rfind('/', end - 1))
      if (!made_.insert(path.substr(0, end)).second) return;
  }

  ArchiveReader& archive_;
  RootedDir& root_;
  const UnpackLimits& limits_;
  UnpackReport& report_;
  Bytes buffer_;
  std::unordered_set<std::string> made_;  // paths of this layer with their parents
};

}  // namespace

Result<void> apply_layer(ByteSource& layer, RootedDir& root, const UnpackLimits& limits, UnpackReport& report) {
  DL_TRY(auto archive, ArchiveReader::open(layer));
  return LayerUnpacker(*archive, root, limits, report).run();
}

}  // namespace dl::registry

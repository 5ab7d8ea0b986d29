#include "registry/layout.h"

#include <fmt/format.h>

#include "crypto/hash.h"
#include "registry/limits.h"
#include "registry/rooted_dir.h"

namespace dl::registry {
namespace {

constexpr std::string_view kBlobs = "blobs/sha256/";

bool is_layout_file(std::string_view path) {
  if (path == "oci-layout" || path == "index.json") return true;
  if (!path.starts_with(kBlobs)) return false;
  return Sha256::from_hex(path.substr(kBlobs.size())).ok();
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "nothing" : out;
}

}  // namespace

Result<Layout> Layout::open(storage::FileSystem& fs, std::string dir) {
  auto marker = storage::read_file(fs, dir + "/oci-layout", kMaxManifestBytes);
  if (!marker.ok()) {
    if (marker.error().code != Code::kNotFound) return std::move(marker).error();
    return error(Code::kInvalid, fmt::format("image: '{}' has no file oci-layout: it is no OCI image layout", dir),
                 "make one with: skopeo copy docker://IMAGE oci:DIR:TAG");
  }
  DL_OK(check_layout_marker(*marker));
  return Layout(fs, std::move(dir));
}

std::string Layout::blob_path(const Sha256& digest) const { return dir_ + "/" + std::string(kBlobs) + digest.hex(); }

Result<Bytes> Layout::read_document(const Descriptor& descriptor) const {
  if (descriptor.size > kMaxManifestBytes)
    return error(Code::kTooLarge,
                 fmt::format("image: a document of {} bytes, at most {}", descriptor.size, kMaxManifestBytes));
  DL_TRY(auto file, open_blob(descriptor));
  Bytes out(descriptor.size, '\0');
  DL_TRY(size_t n, file->read_at(0, out.data(), out.size()));
  if (n != out.size() || crypto::sha256(out) != descriptor.digest)
    return error(Code::kCorrupt,
                 fmt::format("image: blob {} does not match its digest", digest_text(descriptor.digest)),
                 "fetch or write the image again");
  return out;
}

Result<std::unique_ptr<storage::ReadFile>> Layout::open_blob(const Descriptor& descriptor) const {
  auto file = fs_->open_read(blob_path(descriptor.digest));
  if (!file.ok()) {
    if (file.error().code != Code::kNotFound) return std::move(file).error();
    return error(Code::kNotFound, fmt::format("image: blob {} is missing", digest_text(descriptor.digest)),
                 "the layout is not complete: copy it again");
  }
  DL_TRY(uint64_t size, (*file)->size());
  if (size != descriptor.size)
    return error(Code::kCorrupt, fmt::format("image: blob {} has {} bytes, its descriptor says {}",
                                             digest_text(descriptor.digest), size, descriptor.size));
  return std::move(*file);
}

Result<void> Layout::collect(const Index& index, std::string_view architecture, const std::string& name, size_t depth,
                             std::vector<Descriptor>& out, std::vector<std::string>& others) const {
  if (depth > kMaxIndexDepth) return error(Code::kTooLarge, "image: indexes are nested too deep");
  for (auto descriptor : index.manifests) {
    if (!name.empty()) descriptor.name = name;
    bool fits = descriptor.architecture.empty() ||
                (descriptor.architecture == architecture && (descriptor.os.empty() || descriptor.os == "linux"));
    if (is_index_type(descriptor.media_type)) {
      DL_TRY(auto text, read_document(descriptor));
      DL_TRY(auto nested, parse_index(text));
      DL_OK(collect(nested, architecture, descriptor.name, depth + 1, out, others));
    } else if (!is_manifest_type(descriptor.media_type)) {
      others.push_back(descriptor.media_type);
    } else if (!fits) {
      others.push_back(descriptor.os + "/" + descriptor.architecture);
    } else {
      out.push_back(std::move(descriptor));
    }
  }
  return {};
}

Result<std::vector<Descriptor>> Layout::find_manifests(std::string_view architecture) const {
  DL_TRY(auto text, storage::read_file(*fs_, dir_ + "/index.json", kMaxManifestBytes));
  DL_TRY(auto index, parse_index(text));
  std::vector<Descriptor> out;
  std::vector<std::string> others;
  DL_OK(collect(index, architecture, "", 0, out, others));
  if (out.empty())
    return error(Code::kNotFound,
                 fmt::format("image: none for linux/{}; the layout holds {}", architecture, list_of(others)));
  return out;
}

Result<void> extract_layout(storage::FileSystem& fs, const std::string& archive, const std::string& dir,
                            uint64_t max_bytes) {
  DL_TRY(auto file, fs.open_read(archive));
  FileSource source(*file);
  DL_TRY(auto reader, ArchiveReader::open(source));
  DL_TRY(auto root, RootedDir::open(dir));
  Bytes buffer(256 * 1024, '\0');
  uint64_t total = 0;
  for (;;) {
    DL_TRY(auto entry, reader->next());
    if (!entry) return {};
    if (entry->kind != ArchiveEntry::Kind::kFile) continue;
    auto path = clean_path(entry->path);
    if (!path.ok() || !is_layout_file(*path)) continue;
    DL_TRY(auto out, root.create_file(*path));
    for (;;) {
      DL_TRY(size_t n, reader->read(buffer.data(), buffer.size()));
      if (n == 0) break;
      total += n;
      if (total > max_bytes)
        return error(Code::kTooLarge, fmt::format("image: the archive holds more than {} bytes", max_bytes),
                     "raise the limit for images or import a smaller one");
      DL_OK(out->append({buffer.data(), n}));
    }
  }
}

}  // namespace dl::registry

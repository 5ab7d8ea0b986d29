#include "registry/image_store.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "registry/layout.h"

namespace dl::registry {
namespace {

constexpr size_t kImportBytes = 256 * 1024;
constexpr size_t kShortestDigestStart = 12;
constexpr std::string_view kHalf = ".half-";

Bytes blob_owner(const Sha256& digest) { return "img/" + digest.bytes(); }

// A stored blob, one piece after the other.
class BlobSource : public ByteSource {
 public:
  BlobSource(const storage::BlobStore& blobs, const format::ImageBlob& row) : blobs_(blobs), size_(row.size) {
    for (const auto& piece : row.pieces) pieces_.push_back({piece.blob, piece.offset, piece.length});
  }
  Result<size_t> read(char* out, size_t size) override {
    size = static_cast<size_t>(std::min<uint64_t>(size, size_ - offset_));
    if (size == 0) return size_t{0};
    DL_OK(storage::read_pieces(blobs_, pieces_, offset_, out, size));
    offset_ += size;
    return size;
  }

 private:
  const storage::BlobStore& blobs_;
  std::vector<storage::BlobPiece> pieces_;
  uint64_t size_, offset_ = 0;
};

uint64_t size_of(const format::Image& image) {
  uint64_t size = image.config.size;
  for (const auto& layer : image.layers) size += layer.size;
  return size;
}

std::vector<Sha256> parts_of(const Sha256& digest, const format::Image& image) {
  std::vector<Sha256> parts{digest, image.config.digest};
  for (const auto& layer : image.layers) parts.push_back(layer.digest);
  std::ranges::sort(parts);
  parts.erase(std::ranges::unique(parts).begin(), parts.end());
  return parts;
}

Result<bool> has_rows(const storage::View& view, const Bytes& prefix) {
  bool found = false;
  DL_OK(view.scan(prefix, "", [&](BytesView key, BytesView) -> Result<storage::Scan> {
    found = key.starts_with(prefix);
    return storage::Scan::kStop;
  }));
  return found;
}

bool has_name(const ImageSummary& image, const std::string& name) {
  return std::ranges::find(image.names, name) != image.names.end();
}

Error not_here(std::string_view reference) {
  return error(Code::kNotFound, fmt::format("image '{}' is not in this node's store", reference.substr(0, 300)),
               "see what is there with: demilune image list; bring it with: demilune image import PATH");
}

}  // namespace

// A part of an image that is being imported: fresh bytes, or there already.
struct ImageStore::Part {
  Sha256 digest;
  uint64_t size = 0;
  std::optional<storage::WrittenBody> fresh;
};

ImageStore::ImageStore(storage::Partition& partition, storage::BlobStore& blobs, storage::FileSystem& fs,
                       const Clock& clock, Random& random, ImageStoreSettings settings)
    : partition_(partition), blobs_(blobs), fs_(fs), clock_(clock), random_(random), settings_(std::move(settings)) {}

std::string ImageStore::rootfs_path(const Sha256& digest) const { return settings_.rootfs_dir + "/" + digest.hex(); }

Result<void> ImageStore::start() {
  std::scoped_lock lock(change_);
  DL_OK(storage::make_dirs(fs_, settings_.rootfs_dir, 0700));
  for (const std::string& dir : {settings_.rootfs_dir, settings_.tmp_dir}) {
    DL_TRY(auto names, fs_.list(dir));
    for (const auto& name : names)
      if (name.starts_with(kHalf)) DL_OK(remove_tree_no_follow(dir + "/" + name));
  }
  return {};
}

Result<std::vector<ImageSummary>> ImageStore::import(const std::string& path, const ImportOptions& options) {
  std::string name;
  if (!options.name.empty()) {
    DL_TRY(name, normal_name(options.name));
  }
  std::scoped_lock lock(change_);
  DL_TRY(bool is_dir, fs_.is_dir(path));
  std::string dir = path;
  if (!is_dir) {
    dir = settings_.tmp_dir + "/" + std::string(kHalf) + to_hex(random_.bytes(8));
    DL_OK(fs_.make_dir(dir, 0700));
  }
  auto run = [&]() -> Result<std::vector<ImageSummary>> {
    if (!is_dir) DL_OK(extract_layout(fs_, path, dir, settings_.max_image_bytes));
    DL_TRY(auto layout, Layout::open(fs_, dir));
    DL_TRY(auto manifests,
           layout.find_manifests(options.architecture.empty() ? running_architecture() : options.architecture));
    if (!name.empty() && manifests.size() > 1)
      return error(Code::kInvalid,
                   fmt::format("image: the layout holds {} images, one name was given", manifests.size()),
                   "import without a name: each keeps its own");
    std::vector<ImageSummary> out;
    for (const auto& manifest : manifests) {
      DL_TRY(auto summary, import_one(layout, manifest, name.empty() ? manifest.name : name));
      out.push_back(std::move(summary));
    }
    return out;
  };
  auto result = run();
  if (!is_dir) {
    auto cleaned = remove_tree_no_follow(dir);
    if (!cleaned.ok()) log_warn("registry", "a temporary directory stays: {}", cleaned.error().message);
  }
  return result;
}

Result<ImageStore::Part> ImageStore::store_part(const Layout& layout, const Descriptor& descriptor) {
  Part part{.digest = descriptor.digest, .size = descriptor.size};
  DL_TRY(auto row, partition_.get(format::image_blob_key(descriptor.digest)));
  if (row) return part;
  DL_TRY(auto file, layout.open_blob(descriptor));
  DL_TRY(auto writer, blobs_.create(descriptor.size));
  crypto::Sha256Hasher hasher;
  Bytes buffer(kImportBytes, '\0');
  for (uint64_t offset = 0; offset < descriptor.size;) {
    DL_TRY(size_t n, file->read_at(offset, buffer.data(), buffer.size()));
    if (n == 0) break;
    hasher.update({buffer.data(), n});
    DL_OK(writer->append({buffer.data(), n}));
    offset += n;
  }
  if (hasher.finish() != descriptor.digest)
    return error(Code::kCorrupt,
                 fmt::format("image: blob {} does not match its digest", digest_text(descriptor.digest)),
                 "fetch or write the image again");
  DL_TRY(part.fresh, writer->finish());
  return part;
}

Result<std::vector<ImageStore::Part>> ImageStore::store_parts(const Layout& layout,
                                                              const std::vector<Descriptor>& descriptors) {
  std::vector<Part> parts;
  for (const auto& descriptor : descriptors) {
    bool seen = std::ranges::any_of(parts, [&](const Part& part) { return part.digest == descriptor.digest; });
    if (seen) continue;
    DL_TRY(auto part, store_part(layout, descriptor));
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<ImageSummary> ImageStore::import_one(const Layout& layout, const Descriptor& descriptor,
                                            const std::string& raw_name) {
  std::string name;
  if (!raw_name.empty()) {
    DL_TRY(name, normal_name(raw_name));
  }
  DL_TRY(auto text, layout.read_document(descriptor));
  DL_TRY(auto manifest, parse_manifest(text));
  DL_TRY(auto config_text, layout.read_document(manifest.config));
  DL_TRY(auto config, parse_image_config(config_text));
  if (!config.os.empty() && config.os != "linux")
    return error(Code::kUnsupported, fmt::format("image: it is for {}, wanted linux", config.os));

  format::Image image{.media_type = manifest.media_type, .os = config.os, .architecture = config.architecture};
  image.config = {manifest.config.media_type, manifest.config.digest, manifest.config.size};
  std::vector<Descriptor> descriptors{descriptor, manifest.config};
  for (const auto& layer : manifest.layers) {
    image.layers.push_back({layer.media_type, layer.digest, layer.size});
    descriptors.push_back(layer);
  }
  if (size_of(image) > settings_.max_image_bytes)
    return error(Code::kTooLarge, fmt::format("image: {} bytes, at most {}", size_of(image), settings_.max_image_bytes),
                 "raise the limit for images or import a smaller one");
  image.imported_millis = static_cast<uint64_t>(clock_.wall().time_since_epoch().count());
  DL_TRY(auto parts, store_parts(layout, descriptors));

  DL_OK(partition_.commit_wait([&](storage::Batch& batch) -> Result<void> {
    for (const auto& part : parts) {
      DL_TRY(auto there, batch.get(format::image_blob_key(part.digest)));
      if (!there && !part.fresh)
        return error(Code::kConflict, "image: a part went away while it was imported", "import it again");
      if (!there) {
        format::ImageBlob row{.size = part.size};
        for (const auto& piece : part.fresh->pieces()) row.pieces.push_back({piece.blob, piece.offset, piece.length});
        blobs_.attach(batch, *part.fresh, blob_owner(part.digest));
        batch.put(format::image_blob_key(part.digest), format::encode_image_blob(row));
      }
      batch.put(format::image_use_key(part.digest, descriptor.digest), "1");
    }
    batch.put(format::image_key(descriptor.digest), format::encode_image(image));
    if (!name.empty())
      batch.put(format::image_name_key(name), format::encode_image_name({descriptor.digest, image.imported_millis}));
    return {};
  }));
  return find(digest_text(descriptor.digest));
}

Result<std::vector<ImageSummary>> ImageStore::list() const {
  DL_TRY(auto view, partition_.snapshot());
  std::map<Sha256, ImageSummary> found;
  auto take_image = [&](BytesView key, BytesView value) -> Result<storage::Scan> {
    DL_TRY(auto image, format::decode_image(value));
    DL_TRY(auto digest, Sha256::from_bytes(key.substr(format::image_table_begin('m').size())));
    found[digest] = {digest, {}, image.architecture, size_of(image), image.imported_millis};
    return storage::Scan::kContinue;
  };
  DL_OK(view->scan(format::image_table_begin('m'), format::image_table_end('m'), take_image));
  auto take_name = [&](BytesView key, BytesView value) -> Result<storage::Scan> {
    DL_TRY(auto name, format::decode_image_name(value));
    auto it = found.find(name.digest);
    if (it != found.end()) it->second.names.emplace_back(key.substr(format::image_table_begin('t').size()));
    return storage::Scan::kContinue;
  };
  DL_OK(view->scan(format::image_table_begin('t'), format::image_table_end('t'), take_name));
  std::vector<ImageSummary> out;
  for (auto& [digest, summary] : found) out.push_back(std::move(summary));
  std::ranges::sort(out, {}, [](const ImageSummary& image) {
    return std::tuple(image.names.empty(), image.names.empty() ? std::string() : image.names.front(), image.digest);
  });
  return out;
}

Result<ImageSummary> ImageStore::find(std::string_view reference) const {
  DL_TRY(auto images, list());
  auto name = normal_name(reference);
  if (name.ok())
    for (auto& image : images)
      if (has_name(image, *name)) return std::move(image);
  std::string_view hex = reference;
  if (hex.starts_with("sha256:")) hex.remove_prefix(7);
  if (hex.size() < kShortestDigestStart) return not_here(reference);
  std::optional<ImageSummary> match;
  for (auto& image : images) {
    if (!image.digest.hex().starts_with(hex)) continue;
    if (match)
      return error(Code::kConflict, fmt::format("'{}' is the start of several images' digests", reference),
                   "give more digits");
    match = std::move(image);
  }
  if (!match) return not_here(reference);
  return *std::move(match);
}

Result<ImageSummary> ImageStore::remove(std::string_view reference, const std::function<bool(const Sha256&)>& in_use) {
  std::scoped_lock lock(change_);
  DL_TRY(auto image, find(reference));
  auto name = normal_name(reference);
  bool by_name = name.ok() && has_name(image, *name);
  if (by_name && image.names.size() > 1) {
    DL_OK(partition_.commit_wait(
        [&](storage::Batch& batch) -> Result<void> {
          batch.erase(format::image_name_key(*name));
          return {};
        },
        storage::Purpose::kFree));
    return image;
  }
  if (in_use && in_use(image.digest))
    return error(Code::kConflict, fmt::format("image '{}' is in use by a workload", reference),
                 "cancel or delete the workload first: demilune job list");
  DL_OK(erase_image(image.digest, image.names));
  DL_OK(remove_tree_no_follow(rootfs_path(image.digest)));
  return image;
}

Result<void> ImageStore::erase_image(const Sha256& digest, const std::vector<std::string>& names) {
  DL_TRY(auto image, get_image(digest));
  WallTime due = clock_.wall();
  return partition_.commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        for (const auto& name : names) batch.erase(format::image_name_key(name));
        batch.erase(format::image_key(digest));
        for (const auto& part : parts_of(digest, image)) {
          batch.erase(format::image_use_key(part, digest));
          DL_TRY(bool used, has_rows(batch, format::image_use_prefix(part)));
          if (used) continue;
          DL_TRY(auto row, batch.get(format::image_blob_key(part)));
          if (!row) continue;
          DL_TRY(auto blob, format::decode_image_blob(*row));
          for (const auto& piece : blob.pieces) DL_OK(blobs_.release(batch, piece.blob, blob_owner(part), due));
          batch.erase(format::image_blob_key(part));
        }
        return {};
      },
      storage::Purpose::kFree);
}

Result<format::Image> ImageStore::get_image(const Sha256& digest) const {
  DL_TRY(auto row, partition_.get(format::image_key(digest)));
  if (!row) return not_here(digest_text(digest));
  return format::decode_image(*row);
}

Result<format::ImageBlob> ImageStore::get_blob(const Sha256& digest) const {
  DL_TRY(auto row, partition_.get(format::image_blob_key(digest)));
  if (!row) return error(Code::kCorrupt, fmt::format("image: part {} is not in the store", digest_text(digest)));
  return format::decode_image_blob(*row);
}

Result<Bytes> ImageStore::read_blob(const Sha256& digest) const {
  DL_TRY(auto row, get_blob(digest));
  if (row.size > kMaxManifestBytes) return error(Code::kCorrupt, "image: a document is too large");
  BlobSource source(blobs_, row);
  Bytes out(row.size, '\0');
  DL_TRY(size_t n, source.read(out.data(), out.size()));
  if (n != out.size() || crypto::sha256(out) != digest)
    return error(Code::kCorrupt, fmt::format("image: stored part {} is damaged", digest_text(digest)),
                 "remove the image and import it again");
  return out;
}

Result<ImageConfig> ImageStore::get_config(const Sha256& digest) const {
  DL_TRY(auto image, get_image(digest));
  DL_TRY(auto text, read_blob(image.config.digest));
  return parse_image_config(text);
}

Result<std::string> ImageStore::ensure_rootfs(const Sha256& digest) {
  std::scoped_lock lock(change_);
  std::string path = rootfs_path(digest);
  DL_TRY(bool there, fs_.exists(path));
  if (there) return path;
  DL_TRY(auto image, get_image(digest));
  DL_TRY(std::string half, unpack(digest, image));
  DL_OK(fs_.rename(half, path));
  DL_OK(fs_.sync_dir(settings_.rootfs_dir));
  return path;
}

Result<std::string> ImageStore::unpack(const Sha256& digest, const format::Image& image) {
  std::string half = settings_.rootfs_dir + "/" + std::string(kHalf) + digest.hex();
  DL_OK(remove_tree_no_follow(half));
  DL_OK(fs_.make_dir(half, 0755));
  auto run = [&]() -> Result<void> {
    DL_TRY(auto root, RootedDir::open(half));
    UnpackReport report;
    for (const auto& layer : image.layers) {
      DL_TRY(auto row, get_blob(layer.digest));
      BlobSource source(blobs_, row);
      DL_OK(apply_layer(source, root, settings_.unpack, report));
    }
    if (report.devices_left_out > 0)
      log_info("registry", "image {}: {} device nodes left out", digest.hex(), report.devices_left_out);
    return root.sync();
  };
  auto done = run();
  if (done.ok()) return half;
  auto cleaned = remove_tree_no_follow(half);
  if (!cleaned.ok())
    log_warn("registry", "a half unpacked image stays until the next start: {}", cleaned.error().message);
  return std::move(done).error();
}

}  // namespace dl::registry

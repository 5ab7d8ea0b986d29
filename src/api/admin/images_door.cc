#include "api/admin/images_door.h"

#include "base/hex.h"
#include "base/log.h"
#include "base/task.h"

namespace dl::api::admin {
namespace {

constexpr size_t kPiece = 256 * 1024;
constexpr uint64_t kMaxArchive = registry::kDefaultMaxImageBytes + (1ull << 30);  // parts and what tar puts around

// The file an archive is kept in while it is taken apart. Shared with the pool's jobs; the last one to let go removes
// it.
struct Upload {
  storage::FileSystem* files = nullptr;
  std::string path;
  std::unique_ptr<storage::WriteFile> file;
  Bytes piece;
  uint64_t size = 0;
  std::vector<registry::ImageSummary> images;

  ~Upload() {
    file.reset();
    auto gone = files->remove(path);
    if (!gone.ok() && gone.error().code != Code::kNotFound)
      log_warn("api", "an import's archive is left behind: {}", gone.error().message);
  }
};

std::vector<ImageInfo> infos_of(const std::vector<registry::ImageSummary>& images) {
  std::vector<ImageInfo> out;
  for (const auto& i : images) {
    ImageInfo info;
    info.digest = registry::digest_text(i.digest);
    info.os = "linux";
    info.architecture = i.architecture;
    info.size = i.size;
    info.imported = WallTime(Millis(i.imported_millis));
    if (i.names.empty()) out.push_back(info);
    for (const auto& name : i.names) {
      info.name = name;
      out.push_back(info);
    }
  }
  return out;
}

}  // namespace

Result<std::vector<ImageInfo>> ImagesDoor::list() {
  DL_TRY(auto images, config_.store->list());
  return infos_of(images);
}

Task<std::vector<ImageInfo>> ImagesDoor::import(net::BodyReader* archive, std::string name) {
  auto up = std::make_shared<Upload>();
  up->files = config_.files;
  up->path = config_.tmp_dir + "/import-" + to_hex(config_.random->bytes(8)) + ".tar";
  up->piece.resize(kPiece);
  for (;;) {
    DL_CO_TRY(size_t n, co_await archive->read(up->piece.data(), up->piece.size()));
    if (n == 0) break;
    up->size += n;
    if (up->size > kMaxArchive) co_return error(Code::kTooLarge, "the archive is larger than any image may be");
    DL_CO_OK(co_await net::run_blocking(*config_.runtime, [up, n]() -> Result<void> {
      if (!up->file) {
        DL_TRY(up->file, up->files->open_write(up->path, storage::OpenMode::kCreateNew, 0600));
      }
      return up->file->append(BytesView(up->piece).substr(0, n));
    }));
  }
  if (up->size == 0) co_return error(Code::kInvalid, "the request has no body", "Send a tar archive of an OCI layout.");
  auto* store = config_.store;
  DL_CO_OK(co_await net::run_blocking(*config_.runtime, [up, store, name]() -> Result<void> {
    up->file.reset();
    registry::ImportOptions options;
    options.name = name;
    DL_TRY(up->images, store->import(up->path, options));
    return {};
  }));
  co_return infos_of(up->images);
}

Result<void> ImagesDoor::remove(const std::string& name) {
  // An image whose use cannot be told is kept.
  auto in_use = [this](const Sha256& digest) {
    if (!config_.compute) return false;
    auto used = config_.compute->uses_image(digest);
    return !used.ok() || *used;
  };
  DL_TRY(auto removed, config_.store->remove(name, in_use));
  (void)removed;
  return {};
}

}  // namespace dl::api::admin

#include "storage/file_system.h"

namespace dl::storage {
namespace {

std::string parent_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<Bytes> read_file(FileSystem& fs, const std::string& path, uint64_t max_bytes) {
  DL_TRY(auto file, fs.open_read(path));
  DL_TRY(uint64_t size, file->size());
  if (size > max_bytes)
    return error(Code::kTooLarge, path + " has " + std::to_string(size) + " bytes, more than " +
                                      std::to_string(max_bytes) + " were expected");
  Bytes content(size, '\0');
  DL_TRY(size_t n, file->read_at(0, content.data(), content.size()));
  content.resize(n);
  return content;
}

Result<void> write_file_atomic(FileSystem& fs, const std::string& path, BytesView content, unsigned permissions) {
  std::string temporary = path + ".tmp";
  {
    DL_TRY(auto file, fs.open_write(temporary, OpenMode::kCreateOrTruncate, permissions));
    DL_OK(file->append(content));
    DL_OK(file->sync());
  }
  DL_OK(fs.rename(temporary, path));
  return fs.sync_dir(parent_of(path));
}

Result<void> make_dirs(FileSystem& fs, const std::string& path, unsigned permissions) {
  if (path.empty() || path == "." || path == "/") return {};
  DL_TRY(bool there, fs.is_dir(path));
  if (there) return {};
  std::string parent = parent_of(path);
  DL_OK(make_dirs(fs, parent, permissions));
  auto made = fs.make_dir(path, permissions);
  if (!made.ok() && made.error().code != Code::kExists) return made;
  return fs.sync_dir(parent);
}

Result<void> remove_tree(FileSystem& fs, const std::string& path) {
  DL_TRY(bool there, fs.exists(path));
  if (!there) return {};
  DL_TRY(bool dir, fs.is_dir(path));
  if (!dir) return fs.remove(path);
  DL_TRY(auto names, fs.list(path));
  for (const auto& name : names) DL_OK(remove_tree(fs, path + "/" + name));
  return fs.remove_dir(path);
}

}  // namespace dl::storage

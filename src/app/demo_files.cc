#include <algorithm>
#include <filesystem>

#include "app/demo_world.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFiles = 3'100, kFewestFiles = 3'000;
constexpr uint64_t kMostBytes = 45ull << 20, kFewestBytes = 20'000'000, kLargestFile = 128ull << 10;
constexpr uint64_t kBigBytes = 68ull << 20, kBigPiece = 1ull << 20;

bool is_plain_name(const std::string& path) {
  for (char c : path)
    if (c < 0x21 || c > 0x7E) return false;
  return true;
}

// Adds files below `root` until there are enough. A directory that cannot be entered is passed by.
Result<void> take_tree(const std::string& root, const std::string& prefix, const std::string& dir, DemoFiles& out) {
  std::error_code failed;
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, failed), end;
       !failed && at != end; at.increment(failed))
    if (fs::is_regular_file(at->path(), failed)) paths.push_back(at->path());
  std::sort(paths.begin(), paths.end());
  auto& files = storage::posix_file_system();
  size_t before = out.documents.size();
  for (const auto& path : paths) {
    if (out.documents.size() >= kFiles && out.bytes >= kFewestBytes) break;
    if (interrupted()) return error(Code::kCancelled, "interrupted");
    std::string name = prefix + path.substr(root.size());
    auto size = fs::file_size(path, failed);
    if (failed || size > kLargestFile || out.bytes + size > kMostBytes || !is_plain_name(name)) continue;
    auto content = storage::read_file(files, path, kLargestFile);
    if (!content.ok()) continue;
    DL_OK(write_text(dir + "/data/" + name, *content));
    out.documents.emplace_back(name, crypto::sha256(*content).hex());
    out.bytes += content->size();
  }
  if (out.documents.size() > before) out.sources.push_back(root);
  return {};
}

}  // namespace

Result<DemoFiles> gather_files(const std::string& dir) {
  DemoFiles out;
  DL_OK(take_tree("/usr/share/doc", "doc", dir, out));
  for (const char* more : {"/usr/share/man", "/usr/share/perl", "/usr/share/zoneinfo", "/usr/share", "/usr/lib"})
    if (out.documents.size() < kFiles || out.bytes < kFewestBytes)
      DL_OK(take_tree(more, std::string("more/") + fs::path(more).filename().string(), dir, out));
  if (out.documents.size() < kFewestFiles || out.bytes < kFewestBytes)
    return error(Code::kNotFound, "this machine has too few files for the demo",
                 "Install a few packages with documentation.");
  crypto::Sha256Hasher hasher;
  auto& files = storage::posix_file_system();
  DL_OK(storage::make_dirs(files, dir + "/data/big", 0700));
  DL_TRY(auto file, files.open_write(dir + "/data/big/survey.bin", storage::OpenMode::kCreateOrTruncate, 0600));
  for (uint64_t at = 0; at < kBigBytes; at += kBigPiece) {
    Bytes piece = system_random().bytes(kBigPiece);
    hasher.update(piece);
    DL_OK(file->append(piece));
  }
  out.big = {"big/survey.bin", hasher.finish().hex()};
  out.bytes += kBigBytes;
  return out;
}

}  // namespace dl::app

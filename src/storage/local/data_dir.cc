#include "storage/local/data_dir.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::storage {
namespace {

constexpr BytesView kFormat = "demilune data directory, format 1\n";
constexpr size_t kMaxNameBytes = 64;
// Everything that a node of this format may keep in its directory, whichever room it is of.
constexpr std::string_view kKnown[] = {"FORMAT", "LOCK",      "ca.pem",     "watermark", "kv",      "segments",
                                       "keys",   "workloads", "tmp",        "tls",       "console", "demilune.sock",
                                       "audit",  "registry",  "lost+found", "images",    "link",    "demilune.toml"};
constexpr std::string_view kOurs[] = {"kv", "segments", "watermark"};

bool known(std::string_view name) {
  if (name.ends_with(".tmp")) name.remove_suffix(4);
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

bool valid_name(const std::string& name) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), plain);
}

Result<void> check_entries(FileSystem& fs, const std::string& dir) {
  DL_TRY(auto names, fs.list(dir));
  for (const auto& name : names)
    if (!known(name))
      return error(Code::kForeign, dir + "/" + name + " does not belong in a Demilune data directory",
                   "Name another directory, or move it away. Nothing was touched.");
  auto has = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (has("FORMAT")) return {};
  for (auto ours : kOurs)
    if (has(ours))
      return error(Code::kForeign, dir + " has " + std::string(ours) + " but no FORMAT file",
                   "It is no Demilune data directory, or FORMAT was lost: restore it. Nothing was touched.");
  return {};
}

Result<void> check_partitions(FileSystem& fs, const std::string& dir, const std::vector<std::string>& partitions) {
  for (auto ours : kOurs) {
    std::string under = dir + "/" + std::string(ours);
    DL_TRY(bool there, fs.is_dir(under));
    if (!there) continue;
    DL_TRY(auto names, fs.list(under));
    for (const auto& name : names)
      if (std::find(partitions.begin(), partitions.end(), name) == partitions.end())
        return error(Code::kForeign, under + "/" + name + " is of a partition that this node has no keys for",
                     "Bring its keys back, or move it away. Nothing was touched.");
  }
  return {};
}

}  // namespace

Result<void> DataDir::check_format(FileSystem& fs, const std::string& dir) {
  DL_TRY(bool there, fs.exists(dir + "/FORMAT"));
  if (!there) return {};
  auto format = read_file(fs, dir + "/FORMAT", 4096);
  if (!format.ok() && format.error().code != Code::kTooLarge) return std::move(format).error();
  if (format.ok() && *format == kFormat) return {};
  return error(Code::kForeign, dir + "/FORMAT is not of a format that this program knows",
               "Use the version of the program that wrote it. Nothing was touched.");
}

Result<void> DataDir::check_names(FileSystem& fs, const std::string& dir, const std::vector<std::string>& partitions) {
  DL_OK(check_entries(fs, dir));
  return check_partitions(fs, dir, partitions);
}

Result<DataDir> DataDir::open(FileSystem& fs, const std::string& dir, const std::vector<std::string>& partitions) {
  for (const auto& name : partitions) DL_REQUIRE(valid_name(name), "a partition's name is [a-z0-9_-]{1,64}: " + name);
  DL_OK(make_dirs(fs, dir, 0700));
  DL_OK(check_names(fs, dir, partitions));
  DL_OK(check_format(fs, dir));
  DL_TRY(auto lock, fs.lock(dir + "/LOCK"));
  DL_TRY(bool made, fs.exists(dir + "/FORMAT"));
  if (!made) DL_OK(write_file_atomic(fs, dir + "/FORMAT", kFormat, 0600));
  DL_OK(fs.sync_dir(dir));
  DL_OK(make_dirs(fs, dir + "/watermark", 0700));
  for (const auto& name : partitions) {
    DL_OK(make_dirs(fs, dir + "/kv/" + name, 0700));
    DL_OK(make_dirs(fs, dir + "/segments/" + name, 0700));
  }
  return DataDir(dir, std::move(lock));
}

}  // namespace dl::storage

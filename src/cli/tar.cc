#include "cli/tar.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace dl::cli {
namespace {

constexpr size_t kBlock = 512;

uint64_t padded(uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

// ustar keeps up to 100 bytes of name and 155 of what stands before its last slashes.
Result<std::pair<std::string, std::string>> split_name(const std::string& path) {
  if (path.size() <= 100) return std::pair(std::string(), path);
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (slash <= 155 && path.size() - slash - 1 <= 100) return std::pair(path.substr(0, slash), path.substr(slash + 1));
  return error(Code::kUnsupported, "the path '" + path + "' is too long for an archive");
}

}  // namespace

Result<std::string> tar_header(const FileEntry& entry) {
  DL_TRY(auto name, split_name(entry.directory ? entry.path + "/" : entry.path));
  if (entry.size >= 1ull << 33) return error(Code::kUnsupported, "the file '" + entry.path + "' has 8 GiB or more");
  std::string h(kBlock, '\0');
  auto put = [&](size_t at, std::string_view text) { std::memcpy(h.data() + at, text.data(), text.size()); };
  put(0, name.second);
  put(100, entry.directory ? "0000755" : "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", entry.directory ? 0 : entry.size));
  put(136, "00000000000");
  put(148, "        ");
  h[156] = entry.directory ? '5' : '0';
  put(257, std::string_view("ustar\00000", 8));
  put(345, name.first);
  unsigned sum = 0;
  for (char c : h) sum += static_cast<uint8_t>(c);
  put(148, fmt::format("{:06o}", sum));
  h[154] = '\0';
  return h;
}

Result<std::unique_ptr<TarStream>> TarStream::open(LocalFiles& files, const std::string& directory) {
  std::unique_ptr<TarStream> tar(new TarStream(files, directory));
  DL_TRY(tar->entries_, files.list(directory));
  for (const auto& e : tar->entries_) {
    DL_TRY(auto header, tar_header(e));
    tar->size_ += header.size() + (e.directory ? 0 : padded(e.size));
  }
  tar->size_ += 2 * kBlock;
  return tar;
}

Result<void> TarStream::next() {
  if (at_ == entries_.size()) {
    ended_ = true;
    block_.assign(2 * kBlock, '\0');
    return {};
  }
  const auto& e = entries_[at_++];
  DL_TRY(block_, tar_header(e));
  if (e.directory) return {};
  DL_TRY(file_, files_.open(directory_ + "/" + e.path));
  left_ = e.size;
  padding_ = padded(e.size) - e.size;
  return {};
}

Result<size_t> TarStream::read(char* out, size_t size) {
  for (;;) {
    if (!block_.empty()) {
      size_t n = std::min(size, block_.size());
      std::memcpy(out, block_.data(), n);
      block_.erase(0, n);
      return n;
    }
    if (file_ && left_ > 0) {
      DL_TRY(size_t n, file_->read(out, static_cast<size_t>(std::min<uint64_t>(size, left_))));
      if (n == 0)
        return error(Code::kConflict, "the file " + entries_[at_ - 1].path + " became shorter while it was read");
      left_ -= n;
      return n;
    }
    if (file_) {
      file_.reset();
      block_.assign(static_cast<size_t>(padding_), '\0');
      continue;
    }
    if (ended_) return size_t{0};
    DL_OK(next());
  }
}

}  // namespace dl::cli

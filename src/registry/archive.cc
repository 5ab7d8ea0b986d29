#include "registry/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <vector>

#include <fmt/format.h>

namespace dl::registry {
namespace {

constexpr size_t kArchiveReadBytes = 256 * 1024;

struct EntryFree {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

std::string text_of(const char* text) { return text ? text : ""; }

ArchiveEntry::Kind kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry)) return ArchiveEntry::Kind::kHardLink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return ArchiveEntry::Kind::kFile;
    case AE_IFDIR:
      return ArchiveEntry::Kind::kDir;
    case AE_IFLNK:
      return ArchiveEntry::Kind::kSymlink;
    case AE_IFIFO:
      return ArchiveEntry::Kind::kFifo;
    case AE_IFCHR:
    case AE_IFBLK:
      return ArchiveEntry::Kind::kDevice;
    default:
      return ArchiveEntry::Kind::kOther;
  }
}

class Reader : public ArchiveReader {
 public:
  explicit Reader(ByteSource& source)
      : source_(source), buffer_(kArchiveReadBytes, '\0'), archive_(archive_read_new()) {}
  ~Reader() override { archive_read_free(archive_); }

  Result<void> start() {
    archive_read_support_filter_none(archive_);
    archive_read_support_filter_gzip(archive_);
    archive_read_support_filter_zstd(archive_);
    archive_read_support_format_tar(archive_);
    archive_read_set_options(archive_, "hdrcharset=BINARY");
    int rc = archive_read_open(archive_, this, nullptr, &Reader::pull, nullptr);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) return failure("opening");
    return {};
  }

  Result<std::optional<ArchiveEntry>> next() override {
    archive_entry* found = nullptr;
    int rc = archive_read_next_header(archive_, &found);
    if (rc == ARCHIVE_EOF) return std::optional<ArchiveEntry>();
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) return failure("reading a header");
    ArchiveEntry entry{.kind = kind_of(found), .path = text_of(archive_entry_pathname(found))};
    if (entry.path.empty()) return error(Code::kInvalid, "archive: an entry without a name");
    entry.target = entry.kind == ArchiveEntry::Kind::kHardLink ? text_of(archive_entry_hardlink(found))
                                                               : text_of(archive_entry_symlink(found));
    int64_t size = archive_entry_size(found);
    if (size < 0) return error(Code::kInvalid, "archive: an entry of negative size");
    entry.size = static_cast<uint64_t>(size);
    entry.mode = archive_entry_perm(found);
    int64_t uid = archive_entry_uid(found), gid = archive_entry_gid(found);
    if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
      return error(Code::kInvalid, "archive: an entry with an owner out of range");
    entry.uid = static_cast<uint32_t>(uid);
    entry.gid = static_cast<uint32_t>(gid);
    entry.modified_seconds = archive_entry_mtime(found);
    return std::optional(std::move(entry));
  }

  Result<size_t> read(char* out, size_t size) override {
    la_ssize_t n = archive_read_data(archive_, out, size);
    if (n < 0) return failure("reading");
    return static_cast<size_t>(n);
  }

 private:
  static la_ssize_t pull(archive* handle, void* self, const void** out) {
    auto& reader = *static_cast<Reader*>(self);
    auto n = reader.source_.read(reader.buffer_.data(), reader.buffer_.size());
    if (!n.ok()) {
      reader.source_error_ = std::move(n).error();
      archive_set_error(handle, ARCHIVE_FATAL, "the source failed");
      return -1;
    }
    *out = reader.buffer_.data();
    return static_cast<la_ssize_t>(*n);
  }

  Error failure(std::string_view doing) const {
    if (source_error_) return *source_error_;
    return error(Code::kInvalid, fmt::format("archive: {}: {}", doing, text_of(archive_error_string(archive_))),
                 "the file is no tar archive or is cut short");
  }

  ByteSource& source_;
  Bytes buffer_;
  archive* archive_;
  std::optional<Error> source_error_;
};

class Writer : public ArchiveWriter {
 public:
  explicit Writer(Filter filter) : archive_(archive_write_new()) {
    archive_write_set_format_pax_restricted(archive_);
    if (filter == Filter::kGzip) {
      archive_write_add_filter_gzip(archive_);
      archive_write_set_filter_option(archive_, "gzip", "timestamp", nullptr);
    }
    if (filter == Filter::kZstd) archive_write_add_filter_zstd(archive_);
    archive_write_set_bytes_in_last_block(archive_, 1);
    opened_ = archive_write_open(archive_, this, nullptr, &Writer::push, nullptr);
  }
  ~Writer() override { archive_write_free(archive_); }

  Result<void> add(const ArchiveEntry& in, BytesView content) override {
    if (opened_ != ARCHIVE_OK) return failure();
    std::unique_ptr<archive_entry, EntryFree> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), in.path.c_str());
    archive_entry_set_filetype(entry.get(), type_of(in.kind));
    archive_entry_set_perm(entry.get(), in.mode);
    archive_entry_set_uid(entry.get(), in.uid);
    archive_entry_set_gid(entry.get(), in.gid);
    archive_entry_set_mtime(entry.get(), in.modified_seconds, 0);
    archive_entry_set_size(entry.get(), static_cast<int64_t>(content.size()));
    if (in.kind == ArchiveEntry::Kind::kSymlink) archive_entry_set_symlink(entry.get(), in.target.c_str());
    if (in.kind == ArchiveEntry::Kind::kHardLink) archive_entry_set_hardlink(entry.get(), in.target.c_str());
    if (in.kind == ArchiveEntry::Kind::kDevice) archive_entry_set_rdev(entry.get(), 0x103);
    if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK) return failure();
    if (!content.empty() && archive_write_data(archive_, content.data(), content.size()) < 0) return failure();
    return {};
  }

  Result<Bytes> finish() override {
    if (opened_ != ARCHIVE_OK || archive_write_close(archive_) != ARCHIVE_OK) return failure();
    return std::move(out_);
  }

 private:
  static la_ssize_t push(archive*, void* self, const void* data, size_t size) {
    static_cast<Writer*>(self)->out_.append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  }
  static unsigned type_of(ArchiveEntry::Kind kind) {
    switch (kind) {
      case ArchiveEntry::Kind::kDir:
        return AE_IFDIR;
      case ArchiveEntry::Kind::kSymlink:
        return AE_IFLNK;
      case ArchiveEntry::Kind::kFifo:
        return AE_IFIFO;
      case ArchiveEntry::Kind::kDevice:
        return AE_IFCHR;
      default:
        return AE_IFREG;
    }
  }
  Error failure() const {
    return error(Code::kInternal, fmt::format("archive: {}", text_of(archive_error_string(archive_))));
  }

  archive* archive_;
  int opened_ = ARCHIVE_FATAL;
  Bytes out_;
};

}  // namespace

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(ByteSource& source) {
  auto reader = std::make_unique<Reader>(source);
  DL_OK(reader->start());
  return std::unique_ptr<ArchiveReader>(std::move(reader));
}

std::unique_ptr<ArchiveWriter> ArchiveWriter::create(Filter filter) { return std::make_unique<Writer>(filter); }

}  // namespace dl::registry

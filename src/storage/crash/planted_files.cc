#include "storage/crash/planted_files.h"

namespace dl::storage::crash {
namespace {

class PlantedWriteFile : public WriteFile {
 public:
  PlantedWriteFile(std::unique_ptr<WriteFile> file, const Lies& lies, bool forgets)
      : file_(std::move(file)), lies_(lies), forgets_(forgets) {}

  Result<void> write_at(uint64_t offset, BytesView data) override { return told(file_->write_at(offset, data)); }
  Result<void> append(BytesView data) override { return told(file_->append(data)); }
  Result<void> sync() override {
    if (forgets_) return {};
    auto done = file_->sync();
    if (!done.ok() && lies_.retry_syncs) return file_->sync();
    return done;
  }
  Result<void> truncate(uint64_t size) override { return file_->truncate(size); }
  Result<void> reserve(uint64_t offset, uint64_t length) override { return told(file_->reserve(offset, length)); }
  Result<void> punch(uint64_t offset, uint64_t length) override { return file_->punch(offset, length); }
  Result<uint64_t> size() const override { return file_->size(); }

 private:
  Result<void> told(Result<void> answer) const { return lies_.ignore_writes ? Result<void>() : std::move(answer); }

  std::unique_ptr<WriteFile> file_;
  const Lies lies_;
  const bool forgets_;
};

}  // namespace

Result<std::unique_ptr<WriteFile>> PlantedFiles::open_write(const std::string& path, OpenMode mode,
                                                            unsigned permissions) {
  DL_TRY(auto file, below_.open_write(path, mode, permissions));
  bool forgets = !lies_.forget_syncs_of.empty() && path.ends_with(lies_.forget_syncs_of);
  return std::unique_ptr<WriteFile>(std::make_unique<PlantedWriteFile>(std::move(file), lies_, forgets));
}

Result<void> PlantedFiles::sync_dir(const std::string& path) {
  return lies_.forget_dir_syncs ? Result<void>() : below_.sync_dir(path);
}

}  // namespace dl::storage::crash

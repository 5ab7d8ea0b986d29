#include "node/object_access.h"

#include "base/task.h"

namespace dl::node {
namespace {

// A file as a body: read on the pool, one piece at a time.
class FileBody : public objects::BodySource {
 public:
  FileBody(net::Runtime& runtime, std::shared_ptr<storage::ReadFile> file, uint64_t size)
      : runtime_(runtime), file_(std::move(file)), size_(size) {}
  Task<size_t> read(char* out, size_t size) override {
    size = std::min<uint64_t>(size, size_ - at_);
    if (size == 0) co_return size_t{0};
    auto n = std::make_shared<size_t>(0);
    DL_CO_OK(co_await net::run_blocking(runtime_, [file = file_, at = at_, out, size, n]() -> Result<void> {
      DL_TRY(*n, file->read_at(at, out, size));
      return {};
    }));
    if (*n == 0) co_return error(Code::kConflict, "an output file became shorter while it was stored");
    at_ += *n;
    co_return *n;
  }
  Result<objects::Expected> expected() const override { return objects::Expected{}; }

 private:
  net::Runtime& runtime_;
  std::shared_ptr<storage::ReadFile> file_;
  uint64_t size_, at_ = 0;
};

Task<void> list_page(objects::Objects* objects, std::shared_ptr<std::optional<gate::Permit>> permit,
                     objects::ListRequest request, std::shared_ptr<objects::ListPage> page) {
  DL_CO_TRY(*page, co_await objects->list(std::move(**permit), std::move(request)));
  co_return Result<void>();
}

Task<void> read_object(net::Runtime* runtime, objects::Objects* objects,
                       std::shared_ptr<std::optional<gate::Permit>> permit, Bytes key,
                       std::shared_ptr<storage::WriteFile> file) {
  objects::GetRequest request;
  request.key = key;
  DL_CO_TRY(auto reader, co_await objects->get(std::move(**permit), std::move(request)));
  auto write = [runtime, file](BytesView data) {
    return net::run_blocking(*runtime, [file, data]() { return file->append(data); });
  };
  if (Bytes* whole = reader->whole()) {
    DL_CO_OK(co_await write(*whole));
    co_return Result<void>();
  }
  for (;;) {
    DL_CO_TRY(auto data, co_await reader->next());
    if (data.empty()) co_return Result<void>();
    DL_CO_OK(co_await write(data));
  }
}

Task<void> write_object(objects::Objects* objects, std::shared_ptr<std::optional<gate::Permit>> permit, uint64_t size,
                        std::shared_ptr<FileBody> body) {
  objects::PutRequest request;
  request.size = size;
  DL_CO_TRY(auto put, co_await objects->put(std::move(**permit), std::move(request), body.get()));
  (void)put;
  co_return Result<void>();
}

}  // namespace

Result<gate::Permit> GatedObjects::permit(const std::string& principal, const std::string& action,
                                          const std::string& bucket, const Bytes& key) {
  auto identity = gate_.act_as({principal, {}, "workload", {}});
  gate::Operation operation;
  operation.action = action;
  operation.bucket = bucket;
  operation.key = key;
  return gate_.authorize(identity, operation);
}

Result<std::vector<compute::ObjectAccess::Entry>> GatedObjects::list(const std::string& principal,
                                                                     const std::string& bucket, const Bytes& prefix,
                                                                     size_t limit) {
  std::vector<Entry> entries;
  Bytes after;
  for (;;) {
    DL_TRY(auto granted, permit(principal, "s3:ListBucket", bucket, {}));
    auto holder = std::make_shared<std::optional<gate::Permit>>(std::move(granted));
    objects::ListRequest request;
    request.prefix = prefix;
    request.after = after;
    auto page = std::make_shared<objects::ListPage>();
    DL_OK(runtime_.run([this, holder, request, page] { return list_page(&objects_, holder, request, page); }));
    for (const auto& object : page->objects) {
      if (entries.size() >= limit)
        return error(Code::kTooLarge,
                     "more than " + std::to_string(limit) + " objects under s3://" + bucket + "/" + prefix);
      entries.push_back({object.key, object.size});
      after = object.key;
    }
    if (!page->truncated || page->objects.empty()) return entries;
  }
}

Result<void> GatedObjects::get_to_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                                       const std::string& path) {
  DL_TRY(auto granted, permit(principal, "s3:GetObject", bucket, key));
  auto holder = std::make_shared<std::optional<gate::Permit>>(std::move(granted));
  DL_TRY(auto opened, fs_.open_write(path, storage::OpenMode::kCreateNew, 0644));
  std::shared_ptr<storage::WriteFile> file = std::move(opened);
  return runtime_.run([this, holder, key, file] { return read_object(&runtime_, &objects_, holder, key, file); });
}

Result<void> GatedObjects::put_from_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                                         const std::string& path) {
  DL_TRY(auto granted, permit(principal, "s3:PutObject", bucket, key));
  auto holder = std::make_shared<std::optional<gate::Permit>>(std::move(granted));
  DL_TRY(auto opened, fs_.open_read(path));
  std::shared_ptr<storage::ReadFile> file = std::move(opened);
  DL_TRY(uint64_t size, file->size());
  auto body = std::make_shared<FileBody>(runtime_, file, size);
  return runtime_.run([this, holder, size, body] { return write_object(&objects_, holder, size, body); });
}

}  // namespace dl::node

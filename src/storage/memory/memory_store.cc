#include "storage/memory/memory_store.h"

#include <cstring>

#include "base/assert.h"
#include "storage/blob_rows.h"

namespace dl::storage {

class MemoryStore::Blobs : public BlobStore {
 public:
  Blobs(const Partition& rows, std::shared_ptr<MemoryDisk::Bodies> bodies, Random& random, const MemoryOptions& options)
      : rows_(rows), bodies_(std::move(bodies)), random_(random), options_(options) {}

  Result<std::unique_ptr<BlobWriter>> create(uint64_t size) override;
  Result<void> read(const BlobId& blob, uint64_t offset, char* out, size_t size) const override;
  uint64_t inline_limit() const override { return options_.inline_limit; }

  WrittenBlob keep(Bytes body) {
    WrittenBlob out;
    out.length = body.size();
    if (body.size() <= options_.inline_limit) {
      out.blob = with_home(random_.id<BlobId>(), BlobHome::kInline);
      out.row = encode_place(InlineBody{std::move(body)});
      return out;
    }
    out.blob = with_home(random_.id<BlobId>(), BlobHome::kSegment);
    out.row = encode_place(SegmentPlace{0, 0, out.length, {}});
    std::lock_guard lock(bodies_->m);
    bodies_->by_blob[out.blob] = std::move(body);
    return out;
  }

  void forget(const std::vector<FreedBlob>& freed) {
    std::lock_guard lock(bodies_->m);
    for (const auto& one : freed) bodies_->by_blob.erase(one.blob);
  }

  uint64_t blob_bytes() const { return options_.blob_bytes; }

 private:
  const Partition& rows_;
  std::shared_ptr<MemoryDisk::Bodies> bodies_;
  Random& random_;
  const MemoryOptions options_;
};

namespace {

template <class Store>
class MemoryWriter : public BlobWriter {
 public:
  MemoryWriter(Store& store, uint64_t size) : store_(store), size_(size) {}

  Result<void> append(BytesView data) override {
    if (data.size() > size_ - body_.size())
      return error(Code::kTooLarge, "more bytes came than the " + std::to_string(size_) + " announced");
    body_ += data;
    return {};
  }

  Result<WrittenBody> finish() override {
    if (body_.size() != size_)
      return error(Code::kInvalid, "the body ended after " + std::to_string(body_.size()) + " of " +
                                       std::to_string(size_) + " announced bytes");
    WrittenBody out;
    out.length = size_;
    for (uint64_t at = 0; at < size_; at += store_.blob_bytes())
      out.blobs.push_back(store_.keep(body_.substr(at, store_.blob_bytes())));
    return out;
  }

 private:
  Store& store_;
  const uint64_t size_;
  Bytes body_;
};

}  // namespace

Result<std::unique_ptr<BlobWriter>> MemoryStore::Blobs::create(uint64_t size) {
  return std::unique_ptr<BlobWriter>(std::make_unique<MemoryWriter<Blobs>>(*this, size));
}

Result<void> MemoryStore::Blobs::read(const BlobId& blob, uint64_t offset, char* out, size_t size) const {
  DL_TRY(auto row, rows_.get(blob_key(blob)));
  if (!row) return error(Code::kNotFound, "blob " + blob.hex() + " is gone");
  DL_TRY(auto place, decode_place(blob, *row));
  std::lock_guard lock(bodies_->m);
  const Bytes* body = nullptr;
  if (auto* in_row = std::get_if<InlineBody>(&place)) {
    body = &in_row->body;
  } else {
    auto it = bodies_->by_blob.find(blob);
    if (it == bodies_->by_blob.end()) return error(Code::kNotFound, "blob " + blob.hex() + " is gone");
    body = &it->second;
  }
  if (offset > body->size() || size > body->size() - offset)
    return error(Code::kInvalid, "a read past the end of blob " + blob.hex());
  std::memcpy(out, body->data() + offset, size);
  return {};
}

struct MemoryStore::Part {
  Part(const std::string& name, const MemoryDisk::Part& kept, Random& random, const MemoryOptions& options)
      : rows(name, kept.rows, options.mode, options.committer), blobs(rows, kept.bodies, random, options) {}
  MemoryPartition rows;
  Blobs blobs;
};

MemoryStore::MemoryStore(std::vector<std::string> partitions, const Clock& clock, Random& random, MemoryOptions options,
                         std::shared_ptr<MemoryDisk> disk)
    : clock_(clock), disk_(disk ? std::move(disk) : std::make_shared<MemoryDisk>()) {
  for (const auto& name : partitions)
    parts_[name] = std::make_unique<Part>(name, disk_->partitions[name], random, options);
}

MemoryStore::~MemoryStore() { stop(); }

Partition* MemoryStore::find_partition(std::string_view name) {
  auto it = parts_.find(name);
  return it == parts_.end() ? nullptr : &it->second->rows;
}

BlobStore* MemoryStore::find_blobs(std::string_view name) {
  auto it = parts_.find(name);
  return it == parts_.end() ? nullptr : &it->second->blobs;
}

std::vector<std::string> MemoryStore::partition_names() const {
  std::vector<std::string> names;
  for (const auto& [name, part] : parts_) names.push_back(name);
  return names;
}

MemoryPartition& MemoryStore::memory_partition(std::string_view name) {
  auto it = parts_.find(name);
  DL_REQUIRE(it != parts_.end(), "no partition " + std::string(name));
  return it->second->rows;
}

void MemoryStore::stop() {
  for (auto& [name, part] : parts_) part->rows.stop();
}

Result<size_t> MemoryStore::reclaim() {
  size_t count = 0;
  for (auto& [name, part] : parts_) {
    for (bool more = true; more;) {
      std::vector<FreedBlob> freed;
      DL_OK(part->rows.commit_wait(
          [&](Batch& batch) -> Result<void> {
            freed.clear();
            DL_TRY(more, take_due(batch, clock_.wall(), freed));
            return {};
          },
          Purpose::kFree));
      part->blobs.forget(freed);
      count += freed.size();
    }
  }
  return count;
}

}  // namespace dl::storage

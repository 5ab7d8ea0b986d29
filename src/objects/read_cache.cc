#include "objects/read_cache.h"

namespace dl::objects {
namespace {

constexpr size_t kEntryBytes = 1024;  // an entry's own structures, lists and short strings

}  // namespace

size_t ReadCache::Entry::cost() const {
  size_t bytes = kEntryBytes + body.capacity() + pieces.capacity() * sizeof(storage::BlobPiece);
  auto count = [&bytes](const std::vector<format::Header>& headers) {
    for (const auto& [name, value] : headers) bytes += name.capacity() + value.capacity() + sizeof(format::Header);
  };
  const auto& fields = info.fields;
  count(fields.headers);
  count(fields.user_metadata);
  bytes += fields.part_runs.capacity() * sizeof(format::PartRun);
  bytes += fields.checksums.capacity() * (sizeof(format::Checksum) + 64);
  bytes += fields.etag.capacity() + fields.storage_class.capacity();
  const auto& attributes = info.attributes;
  auto seen = [&bytes](const auto& field) {
    if (field) bytes += field->seen.capacity() * sizeof(RecordHash);
  };
  if (attributes.tags) count(attributes.tags->value);
  if (attributes.acl) bytes += attributes.acl->value.capacity();
  seen(attributes.tags);
  seen(attributes.retention);
  seen(attributes.hold);
  seen(attributes.acl);
  return bytes;
}

void ReadCache::Shard::drop(std::list<Held>::iterator at) {
  bytes -= at->cost;
  by_row.erase(at->row);
  by_use.erase(at);
}

std::shared_ptr<const ReadCache::Entry> ReadCache::find(BytesView row, uint64_t stamp) {
  Shard& shard = shard_of(row);
  {
    std::lock_guard lock(shard.m);
    if (auto it = shard.by_row.find(row); it != shard.by_row.end()) {
      auto at = it->second;
      if (at->entry->stamp == stamp) {
        shard.by_use.splice(shard.by_use.begin(), shard.by_use, at);
        hits_.fetch_add(1, std::memory_order_relaxed);
        return at->entry;
      }
      shard.drop(at);  // stamps do not come back
    }
  }
  misses_.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

void ReadCache::put(BytesView row, std::shared_ptr<const Entry> entry) {
  const size_t cost = entry->cost() + 2 * row.size();
  if (cost > shard_bytes_) return;
  Shard& shard = shard_of(row);
  std::lock_guard lock(shard.m);
  if (auto it = shard.by_row.find(row); it != shard.by_row.end()) shard.drop(it->second);
  while (shard.bytes + cost > shard_bytes_) shard.drop(std::prev(shard.by_use.end()));
  shard.by_use.push_front({Bytes(row), std::move(entry), cost});
  shard.by_row.emplace(shard.by_use.front().row, shard.by_use.begin());
  shard.bytes += cost;
}

ReadCache::Stats ReadCache::stats() const {
  Stats out{.limit = shard_bytes_ * kShards,
            .hits = hits_.load(std::memory_order_relaxed),
            .misses = misses_.load(std::memory_order_relaxed)};
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.m);
    out.bytes += shard.bytes;
  }
  return out;
}

}  // namespace dl::objects

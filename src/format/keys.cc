#include "format/keys.h"

namespace dl::format {
namespace {

constexpr size_t kSpacePrefixBytes = 1 + BucketId::kSize;

Bytes typed(RowType type) { return Bytes(1, static_cast<char>(type)); }

}  // namespace

void put_escaped(Bytes& out, BytesView key) {
  for (char c : key) {
    out.push_back(c);
    if (c == '\0') out.push_back('\xff');
  }
  out.push_back('\0');
  out.push_back('\x01');
}

Result<Bytes> take_escaped(BytesView& in) {
  Bytes out;
  for (size_t i = 0; i < in.size(); i++) {
    if (in[i] != '\0') {
      out.push_back(in[i]);
      continue;
    }
    if (i + 1 == in.size()) break;
    if (in[i + 1] == '\x01') {
      in.remove_prefix(i + 2);
      return out;
    }
    if (in[i + 1] != '\xff') break;
    out.push_back('\0');
    i++;
  }
  return error(Code::kCorrupt, "row key: an object key does not end");
}

Bytes prefix_end(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

Bytes space_prefix(RowType type, const BucketId& bucket) { return typed(type) + bucket.bytes(); }

Bytes key_prefix(RowType type, const BucketId& bucket, BytesView key) {
  Bytes out = space_prefix(type, bucket);
  put_escaped(out, key);
  return out;
}

Bytes key_from(RowType type, const BucketId& bucket, BytesView key) {
  return key.empty() ? space_prefix(type, bucket) : key_prefix(type, bucket, key);
}

Result<Bytes> object_key_of(BytesView row_key) {
  if (row_key.size() < kSpacePrefixBytes) return error(Code::kCorrupt, "row key: too short");
  row_key.remove_prefix(kSpacePrefixBytes);
  return take_escaped(row_key);
}

Bytes version_key(const BucketId& bucket, BytesView key, Hlc hlc, const VersionId& version) {
  Bytes out = key_prefix(RowType::kVersion, bucket, key);
  put_be64(out, ~hlc.packed);
  out += version.view();
  return out;
}

Bytes entry_key(const BucketId& bucket, uint32_t shard, uint64_t epoch, uint64_t csn) {
  Bytes out = space_prefix(RowType::kEntry, bucket);
  put_be32(out, shard);
  put_be64(out, epoch);
  put_be64(out, csn);
  return out;
}

uint64_t entry_csn(BytesView row_key) { return get_be64(row_key.substr(row_key.size() - 8)); }

Bytes journal_key(const BucketId& bucket, const NodeId& origin, uint64_t oseq) {
  Bytes out = space_prefix(RowType::kJournal, bucket);
  out += origin.view();
  put_be64(out, oseq);
  return out;
}

uint64_t journal_oseq(BytesView row_key) { return get_be64(row_key.substr(row_key.size() - 8)); }

Bytes space_key(const BucketId& bucket) { return space_prefix(RowType::kSpace, bucket); }

Bytes origin_key(const BucketId& bucket, const NodeId& origin) {
  return space_prefix(RowType::kOrigin, bucket) + origin.bytes();
}

Bytes peer_key(const BucketId& bucket, const NodeId& peer) {
  return space_prefix(RowType::kPeer, bucket) + peer.bytes();
}

Bytes seal_key(const BucketId& bucket, bool history, const NodeId& origin, uint64_t to) {
  Bytes out = space_prefix(RowType::kSeal, bucket);
  out.push_back(history ? '\x01' : '\x00');
  out += origin.view();
  put_be64(out, to);
  return out;
}

Bytes pending_key(const BucketId& bucket, BytesView key, const RecordHash& hash) {
  return key_prefix(RowType::kPending, bucket, key) + hash.bytes();
}

Bytes place_key(const RecordHash& hash) { return typed(RowType::kPlace) + hash.bytes(); }

Bytes manifest_key(const RecordHash& hash) { return typed(RowType::kManifest) + hash.bytes(); }

Bytes arriving_key(const RecordHash& hash) { return typed(RowType::kArriving) + hash.bytes(); }

Bytes wanted_key(const BucketId& bucket, Hlc hlc, const RecordHash& hash) {
  Bytes out = space_prefix(RowType::kWanted, bucket);
  put_be64(out, ~hlc.packed);
  out += hash.view();
  return out;
}

RecordHash trailing_hash(BytesView row_key) {
  return RecordHash::of(row_key.substr(row_key.size() - RecordHash::kSize));
}
NodeId trailing_node(BytesView row_key) { return NodeId::of(row_key.substr(row_key.size() - NodeId::kSize)); }

}  // namespace dl::format

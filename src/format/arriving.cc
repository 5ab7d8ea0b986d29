#include "format/arriving.h"

#include "arriving.pb.h"

namespace dl::format {
namespace {

constexpr uint32_t kFormat = 1;

}  // namespace

Bytes arriving_owner(const RecordHash& record) { return "arriving/" + record.bytes(); }

Bytes encode(const ArrivingRow& row) {
  demilune::v1::ArrivingRow m;
  m.set_format(kFormat);
  m.set_space(row.space.bytes());
  m.set_length(row.length);
  for (const auto& chunk : row.chunks) {
    auto* c = m.add_chunks();
    c->set_blob(chunk.blob.bytes());
    c->set_length(chunk.length);
  }
  m.set_manifest(row.manifest);
  return m.SerializeAsString();
}

Result<ArrivingRow> decode_arriving(BytesView b) {
  demilune::v1::ArrivingRow m;
  if (!m.ParseFromArray(b.data(), static_cast<int>(b.size())))
    return error(Code::kCorrupt, "a row that is no arriving body");
  if (m.format() != kFormat)
    return error(Code::kUnsupported, "an arriving body of format " + std::to_string(m.format()));
  ArrivingRow row;
  DL_TRY(row.space, BucketId::from_bytes(m.space()));
  row.length = m.length();
  uint64_t sum = 0;
  for (const auto& c : m.chunks()) {
    DL_TRY(auto blob, BlobId::from_bytes(c.blob()));
    row.chunks.push_back({blob, c.length()});
    sum += c.length();
  }
  if (sum != row.length) return error(Code::kCorrupt, "an arriving body whose chunks do not add up");
  row.manifest = m.manifest();
  return row;
}

}  // namespace dl::format

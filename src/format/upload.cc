#include "format/upload.h"

#include "format/keys.h"
#include "upload.pb.h"

namespace dl::format {
namespace {

constexpr uint32_t kUploadFormat = 1;

template <class Fields>
void write_upload_headers(const std::vector<Header>& from, Fields* to) {
  for (const auto& header : from) {
    auto* added = to->Add();
    added->set_name(header.name);
    added->set_value(header.value);
  }
}

template <class Fields>
std::vector<Header> read_upload_headers(const Fields& from) {
  std::vector<Header> out;
  for (const auto& header : from) out.push_back({header.name(), header.value()});
  return out;
}

Result<std::optional<ChecksumKind>> read_upload_checksum(demilune::v1::ChecksumKind kind) {
  if (kind == demilune::v1::CHECKSUM_KIND_UNSPECIFIED) return std::optional<ChecksumKind>();
  if (kind < 1 || kind > 5) return error(Code::kCorrupt, "an upload row names an unknown checksum");
  return std::optional(static_cast<ChecksumKind>(kind));
}

Result<void> check_upload_format(uint32_t format, std::string_view what) {
  if (format == kUploadFormat) return {};
  if (format > kUploadFormat)
    return error(Code::kUnsupported, std::string(what) + " has the newer format " + std::to_string(format));
  return error(Code::kCorrupt, std::string(what) + " has no format");
}

}  // namespace

Bytes encode_upload(const Upload& upload) {
  demilune::v1::Upload message;
  message.set_format(kUploadFormat);
  message.set_principal(upload.principal);
  message.set_created_millis(upload.created_millis);
  write_upload_headers(upload.headers, message.mutable_headers());
  write_upload_headers(upload.user_metadata, message.mutable_user_metadata());
  if (upload.checksum) message.set_checksum(static_cast<demilune::v1::ChecksumKind>(*upload.checksum));
  message.set_composite(upload.composite);
  return message.SerializeAsString();
}

Result<Upload> decode_upload(BytesView bytes) {
  demilune::v1::Upload message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return error(Code::kCorrupt, "an upload row does not parse");
  DL_OK(check_upload_format(message.format(), "an upload row"));
  Upload out;
  out.principal = message.principal();
  out.created_millis = message.created_millis();
  out.headers = read_upload_headers(message.headers());
  out.user_metadata = read_upload_headers(message.user_metadata());
  DL_TRY(out.checksum, read_upload_checksum(message.checksum()));
  out.composite = message.composite();
  return out;
}

Bytes encode_upload_part(const UploadPart& part) {
  demilune::v1::UploadPart message;
  message.set_format(kUploadFormat);
  message.set_size(part.size);
  message.set_md5(part.md5);
  message.set_sha256(part.sha256.bytes());
  if (part.checksum) {
    auto* checksum = message.mutable_checksum();
    checksum->set_kind(static_cast<demilune::v1::ChecksumKind>(part.checksum->kind));
    checksum->set_value(part.checksum->value);
  }
  message.set_modified_millis(part.modified_millis);
  for (const auto& piece : part.pieces) {
    auto* added = message.add_pieces();
    added->set_blob(piece.blob.bytes());
    added->set_offset(piece.offset);
    added->set_length(piece.length);
  }
  return message.SerializeAsString();
}

Result<UploadPart> decode_upload_part(BytesView bytes) {
  demilune::v1::UploadPart message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return error(Code::kCorrupt, "a part row does not parse");
  DL_OK(check_upload_format(message.format(), "a part row"));
  UploadPart out;
  out.size = message.size();
  out.md5 = message.md5();
  if (out.md5.size() != 16) return error(Code::kCorrupt, "a part row has no MD5");
  if (message.sha256().size() != Sha256::kSize) return error(Code::kCorrupt, "a part row has no SHA-256");
  out.sha256 = Sha256::of(message.sha256());
  if (message.has_checksum()) {
    DL_TRY(auto kind, read_upload_checksum(message.checksum().kind()));
    if (!kind) return error(Code::kCorrupt, "a part row has a checksum without a kind");
    out.checksum = Checksum{*kind, message.checksum().value()};
  }
  out.modified_millis = message.modified_millis();
  for (const auto& piece : message.pieces()) {
    if (piece.blob().size() != BlobId::kSize) return error(Code::kCorrupt, "a part row names no blob");
    out.pieces.push_back({BlobId::of(piece.blob()), piece.offset(), piece.length()});
  }
  return out;
}

Bytes upload_key(const BucketId& bucket, BytesView key, const UploadId& upload) {
  Bytes row = key_prefix(RowType::kUpload, bucket, key);
  row.append(upload.view());
  return row;
}

Bytes uploads_begin(const BucketId& bucket, BytesView from_key) { return key_from(RowType::kUpload, bucket, from_key); }

Bytes uploads_end(const BucketId& bucket) { return prefix_end(space_prefix(RowType::kUpload, bucket)); }

Result<UploadName> parse_upload_key(BytesView row) {
  constexpr size_t kHead = 1 + BucketId::kSize;
  if (row.size() < kHead || row[0] != static_cast<char>(RowType::kUpload))
    return error(Code::kCorrupt, "not an upload row");
  BytesView rest = row.substr(kHead);
  UploadName out;
  DL_TRY(out.key, take_escaped(rest));
  if (rest.size() != UploadId::kSize) return error(Code::kCorrupt, "an upload row without an upload id");
  out.upload = UploadId::of(rest);
  return out;
}

Bytes upload_part_key(const BucketId& bucket, const UploadId& upload, uint32_t part) {
  Bytes row = space_prefix(RowType::kPart, bucket);
  row.append(upload.view());
  put_be32(row, part);
  return row;
}

WallTime begun_at(const UploadId& upload) {
  Bytes millis(2, '\0');
  millis += upload.view().substr(0, 6);
  return WallTime(Millis(static_cast<int64_t>(get_be64(millis))));
}

uint32_t part_number_of(BytesView row) { return get_be32(row.substr(row.size() - 4)); }

}  // namespace dl::format

#include "format/registry.h"

#include "format/proto_util.h"
#include "registry.pb.h"

namespace dl::format {
namespace {

namespace pb = demilune::v1;
constexpr std::string_view kImageTables =
    "\x7E"
    "img/";

Bytes image_row_key(char table, BytesView rest) {
  Bytes key(kImageTables);
  key += table;
  key += rest;
  return key;
}

void put_image_part(pb::ImagePart* out, const ImagePart& part) {
  out->set_media_type(part.media_type);
  out->set_digest(part.digest.bytes());
  out->set_size(part.size);
}

Result<ImagePart> get_image_part(const pb::ImagePart& in) {
  DL_TRY(auto digest, get_id<Sha256>(in.digest(), "a part of an image"));
  return ImagePart{in.media_type(), digest, in.size()};
}

}  // namespace

Bytes encode_image_blob(const ImageBlob& row) {
  pb::ImageBlob m;
  m.set_format(1);
  m.set_size(row.size);
  for (const auto& piece : row.pieces) {
    auto* p = m.add_pieces();
    p->set_blob(piece.blob.bytes());
    p->set_offset(piece.offset);
    p->set_length(piece.length);
  }
  return m.SerializeAsString();
}

Result<ImageBlob> decode_image_blob(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::ImageBlob>(bytes, "an image blob row"));
  ImageBlob row{.size = m.size()};
  for (const auto& p : m.pieces()) {
    DL_TRY(auto blob, get_id<BlobId>(p.blob(), "an image blob row"));
    row.pieces.push_back({blob, p.offset(), p.length()});
  }
  return row;
}

Bytes encode_image(const Image& row) {
  pb::Image m;
  m.set_format(1);
  m.set_media_type(row.media_type);
  put_image_part(m.mutable_config(), row.config);
  for (const auto& layer : row.layers) put_image_part(m.add_layers(), layer);
  m.set_os(row.os);
  m.set_architecture(row.architecture);
  m.set_imported_millis(row.imported_millis);
  return m.SerializeAsString();
}

Result<Image> decode_image(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::Image>(bytes, "an image row"));
  Image row{.media_type = m.media_type(), .os = m.os(), .architecture = m.architecture()};
  row.imported_millis = m.imported_millis();
  DL_TRY(row.config, get_image_part(m.config()));
  for (const auto& layer : m.layers()) {
    DL_TRY(auto part, get_image_part(layer));
    row.layers.push_back(std::move(part));
  }
  return row;
}

Bytes encode_image_name(const ImageName& row) {
  pb::ImageName m;
  m.set_format(1);
  m.set_digest(row.digest.bytes());
  m.set_set_millis(row.set_millis);
  return m.SerializeAsString();
}

Result<ImageName> decode_image_name(BytesView bytes) {
  DL_TRY(auto m, parse_versioned<pb::ImageName>(bytes, "an image name row"));
  DL_TRY(auto digest, get_id<Sha256>(m.digest(), "an image name row"));
  return ImageName{digest, m.set_millis()};
}

Bytes image_blob_key(const Sha256& digest) { return image_row_key('b', digest.view()); }
Bytes image_key(const Sha256& digest) { return image_row_key('m', digest.view()); }
Bytes image_name_key(std::string_view name) { return image_row_key('t', name); }
Bytes image_use_prefix(const Sha256& blob) { return image_row_key('u', blob.view()); }
Bytes image_use_key(const Sha256& blob, const Sha256& manifest) { return image_use_prefix(blob) + manifest.bytes(); }
Bytes image_table_begin(char table) { return image_row_key(table, {}); }
Bytes image_table_end(char table) { return image_row_key(static_cast<char>(table + 1), {}); }

}  // namespace dl::format

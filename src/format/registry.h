#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// Rows of the image store (proto/registry.proto). Decoders accept any bytes; errors: kCorrupt when it is no such row,
// kUnsupported for a newer format.
namespace dl::format {

struct ImagePiece {
  BlobId blob;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const ImagePiece&) const = default;
};
struct ImageBlob {
  uint64_t size = 0;
  std::vector<ImagePiece> pieces;
  bool operator==(const ImageBlob&) const = default;
};

struct ImagePart {
  std::string media_type;
  Sha256 digest;
  uint64_t size = 0;
  bool operator==(const ImagePart&) const = default;
};
struct Image {
  std::string media_type;
  ImagePart config;
  std::vector<ImagePart> layers;  // lowest first
  std::string os, architecture;
  uint64_t imported_millis = 0;
  bool operator==(const Image&) const = default;
};

struct ImageName {
  Sha256 digest;
  uint64_t set_millis = 0;
  bool operator==(const ImageName&) const = default;
};

Bytes encode_image_blob(const ImageBlob& row);
Result<ImageBlob> decode_image_blob(BytesView bytes);
Bytes encode_image(const Image& row);
Result<Image> decode_image(BytesView bytes);
Bytes encode_image_name(const ImageName& row);
Result<ImageName> decode_image_name(BytesView bytes);

// Keys in partition `control`: 7E "img/" and a letter for the table.
Bytes image_blob_key(const Sha256& digest);                       // 'b'
Bytes image_key(const Sha256& digest);                            // 'm'
Bytes image_name_key(std::string_view name);                      // 't'
Bytes image_use_key(const Sha256& blob, const Sha256& manifest);  // 'u': this manifest uses this blob
Bytes image_use_prefix(const Sha256& blob);
Bytes image_table_begin(char table);
Bytes image_table_end(char table);

}  // namespace dl::format

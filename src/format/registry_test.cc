#include "format/registry.h"

#include <doctest/doctest.h>

#include "base/testing/golden.h"

using namespace dl;
using namespace dl::format;

namespace {

const Sha256 kManifest = Sha256::of("sha-256-of-the-manifest-32-bytes");
const Sha256 kConfig = Sha256::of("sha-256-of-the-config-32-bytes--");
const Sha256 kLayer = Sha256::of("sha-256-of-the-layer-32-bytes---");

Image image() {
  return {.media_type = "application/vnd.oci.image.manifest.v1+json",
          .config = {"application/vnd.oci.image.config.v1+json", kConfig, 300},
          .layers = {{"application/vnd.oci.image.layer.v1.tar+gzip", kLayer, 4096}},
          .os = "linux",
          .architecture = "amd64",
          .imported_millis = 1'700'000'000'123};
}
ImageBlob blob() { return {.size = 10, .pieces = {{BlobId::of("blob-id-16-bytes"), 4, 10}}}; }
ImageName name() { return {kManifest, 1'700'000'000'123}; }

}  // namespace

TEST_CASE("rows of the image store have the bytes that were decided") {
  CHECK(to_hex(encode_image(image())) == to_hex(dl::testing::golden("image")));
  CHECK(decode_image(dl::testing::golden("image")).value() == image());
  CHECK(to_hex(encode_image_blob(blob())) == to_hex(dl::testing::golden("image_blob")));
  CHECK(decode_image_blob(dl::testing::golden("image_blob")).value() == blob());
  CHECK(to_hex(encode_image_name(name())) == to_hex(dl::testing::golden("image_name")));
  CHECK(decode_image_name(dl::testing::golden("image_name")).value() == name());
}

TEST_CASE("what is no row of the image store is refused") {
  CHECK_FALSE(decode_image("").ok());
  CHECK_FALSE(decode_image_blob("\x08\x02").ok());
  CHECK_FALSE(decode_image_name("\x08\x01").ok());  // without a digest
  Bytes bytes = encode_image(image());
  CHECK_FALSE(decode_image(bytes.substr(0, bytes.size() - 1)).ok());
}

TEST_CASE("keys of the image store lie in four tables under 7E img/") {
  CHECK(image_key(kManifest) == "\x7Eimg/m" + kManifest.bytes());
  CHECK(image_blob_key(kLayer) == "\x7Eimg/b" + kLayer.bytes());
  CHECK(image_name_key("busybox:latest") == "\x7Eimg/tbusybox:latest");
  CHECK(image_use_key(kLayer, kManifest) == "\x7Eimg/u" + kLayer.bytes() + kManifest.bytes());
  CHECK(image_table_begin('m') <= image_key(kManifest));
  CHECK(image_key(kManifest) < image_table_end('m'));
}

#include "registry/oci_manifest.h"

// The first byte chooses the document; the rest is its text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  dl::BytesView text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: {
      auto manifest = dl::registry::parse_manifest(text);
      if (manifest.ok())
        for (const auto& layer : manifest->layers)
          DL_ASSERT(dl::registry::layer_compression(layer.media_type).ok(), "a layer that cannot be unpacked");
      break;
    }
    case 1:
      (void)dl::registry::parse_index(text).ok();
      break;
    case 2:
      (void)dl::registry::parse_image_config(text).ok();
      break;
    case 3:
      (void)dl::registry::check_layout_marker(text).ok();
      break;
    case 4: {
      auto name = dl::registry::normal_name(text);
      if (name.ok()) DL_ASSERT(dl::registry::normal_name(*name).value() == *name, "a normal name stays as it is");
      break;
    }
  }
  return 0;
}

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// The JSON documents of OCI image-spec 1.1 and their Docker v2 schema 2 twins. Parsers accept any bytes and never
// recurse past kMaxJsonDepth. Errors: kInvalid (malformed), kTooLarge (a limit of limits.h), kUnsupported (well-formed,
// of a kind that is not taken).
namespace dl::registry {

struct Descriptor {
  std::string media_type;
  Sha256 digest;
  uint64_t size = 0;
  std::string os, architecture;  // platform; empty when not told
  std::string name;              // annotation with the image's name or tag; empty when not told
  bool operator==(const Descriptor&) const = default;
};
struct Index {
  std::vector<Descriptor> manifests;
};
struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};
// What of an image's config a run needs.
struct ImageConfig {
  std::string os, architecture;
  std::vector<std::string> env;  // "NAME=value"
  std::vector<std::string> entrypoint, command;
  std::string working_dir, user, stop_signal;
  bool operator==(const ImageConfig&) const = default;
};

enum class Compression { kNone, kGzip, kZstd };

// The file `oci-layout`: imageLayoutVersion 1.0.0.
Result<void> check_layout_marker(BytesView json);
Result<Index> parse_index(BytesView json);
Result<Manifest> parse_manifest(BytesView json);
Result<ImageConfig> parse_image_config(BytesView json);

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);
// kUnsupported when no layer type of ours.
Result<Compression> layer_compression(std::string_view media_type);

std::string digest_text(const Sha256& digest);           // "sha256:<hex>"
Result<Sha256> parse_digest(std::string_view text);      // kUnsupported for another algorithm
Result<std::string> normal_name(std::string_view name);  // adds ":latest"; kInvalid for a name that is none
std::string_view running_architecture();                 // as OCI spells it: "amd64", "arm64"

}  // namespace dl::registry

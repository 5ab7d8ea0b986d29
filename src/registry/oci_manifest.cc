#include "registry/oci_manifest.h"

#include <algorithm>

#include <fmt/format.h>

#include <boost/json.hpp>

#include "registry/limits.h"

namespace dl::registry {
namespace {

namespace json = boost::json;

constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";

struct LayerType {
  std::string_view media_type;
  Compression compression;
};
constexpr LayerType kLayerTypes[] = {
    {"application/vnd.oci.image.layer.v1.tar", Compression::kNone},
    {"application/vnd.oci.image.layer.v1.tar+gzip", Compression::kGzip},
    {"application/vnd.oci.image.layer.v1.tar+zstd", Compression::kZstd},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", Compression::kNone},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::kGzip},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Compression::kZstd},
    {"application/vnd.docker.image.rootfs.diff.tar", Compression::kNone},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::kGzip},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::kZstd},
};

Error malformed(std::string_view what) { return error(Code::kInvalid, fmt::format("image: {}", what)); }

// Bounded work for any input: size, depth, and no exceptions out of here.
Result<json::object> parse_object(BytesView text, std::string_view what) {
  if (text.size() > kMaxManifestBytes)
    return error(Code::kTooLarge,
                 fmt::format("image: {} has {} bytes, at most {}", what, text.size(), kMaxManifestBytes));
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code failed;
  json::value value = json::parse(text, failed, {}, options);
  if (failed) return malformed(fmt::format("{} is no JSON: {}", what, failed.message()));
  if (!value.is_object()) return malformed(fmt::format("{} is no JSON object", what));
  return std::move(value.get_object());
}

const json::object* find_object(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value ? value->if_object() : nullptr;
}

// Absent or null: empty. Any other kind: an error.
Result<std::string> get_text(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  if (!value || value->is_null()) return std::string();
  const json::string* text = value->if_string();
  if (!text) return malformed(fmt::format("{} is no string", name));
  if (text->find('\0') != json::string::npos) return malformed(fmt::format("{} has a zero byte", name));
  return std::string(text->data(), text->size());
}

Result<std::vector<std::string>> get_texts(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  std::vector<std::string> out;
  if (!value || value->is_null()) return out;
  const json::array* items = value->if_array();
  if (!items) return malformed(fmt::format("{} is no list", name));
  for (const auto& item : *items) {
    const json::string* text = item.if_string();
    if (!text || text->find('\0') != json::string::npos)
      return malformed(fmt::format("{} holds what is no text", name));
    out.emplace_back(text->data(), text->size());
  }
  return out;
}

Result<void> check_schema(const json::object& in, std::string_view what) {
  const json::value* version = in.if_contains("schemaVersion");
  const int64_t* number = version ? version->if_int64() : nullptr;
  if (!number) return malformed(fmt::format("{} has no schemaVersion", what));
  if (*number != 2)
    return error(Code::kUnsupported, fmt::format("image: {} has schemaVersion {}, wanted 2", what, *number));
  return {};
}

Result<std::string> find_annotated_name(const json::object& in) {
  const json::object* annotations = find_object(in, "annotations");
  if (!annotations) return std::string();
  DL_TRY(auto full, get_text(*annotations, "io.containerd.image.name"));
  if (!full.empty()) return full;
  return get_text(*annotations, "org.opencontainers.image.ref.name");
}

Result<Descriptor> get_descriptor(const json::value& value, std::string_view what) {
  const json::object* in = value.if_object();
  if (!in) return malformed(fmt::format("{} is no descriptor", what));
  Descriptor out;
  DL_TRY(out.media_type, get_text(*in, "mediaType"));
  DL_TRY(auto digest, get_text(*in, "digest"));
  DL_TRY(out.digest, parse_digest(digest));
  const json::value* size = in->if_contains("size");
  const int64_t* number = size ? size->if_int64() : nullptr;
  if (!number || *number < 0) return malformed(fmt::format("{} has no size", what));
  out.size = static_cast<uint64_t>(*number);
  if (const json::object* platform = find_object(*in, "platform")) {
    DL_TRY(out.os, get_text(*platform, "os"));
    DL_TRY(out.architecture, get_text(*platform, "architecture"));
  }
  DL_TRY(out.name, find_annotated_name(*in));
  return out;
}

Result<std::vector<Descriptor>> get_descriptors(const json::object& in, std::string_view name, size_t limit) {
  const json::value* value = in.if_contains(name);
  const json::array* items = value ? value->if_array() : nullptr;
  if (!items) return malformed(fmt::format("{} is missing", name));
  if (items->size() > limit)
    return error(Code::kTooLarge, fmt::format("image: {} {}, at most {}", items->size(), name, limit));
  std::vector<Descriptor> out;
  for (const auto& item : *items) {
    DL_TRY(auto descriptor, get_descriptor(item, name));
    out.push_back(std::move(descriptor));
  }
  return out;
}

}  // namespace

Result<void> check_layout_marker(BytesView text) {
  DL_TRY(auto in, parse_object(text, "oci-layout"));
  DL_TRY(auto version, get_text(in, "imageLayoutVersion"));
  if (!version.starts_with("1."))
    return error(Code::kUnsupported, fmt::format("image: layout version '{}', wanted 1.0.0", version));
  return {};
}

Result<Index> parse_index(BytesView text) {
  DL_TRY(auto in, parse_object(text, "index"));
  DL_OK(check_schema(in, "index"));
  Index out;
  DL_TRY(out.manifests, get_descriptors(in, "manifests", kMaxIndexEntries));
  return out;
}

Result<Manifest> parse_manifest(BytesView text) {
  DL_TRY(auto in, parse_object(text, "manifest"));
  DL_OK(check_schema(in, "manifest"));
  Manifest out;
  DL_TRY(out.media_type, get_text(in, "mediaType"));
  if (out.media_type.empty()) out.media_type = kOciManifest;
  if (!is_manifest_type(out.media_type))
    return error(Code::kUnsupported, fmt::format("image: a manifest of type '{}'", out.media_type));
  const json::value* config = in.if_contains("config");
  if (!config) return malformed("the manifest has no config");
  DL_TRY(out.config, get_descriptor(*config, "config"));
  if (out.config.media_type != kOciConfig && out.config.media_type != kDockerConfig)
    return error(Code::kUnsupported, fmt::format("image: '{}' is no container image", out.config.media_type),
                 "import an image that runs, not an artifact");
  if (out.config.size > kMaxManifestBytes)
    return error(Code::kTooLarge,
                 fmt::format("image: a config of {} bytes, at most {}", out.config.size, kMaxManifestBytes));
  DL_TRY(out.layers, get_descriptors(in, "layers", kMaxLayers));
  for (const auto& layer : out.layers) DL_OK(layer_compression(layer.media_type));
  return out;
}

Result<ImageConfig> parse_image_config(BytesView text) {
  DL_TRY(auto in, parse_object(text, "config"));
  ImageConfig out;
  DL_TRY(out.os, get_text(in, "os"));
  DL_TRY(out.architecture, get_text(in, "architecture"));
  const json::object* run = find_object(in, "config");
  if (!run) return out;
  DL_TRY(out.env, get_texts(*run, "Env"));
  DL_TRY(out.entrypoint, get_texts(*run, "Entrypoint"));
  DL_TRY(out.command, get_texts(*run, "Cmd"));
  DL_TRY(out.working_dir, get_text(*run, "WorkingDir"));
  DL_TRY(out.user, get_text(*run, "User"));
  DL_TRY(out.stop_signal, get_text(*run, "StopSignal"));
  return out;
}

bool is_index_type(std::string_view media_type) { return media_type == kOciIndex || media_type == kDockerList; }
bool is_manifest_type(std::string_view media_type) {
  return media_type == kOciManifest || media_type == kDockerManifest;
}

Result<Compression> layer_compression(std::string_view media_type) {
  for (const auto& type : kLayerTypes)
    if (type.media_type == media_type) return type.compression;
  return error(Code::kUnsupported, fmt::format("image: a layer of type '{}'", media_type),
               "tar, tar+gzip and tar+zstd layers are taken; encrypted ones are not");
}

std::string digest_text(const Sha256& digest) { return "sha256:" + digest.hex(); }

Result<Sha256> parse_digest(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  if (!text.starts_with(kAlgorithm))
    return error(Code::kUnsupported, fmt::format("image: digest '{}' is not sha256", text.substr(0, 80)));
  text.remove_prefix(kAlgorithm.size());
  auto digest = Sha256::from_hex(text);
  if (!digest.ok() || digest->hex() != text) return malformed("a digest is not 64 lower-case hex digits");
  return *digest;
}

Result<std::string> normal_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:").find(c) != std::string_view::npos;
  };
  size_t last = name.rfind('/');
  bool tagged = name.find(':', last == std::string_view::npos ? 0 : last) != std::string_view::npos;
  std::string whole = tagged ? std::string(name) : std::string(name) + ":latest";
  if (name.empty() || whole.size() > kMaxNameBytes || !std::ranges::all_of(name, allowed) || name.front() == '/' ||
      name.front() == ':' || name.back() == '/' || name.back() == ':')
    return error(Code::kInvalid, fmt::format("image: '{}' is no name of an image", name.substr(0, 80)),
                 "names look like busybox, tools/report:3 or registry.example/team/app:1.2");
  return whole;
}

std::string_view running_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#else
#error "name this architecture as OCI spells it"
#endif
}

}  // namespace dl::registry

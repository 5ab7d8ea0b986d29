#include <vector>

#include <fmt/format.h>

#include "registry/oci_manifest.h"

#include <doctest/doctest.h>

#include "registry/limits.h"

using namespace dl;
using namespace dl::registry;

namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string descriptor(const std::string& type) {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":7}})", type, kDigest);
}
std::string manifest_with(size_t layers, const std::string& layer_type = "application/vnd.oci.image.layer.v1.tar") {
  std::string list;
  for (size_t i = 0; i < layers; ++i) list += (i ? "," : "") + descriptor(layer_type);
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})",
                     descriptor("application/vnd.oci.image.config.v1+json"), list);
}

}  // namespace

TEST_CASE("an OCI manifest and its Docker twin are both understood") {
  auto oci = parse_manifest(manifest_with(2));
  REQUIRE(oci.ok());
  CHECK(oci->layers.size() == 2);
  CHECK(oci->media_type == "application/vnd.oci.image.manifest.v1+json");
  CHECK(oci->config.size == 7);

  auto docker = parse_manifest(fmt::format(
      R"({{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{},"layers":[{}]}})",
      descriptor("application/vnd.docker.container.image.v1+json"),
      descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip")));
  REQUIRE(docker.ok());
  CHECK(layer_compression(docker->layers[0].media_type).value() == Compression::kGzip);
}

TEST_CASE("128 layers are taken, one more is refused") {
  CHECK(parse_manifest(manifest_with(kMaxLayers)).ok());
  auto more = parse_manifest(manifest_with(kMaxLayers + 1));
  REQUIRE_FALSE(more.ok());
  CHECK(more.error().code == Code::kTooLarge);
}

TEST_CASE("a manifest of more than 4 MiB is refused before it is parsed") {
  std::string at_limit = manifest_with(1);
  at_limit.insert(1, std::string(kMaxManifestBytes - at_limit.size(), ' '));
  CHECK(parse_manifest(at_limit).ok());
  auto over = parse_manifest(at_limit + " ");
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == Code::kTooLarge);
}

TEST_CASE("malformed manifests are refused, each for its reason") {
  struct Case {
    std::string text;
    Code code;
  };
  const Case cases[] = {
      {"", Code::kInvalid},
      {"[]", Code::kInvalid},
      {"{}", Code::kInvalid},
      {R"({"schemaVersion":1,"config":{},"layers":[]})", Code::kUnsupported},
      {R"({"schemaVersion":2,"layers":[]})", Code::kInvalid},
      {std::string(100, '[') + std::string(100, ']'), Code::kInvalid},
      {manifest_with(1, "application/vnd.oci.image.layer.v1.tar+encrypted"), Code::kUnsupported},
      {fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[]}})", descriptor("application/vnd.example.artifact")),
       Code::kUnsupported},
      {R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha512:00","size":1},"layers":[]})",
       Code::kUnsupported},
      {R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:../../etc","size":1},"layers":[]})",
       Code::kInvalid},
      {fmt::format(
           R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":-1}},"layers":[]}})",
           kDigest),
       Code::kInvalid},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    auto parsed = parse_manifest(c.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == c.code);
  }
}

TEST_CASE("an image's config tells what to run") {
  auto config = parse_image_config(
      R"({"architecture":"amd64","os":"linux","config":{"Env":["A=1"],"Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/w","User":"7:8"},"rootfs":{}})");
  REQUIRE(config.ok());
  CHECK(config->env == std::vector<std::string>{"A=1"});
  CHECK(config->entrypoint == std::vector<std::string>{"/e"});
  CHECK(config->command == std::vector<std::string>{"c"});
  CHECK(config->working_dir == "/w");
  CHECK(config->user == "7:8");
  CHECK_FALSE(parse_image_config(R"({"config":{"Cmd":"sh"}})").ok());
  CHECK_FALSE(parse_image_config("{\"config\":{\"Cmd\":[\"a\\u0000b\"]}}").ok());
}

TEST_CASE("names of images get a tag, and what is no name is refused") {
  CHECK(normal_name("busybox").value() == "busybox:latest");
  CHECK(normal_name("host:5000/a/b").value() == "host:5000/a/b:latest");
  CHECK(normal_name("host:5000/a/b:3").value() == "host:5000/a/b:3");
  for (const char* bad : {"", "/a", "a/", "a:", ":a", "a b", "a\nb", "a@b", "ä"}) {
    CAPTURE(bad);
    CHECK_FALSE(normal_name(bad).ok());
  }
  // The limit is for the whole name, so that a name as it is listed is always a name.
  const std::string longest = std::string(kMaxNameBytes - 7, 'a');
  CHECK(normal_name(normal_name(longest).value()).ok());
  CHECK_FALSE(normal_name(longest + "a").ok());
  CHECK_FALSE(normal_name(longest + ":1234567").ok());
  CHECK(normal_name(longest + ":123456").ok());
}

#include <vector>

#include <fmt/format.h>

#include "registry/image_store.h"

#include <doctest/doctest.h>

#include "crypto/hash.h"
#include "registry/busybox_layout.h"
#include "registry/testing/bed.h"

using namespace dl;
using namespace dl::registry;

namespace {

std::string put_blob(storage::FileSystem& fs, const std::string& dir, const Bytes& content) {
  Sha256 digest = crypto::sha256(content);
  REQUIRE(storage::write_file_atomic(fs, dir + "/blobs/sha256/" + digest.hex(), content, 0644).ok());
  return digest_text(digest);
}

Bytes layer_with(const std::string& path, const std::string& content) {
  auto tar = ArchiveWriter::create(ArchiveWriter::Filter::kGzip);
  REQUIRE(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = path, .mode = 0644}, content).ok());
  return tar->finish().value();
}

struct Wanted {
  std::string name;
  std::vector<Bytes> layers;
  std::string architecture = std::string(running_architecture());
};

// A layout of small images; returns the digests of their manifests.
std::vector<std::string> write_layout(storage::FileSystem& fs, const std::string& dir,
                                      const std::vector<Wanted>& images) {
  REQUIRE(storage::make_dirs(fs, dir + "/blobs/sha256", 0755).ok());
  REQUIRE(storage::write_file_atomic(fs, dir + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644).ok());
  std::string entries;
  std::vector<std::string> digests;
  for (const auto& image : images) {
    std::string config = fmt::format(R"({{"architecture":"{}","os":"linux","config":{{"Cmd":["{}"]}}}})",
                                     image.architecture, image.name);
    std::string layers;
    for (const auto& layer : image.layers)
      layers +=
          fmt::format(R"({}{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{}","size":{}}})",
                      layers.empty() ? "" : ",", put_blob(fs, dir, layer), layer.size());
    std::string manifest = fmt::format(
        R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{}]}})",
        put_blob(fs, dir, config), config.size(), layers);
    digests.push_back(put_blob(fs, dir, manifest));
    entries += fmt::format(
        R"({}{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"{}"}},"annotations":{{"org.opencontainers.image.ref.name":"{}"}}}})",
        entries.empty() ? "" : ",", digests.back(), manifest.size(), image.architecture, image.name);
  }
  REQUIRE(storage::write_file_atomic(fs, dir + "/index.json",
                                     fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", entries), 0644)
              .ok());
  return digests;
}

size_t count_blob_rows(testing::ImageBed& bed) {
  size_t count = 0;
  auto view = bed.store.partition("control").snapshot().value();
  REQUIRE(view->scan(format::image_table_begin('b'), format::image_table_end('b'),
                     [&](BytesView, BytesView) -> Result<storage::Scan> {
                       ++count;
                       return storage::Scan::kContinue;
                     })
              .ok());
  return count;
}

std::string read_text(testing::ImageBed& bed, const std::string& path) {
  return storage::read_file(bed.fs, path, 1 << 20).value();
}

}  // namespace

TEST_CASE("an image is imported from a directory, found by name and digest, and unpacked") {
  testing::ImageBed bed;
  auto digests =
      write_layout(bed.fs, bed.dir / "l", {{"tools:1", {layer_with("etc/a", "low"), layer_with("etc/a", "high")}}});
  auto imported = bed.images->import(bed.dir / "l", {});
  REQUIRE(imported.ok());
  REQUIRE(imported->size() == 1);
  CHECK(imported->front().names == std::vector<std::string>{"tools:1"});
  CHECK(digest_text(imported->front().digest) == digests[0]);

  CHECK(bed.images->find("tools:1").value().digest == imported->front().digest);
  CHECK(bed.images->find(digests[0]).value().digest == imported->front().digest);
  CHECK(bed.images->find(digests[0].substr(7, 12)).value().digest == imported->front().digest);
  auto absent = bed.images->find("tools:2");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().code == Code::kNotFound);

  auto rootfs = bed.images->ensure_rootfs(imported->front().digest);
  REQUIRE(rootfs.ok());
  CHECK(read_text(bed, *rootfs + "/etc/a") == "high");
  CHECK(bed.images->get_config(imported->front().digest).value().command == std::vector<std::string>{"tools:1"});
}

TEST_CASE("an image is imported from a tar archive of a layout, and nothing is left in tmp") {
  testing::ImageBed bed;
  REQUIRE(write_busybox_layout(bed.fs, bed.dir / "l").ok());
  auto tar = ArchiveWriter::create(ArchiveWriter::Filter::kGzip);
  for (const char* name : {"oci-layout", "index.json"})
    REQUIRE(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = name, .mode = 0644},
                     read_text(bed, bed.dir / ("l/" + std::string(name))))
                .ok());
  const std::vector<std::string> blobs = bed.fs.list(bed.dir / "l/blobs/sha256").value();
  for (const auto& name : blobs)
    REQUIRE(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = "./blobs/sha256/" + name, .mode = 0644},
                     storage::read_file(bed.fs, bed.dir / ("l/blobs/sha256/" + name), 64 << 20).value())
                .ok());
  REQUIRE(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = "../escape", .mode = 0644}, "x").ok());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "image.tar.gz", tar->finish().value(), 0644).ok());

  auto imported = bed.images->import(bed.dir / "image.tar.gz", {.name = "bb:2"});
  REQUIRE(imported.ok());
  CHECK(imported->front().names == std::vector<std::string>{"bb:2"});
  CHECK(bed.fs.list(bed.dir / "tmp").value().empty());
  CHECK_FALSE(bed.fs.exists(bed.dir / "escape").value());
  auto rootfs = bed.images->ensure_rootfs(imported->front().digest);
  REQUIRE(rootfs.ok());
  CHECK(bed.fs.file_size(*rootfs + "/bin/busybox").value() == bed.fs.file_size("/bin/busybox").value());
}

TEST_CASE("parts that images share stay until the last image is removed") {
  testing::ImageBed bed;
  Bytes base = layer_with("base", "b");
  write_layout(bed.fs, bed.dir / "l", {{"one", {base}}, {"two", {base, layer_with("more", "m")}}});
  REQUIRE(bed.images->import(bed.dir / "l", {}).value().size() == 2);
  CHECK(count_blob_rows(bed) == 6);  // two manifests, two configs, two layers
  auto two = bed.images->find("two").value();
  REQUIRE(bed.images->remove("one", {}).ok());
  CHECK(count_blob_rows(bed) == 4);
  auto rootfs = bed.images->ensure_rootfs(two.digest);
  REQUIRE(rootfs.ok());
  CHECK(read_text(bed, *rootfs + "/base") == "b");
  REQUIRE(bed.images->remove(digest_text(two.digest), {}).ok());
  CHECK(count_blob_rows(bed) == 0);
  CHECK(bed.images->list().value().empty());
  CHECK_FALSE(bed.fs.exists(*rootfs).value());
  bed.clock.advance(Millis(1));
  CHECK(bed.store.reclaim().value() >= 0);
}

TEST_CASE("a name moves to the newer image; the older one stays under its digest") {
  testing::ImageBed bed;
  auto first = write_layout(bed.fs, bed.dir / "a", {{"app", {layer_with("v", "1")}}});
  auto second = write_layout(bed.fs, bed.dir / "b", {{"app", {layer_with("v", "2")}}});
  REQUIRE(bed.images->import(bed.dir / "a", {}).ok());
  REQUIRE(bed.images->import(bed.dir / "b", {}).ok());
  CHECK(digest_text(bed.images->find("app").value().digest) == second[0]);
  CHECK(bed.images->find(first[0]).value().names.empty());
}

TEST_CASE("removing one of two names keeps the image") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"app", {layer_with("v", "1")}}});
  REQUIRE(bed.images->import(bed.dir / "l", {}).ok());
  REQUIRE(bed.images->import(bed.dir / "l", {.name = "other"}).ok());
  REQUIRE(bed.images->remove("app", {}).ok());
  CHECK(bed.images->find("other").value().names == std::vector<std::string>{"other:latest"});
}

TEST_CASE("an image in use is not removed") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"app", {layer_with("v", "1")}}});
  REQUIRE(bed.images->import(bed.dir / "l", {}).ok());
  auto removed = bed.images->remove("app", [](const Sha256&) { return true; });
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().code == Code::kConflict);
  CHECK(bed.images->find("app").ok());
}

TEST_CASE("a blob that does not match its digest or size is refused and nothing is named") {
  for (bool change_size : {false, true}) {
    testing::ImageBed bed;
    Bytes layer = layer_with("v", std::string(50'000, 'v'));
    write_layout(bed.fs, bed.dir / "l", {{"app", {layer}}});
    std::string path = bed.dir / ("l/blobs/sha256/" + crypto::sha256(layer).hex());
    Bytes bad = layer;
    bad[bad.size() / 2] ^= 1;
    REQUIRE(storage::write_file_atomic(bed.fs, path, change_size ? bad + "x" : bad, 0644).ok());
    auto imported = bed.images->import(bed.dir / "l", {});
    REQUIRE_FALSE(imported.ok());
    CHECK(imported.error().code == Code::kCorrupt);
    CHECK(bed.images->list().value().empty());
    CHECK(count_blob_rows(bed) == 0);
  }
}

TEST_CASE("an image for another machine is refused by name of what there is") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"app", {layer_with("v", "1")}, "s390x"}});
  auto imported = bed.images->import(bed.dir / "l", {});
  REQUIRE_FALSE(imported.ok());
  CHECK(imported.error().code == Code::kNotFound);
  CHECK(imported.error().message.find("linux/s390x") != std::string::npos);
}

TEST_CASE("of an index the image for this machine is taken") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"app", {layer_with("v", "1")}, "s390x"}, {"app", {layer_with("v", "2")}}});
  auto imported = bed.images->import(bed.dir / "l", {});
  REQUIRE(imported.ok());
  REQUIRE(imported->size() == 1);
  CHECK(read_text(bed, bed.images->ensure_rootfs(imported->front().digest).value() + "/v") == "2");
}

TEST_CASE("what is no layout is refused with what to do") {
  testing::ImageBed bed;
  REQUIRE(bed.fs.make_dir(bed.dir / "empty", 0755).ok());
  auto imported = bed.images->import(bed.dir / "empty", {});
  REQUIRE_FALSE(imported.ok());
  CHECK(imported.error().code == Code::kInvalid);
  CHECK_FALSE(imported.error().next.empty());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "text", "no archive", 0644).ok());
  CHECK_FALSE(bed.images->import(bed.dir / "text", {}).ok());
  CHECK(bed.fs.list(bed.dir / "tmp").value().empty());
}

TEST_CASE("an image whose layer attacks the host is imported but never unpacked half") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"bad", {layer_with("good", "1"), layer_with("../../evil", "1")}}});
  auto imported = bed.images->import(bed.dir / "l", {});
  REQUIRE(imported.ok());
  CHECK_FALSE(bed.images->ensure_rootfs(imported->front().digest).ok());
  CHECK(bed.fs.list(bed.dir / "images").value().empty());
  CHECK_FALSE(bed.fs.exists(bed.dir / "evil").value());
}

TEST_CASE("a tree left half unpacked by a crash is thrown away at the start, a whole one is kept") {
  testing::ImageBed bed;
  write_layout(bed.fs, bed.dir / "l", {{"app", {layer_with("v", "1")}}});
  auto digest = bed.images->import(bed.dir / "l", {}).value().front().digest;
  auto rootfs = bed.images->ensure_rootfs(digest).value();
  REQUIRE(storage::make_dirs(bed.fs, bed.dir / ("images/.half-" + digest.hex()) + "/etc", 0755).ok());
  REQUIRE(bed.images->start().ok());
  CHECK(bed.fs.list(bed.dir / "images").value() == std::vector<std::string>{digest.hex()});
  CHECK(read_text(bed, rootfs + "/v") == "1");
}

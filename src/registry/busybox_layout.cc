#include "registry/busybox_layout.h"

#include <fmt/format.h>

#include "crypto/hash.h"
#include "registry/archive.h"
#include "registry/oci_manifest.h"

namespace dl::registry {
namespace {

constexpr std::string_view kApplets[] = {
    "sh",    "ash",     "awk",      "basename", "cat",   "chmod", "cp",    "cut",    "date",      "dd",
    "df",    "dirname", "du",       "echo",     "env",   "expr",  "false", "find",   "free",      "grep",
    "gzip",  "head",    "hostname", "id",       "kill",  "ln",    "ls",    "md5sum", "mkdir",     "mount",
    "mv",    "nc",      "printf",   "ps",       "pwd",   "rm",    "sed",   "seq",    "sha256sum", "sleep",
    "sort",  "stat",    "sync",     "tail",     "tar",   "tee",   "test",  "time",   "tr",        "true",
    "uname", "uniq",    "wc",       "wget",     "which", "xargs", "yes",   "httpd",  "ip",        "ifconfig",
};
constexpr uint64_t kMaxBusyboxBytes = 16ull << 20;

ArchiveEntry dir_entry(std::string path, uint32_t mode) {
  return {.kind = ArchiveEntry::Kind::kDir, .path = std::move(path), .mode = mode};
}

Result<Bytes> make_layer(const Bytes& busybox) {
  auto tar = ArchiveWriter::create(ArchiveWriter::Filter::kNone);
  for (const char* path : {"bin/", "etc/", "dev/", "proc/", "sys/", "in/", "out/", "root/", "var/"})
    DL_OK(tar->add(dir_entry(path, 0755), {}));
  DL_OK(tar->add(dir_entry("tmp/", 01777), {}));
  DL_OK(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = "bin/busybox", .mode = 0755}, busybox));
  for (std::string_view applet : kApplets)
    DL_OK(tar->add(
        {.kind = ArchiveEntry::Kind::kSymlink, .path = "bin/" + std::string(applet), .target = "busybox", .mode = 0777},
        {}));
  DL_OK(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = "etc/passwd", .mode = 0644},
                 "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"));
  DL_OK(tar->add({.kind = ArchiveEntry::Kind::kFile, .path = "etc/group", .mode = 0644},
                 "root:x:0:\nnogroup:x:65534:\n"));
  return tar->finish();
}

Result<std::string> put_blob(storage::FileSystem& fs, const std::string& dir, BytesView content) {
  Sha256 digest = crypto::sha256(content);
  DL_OK(storage::write_file_atomic(fs, dir + "/blobs/sha256/" + digest.hex(), content, 0644));
  return digest_text(digest);
}

}  // namespace

Result<void> write_busybox_layout(storage::FileSystem& fs, const std::string& dir, const std::string& name,
                                  const std::string& busybox) {
  DL_TRY(auto tagged, normal_name(name));
  auto program = storage::read_file(fs, busybox, kMaxBusyboxBytes);
  if (!program.ok() && program.error().code == Code::kNotFound)
    return error(Code::kNotFound, fmt::format("there is no busybox at {}", busybox), "apt install busybox-static");
  if (!program.ok()) return std::move(program).error();
  DL_TRY(auto layer, make_layer(*program));

  DL_OK(fs.make_dir(dir, 0755));
  DL_OK(storage::make_dirs(fs, dir + "/blobs/sha256", 0755));
  DL_TRY(auto layer_digest, put_blob(fs, dir, layer));
  std::string config = fmt::format(
      R"({{"architecture":"{}","os":"linux","config":{{"Env":["PATH=/bin"],"Cmd":["/bin/sh"],"WorkingDir":"/"}},)"
      R"("rootfs":{{"type":"layers","diff_ids":["{}"]}}}})",
      running_architecture(), layer_digest);
  DL_TRY(auto config_digest, put_blob(fs, dir, config));
  std::string manifest =
      fmt::format(R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                  R"("config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},)"
                  R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}})",
                  config_digest, config.size(), layer_digest, layer.size());
  DL_TRY(auto manifest_digest, put_blob(fs, dir, manifest));
  std::string index =
      fmt::format(R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
                  R"({{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},)"
                  R"("platform":{{"os":"linux","architecture":"{}"}},)"
                  R"("annotations":{{"org.opencontainers.image.ref.name":"{}"}}}}]}})",
                  manifest_digest, manifest.size(), running_architecture(), tagged);
  DL_OK(storage::write_file_atomic(fs, dir + "/index.json", index, 0644));
  return storage::write_file_atomic(fs, dir + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644);
}

}  // namespace dl::registry

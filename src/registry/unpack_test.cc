#include <algorithm>
#include <vector>

#include "registry/unpack.h"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "registry/testing/bed.h"

using namespace dl;
using namespace dl::registry;
using Kind = ArchiveEntry::Kind;

namespace {

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(BytesView data) : left_(data) {}
  Result<size_t> read(char* out, size_t size) override {
    size = std::min(size, left_.size());
    left_.copy(out, size);
    left_.remove_prefix(size);
    return size;
  }

 private:
  BytesView left_;
};

struct File {
  ArchiveEntry entry;
  std::string content;
};
File file(std::string path, std::string content = "x", uint32_t mode = 0644) {
  return {{.kind = Kind::kFile, .path = std::move(path), .mode = mode}, std::move(content)};
}
File dir(std::string path) { return {{.kind = Kind::kDir, .path = std::move(path), .mode = 0755}, ""}; }
File sym(std::string path, std::string target) {
  return {{.kind = Kind::kSymlink, .path = std::move(path), .target = std::move(target), .mode = 0777}, ""};
}
File hard(std::string path, std::string target) {
  return {{.kind = Kind::kHardLink, .path = std::move(path), .target = std::move(target), .mode = 0644}, ""};
}

Bytes tar_of(const std::vector<File>& files, ArchiveWriter::Filter filter = ArchiveWriter::Filter::kNone) {
  auto writer = ArchiveWriter::create(filter);
  for (const auto& f : files) REQUIRE(writer->add(f.entry, f.content).ok());
  return writer->finish().value();
}

// A root with a secret beside it that no layer may read or change.
struct Tree {
  testing::TempDir dir;
  std::string root = dir / "root";
  UnpackLimits limits;
  UnpackReport report;
  storage::FileSystem& fs = storage::posix_file_system();

  Tree() {
    REQUIRE(fs.make_dir(root, 0755).ok());
    REQUIRE(storage::write_file_atomic(fs, dir / "secret", "untouched", 0600).ok());
    REQUIRE(fs.make_dir(dir / "outside", 0755).ok());
  }
  Result<void> apply(const Bytes& tar) {
    MemorySource source(tar);
    auto opened = RootedDir::open(root).value();
    return apply_layer(source, opened, limits, report);
  }
  Result<void> apply(const std::vector<File>& files) { return apply(tar_of(files)); }
  std::string read(const std::string& path) {
    auto opened = RootedDir::open(root).value();
    auto in = opened.open_file(path);
    if (!in.ok()) return "<" + std::string(in.error().code == Code::kNotFound ? "absent" : "other") + ">";
    std::string out(4096, '\0');
    out.resize((*in)->read(out.data(), out.size()).value());
    return out;
  }
  void check_outside() {
    CHECK(storage::read_file(fs, dir / "secret", 100).value() == "untouched");
    CHECK(fs.list(dir / "outside").value().empty());
    CHECK(fs.list(dir.path()).value() == std::vector<std::string>{"outside", "root", "secret"});
  }
};

}  // namespace

TEST_CASE("layers of all three compressions give the same files") {
  for (auto filter : {ArchiveWriter::Filter::kNone, ArchiveWriter::Filter::kGzip, ArchiveWriter::Filter::kZstd}) {
    Tree tree;
    REQUIRE(
        tree.apply(tar_of({dir("a"), file("a/b", "hello", 04755), sym("l", "a/b"), hard("h", "a/b")}, filter)).ok());
    CHECK(tree.read("a/b") == "hello");
    CHECK(tree.read("h") == "hello");
    struct stat st;
    REQUIRE(::lstat((tree.root + "/a/b").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 04755);
    CHECK(st.st_nlink == 2);
    REQUIRE(::lstat((tree.root + "/l").c_str(), &st) == 0);
    CHECK(S_ISLNK(st.st_mode));
  }
}

TEST_CASE("owners are kept when the node is root") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: needs root");
    return;
  }
  Tree tree;
  auto f = file("f");
  f.entry.uid = 1234;
  f.entry.gid = 4321;
  REQUIRE(tree.apply({f}).ok());
  struct stat st;
  REQUIRE(::lstat((tree.root + "/f").c_str(), &st) == 0);
  CHECK(st.st_uid == 1234);
  CHECK(st.st_gid == 4321);
}

TEST_CASE("a whiteout hides what lower layers had, and nothing of its own layer") {
  Tree tree;
  REQUIRE(tree.apply({dir("d"), file("d/old"), file("d/kept"), file("gone"), dir("tree"), file("tree/x")}).ok());
  REQUIRE(tree.apply({file("d/.wh.old", ""), file(".wh.gone", ""), file("gone", "again"), file(".wh.tree", "")}).ok());
  CHECK(tree.read("d/old") == "<absent>");
  CHECK(tree.read("d/kept") == "x");
  CHECK(tree.read("gone") == "again");
  CHECK(tree.read("tree/x") == "<absent>");
}

TEST_CASE("an opaque directory shows its own layer only, in whatever order it is told") {
  for (bool marker_first : {true, false}) {
    Tree tree;
    REQUIRE(tree.apply({dir("d"), file("d/old"), dir("d/sub"), file("d/sub/old")}).ok());
    std::vector<File> layer{file("d/new", "n"), file("d/sub/new", "n")};
    layer.insert(marker_first ? layer.begin() : layer.end(), file("d/.wh..wh..opq", ""));
    REQUIRE(tree.apply(layer).ok());
    CHECK(tree.read("d/old") == "<absent>");
    CHECK(tree.read("d/sub/old") == "<absent>");
    CHECK(tree.read("d/new") == "n");
    CHECK(tree.read("d/sub/new") == "n");
  }
}

TEST_CASE("a layer that climbs out of the root is refused and nothing outside changes") {
  const std::vector<std::vector<File>> attacks = {
      {file("../secret", "pwned")}, {file("a/../../secret", "pwned")},
      {hard("copy", "../secret")},  {dir("a"), hard("a/copy", "a/../../secret")},
      {hard("copy", "not-there")},  {file(".wh...", "")},
      {file("a/.wh..", "")},        {sym("../outside/l", "x")},
  };
  for (const auto& attack : attacks) {
    Tree tree;
    CAPTURE(attack.back().entry.path);
    auto applied = tree.apply(attack);
    CHECK_FALSE(applied.ok());
    tree.check_outside();
  }
}

TEST_CASE("links that point out of the root lead to places inside it") {
  Tree tree;
  // Absolute, and relative with more ".." than there are directories: both mean the root's own.
  REQUIRE(tree.apply({sym("abs", tree.dir.path()), sym("rel", "../../../../.."), dir("outside")}).ok());
  (void)tree.apply({file("abs/secret", "pwned"), file("abs/outside/new", "pwned")}).ok();
  (void)tree.apply({file("rel/secret", "inside")}).ok();
  (void)tree.apply({file("rel/tmp/x/y", "inside")}).ok();
  (void)tree.apply({hard("rel/copy", "abs/secret")}).ok();
  tree.check_outside();
  CHECK(tree.read("secret") == "inside");
}

TEST_CASE("a file over a link replaces the link, not what it points to") {
  Tree tree;
  REQUIRE(tree.apply({sym("l", tree.dir / "secret"), file("l", "mine")}).ok());
  tree.check_outside();
  CHECK(tree.read("l") == "mine");
}

TEST_CASE("a directory over a link to a directory does not go through it") {
  Tree tree;
  REQUIRE(tree.apply({sym("d", tree.dir / "outside")}).ok());
  REQUIRE(tree.apply({dir("d"), file("d/f", "mine")}).ok());
  tree.check_outside();
  CHECK(tree.read("d/f") == "mine");
}

TEST_CASE("a whiteout of a link removes the link only") {
  Tree tree;
  REQUIRE(tree.apply({dir("real"), file("real/f"), sym("l", "real")}).ok());
  REQUIRE(tree.apply({file(".wh.l", "")}).ok());
  CHECK(tree.read("real/f") == "x");
  CHECK(tree.read("l") == "<absent>");
}

TEST_CASE("device nodes are left out and counted") {
  Tree tree;
  REQUIRE(tree.apply({{{.kind = Kind::kDevice, .path = "dev/mem", .mode = 0666}, ""}, file("ok")}).ok());
  CHECK(tree.report.devices_left_out == 1);
  CHECK(tree.read("ok") == "x");
  CHECK(tree.read("dev/mem") == "<absent>");
}

TEST_CASE("size and number of files are bounded over all layers") {
  Tree tree;
  tree.limits = {.max_bytes = 10, .max_entries = 3};
  REQUIRE(tree.apply({file("a", "12345"), file("b", "12345")}).ok());
  auto more = tree.apply({file("c", "1")});
  REQUIRE_FALSE(more.ok());
  CHECK(more.error().code == Code::kTooLarge);

  Tree many;
  many.limits = {.max_bytes = 100, .max_entries = 3};
  REQUIRE(many.apply({file("a"), file("b"), file("c")}).ok());
  auto fourth = many.apply({file("d")});
  REQUIRE_FALSE(fourth.ok());
  CHECK(fourth.error().code == Code::kTooLarge);
}

TEST_CASE("a broken archive is an error, wherever it is cut") {
  Bytes whole =
      tar_of({file("a", std::string(3000, 'x')), file("b", std::string(3000, 'y'))}, ArchiveWriter::Filter::kGzip);
  for (size_t cut : {size_t{10}, whole.size() / 2, whole.size() - 12}) {
    Tree tree;
    CAPTURE(cut);
    CHECK_FALSE(tree.apply(whole.substr(0, cut)).ok());
  }
  Tree tree;
  CHECK_FALSE(tree.apply(Bytes("this is no archive at all, just text")).ok());
}

TEST_CASE("a tree is removed without following its links, however deep it is") {
  testing::TempDir dir;
  auto& fs = storage::posix_file_system();
  REQUIRE(storage::write_file_atomic(fs, dir / "secret", "untouched", 0600).ok());
  REQUIRE(fs.make_dir(dir / "top", 0755).ok());
  auto root = RootedDir::open(dir / "top").value();
  REQUIRE(root.make_symlink("l", dir.path(), {}).ok());
  std::string path;
  for (int i = 0; i < 400; ++i) path += "dddd/";
  REQUIRE(root.make_dir(path, {.mode = 0755}).ok());
  REQUIRE(remove_tree_no_follow(dir / "top").ok());
  CHECK(fs.list(dir.path()).value() == std::vector<std::string>{"secret"});
  CHECK(remove_tree_no_follow(dir / "absent").ok());
}

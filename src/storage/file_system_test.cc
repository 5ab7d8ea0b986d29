// The operating system's files and the disk in memory, held to the same promises.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/random.h"
#include "storage/file_system.h"
#include "storage/sim/sim_disk.h"

namespace dl::storage {
namespace {

void on_each(const std::function<void(FileSystem&, const std::string&)>& test) {
  SimDisk disk(1);
  REQUIRE(disk.make_dir("/tmp", 0700).ok());
  for (FileSystem* fs : {static_cast<FileSystem*>(&disk), &posix_file_system()}) {
    CAPTURE(fs == &disk);
    std::string dir = "/tmp/dl-test-files-" + std::to_string(system_random().u64());
    REQUIRE(fs->make_dir(dir, 0700).ok());
    test(*fs, dir);
    CHECK(remove_tree(*fs, dir).ok());
    CHECK(!fs->exists(dir).value());
  }
}

}  // namespace

TEST_CASE("a file holds what was written, wherever it was written") {
  on_each([](FileSystem& fs, const std::string& dir) {
    auto file = fs.open_write(dir + "/f", OpenMode::kCreateNew, 0600).value();
    REQUIRE(file->append("hello ").ok());
    REQUIRE(file->append("world").ok());
    REQUIRE(file->write_at(15, "far").ok());
    REQUIRE(file->write_at(0, "J").ok());
    REQUIRE(file->sync().ok());
    CHECK(read_file(fs, dir + "/f", 100).value() == std::string("Jello world\0\0\0\0far", 18));
    REQUIRE(file->append("!").ok());
    REQUIRE(file->reserve(0, 1 << 20).ok());
    CHECK(file->size().value() == 19);
    REQUIRE(file->punch(1, 4).ok());
    REQUIRE(file->truncate(11).ok());
    CHECK(read_file(fs, dir + "/f", 100).value() == std::string("J\0\0\0\0 world", 11));
    auto over = read_file(fs, dir + "/f", 10);
    REQUIRE(!over.ok());
    CHECK(over.error().code == Code::kTooLarge);
    char out[8];
    CHECK(fs.open_read(dir + "/f").value()->read_at(9, out, 8).value() == 2);
  });
}

TEST_CASE("names: made, listed, renamed over, removed, and a missing one says so") {
  on_each([](FileSystem& fs, const std::string& dir) {
    REQUIRE(make_dirs(fs, dir + "/a/b/c", 0700).ok());
    REQUIRE(make_dirs(fs, dir + "/a/b/c", 0700).ok());
    CHECK(fs.is_dir(dir + "/a/b/c").value());
    auto again = fs.make_dir(dir + "/a", 0700);
    REQUIRE(!again.ok());
    CHECK(again.error().code == Code::kExists);
    REQUIRE(write_file_atomic(fs, dir + "/x", "one", 0600).ok());
    REQUIRE(write_file_atomic(fs, dir + "/y", "two", 0600).ok());
    CHECK(fs.list(dir).value() == std::vector<std::string>{"a", "x", "y"});
    REQUIRE(fs.rename(dir + "/x", dir + "/y").ok());
    CHECK(read_file(fs, dir + "/y", 10).value() == "one");
    CHECK(fs.list(dir).value() == std::vector<std::string>{"a", "y"});
    for (auto failed : {fs.open_read(dir + "/x").ok(), fs.open_write(dir + "/x", OpenMode::kExisting, 0600).ok(),
                        fs.open_write(dir + "/y", OpenMode::kCreateNew, 0600).ok(), fs.remove(dir + "/x").ok(),
                        fs.remove_dir(dir + "/a").ok(), fs.list(dir + "/none").ok()})
      CHECK(!failed);
    CHECK(fs.open_read(dir + "/x").error().code == Code::kNotFound);
    CHECK(fs.open_write(dir + "/y", OpenMode::kCreateNew, 0600).error().code == Code::kExists);
  });
}

TEST_CASE("a lock is held once, and free again when its holder is gone") {
  on_each([](FileSystem& fs, const std::string& dir) {
    auto lock = fs.lock(dir + "/LOCK");
    REQUIRE(lock.ok());
    auto second = fs.lock(dir + "/LOCK");
    REQUIRE(!second.ok());
    CHECK(second.error().code == Code::kConflict);
    lock.value().reset();
    CHECK(fs.lock(dir + "/LOCK").ok());
  });
}

TEST_CASE("the disk in memory forgets after a power cut what was not synced, and keeps what was") {
  bool lost_data = false, kept_data = false, lost_name = false, kept_name = false, torn = false;
  for (uint64_t seed = 0; seed < 60; seed++) {
    SimDisk disk(seed);
    auto file = disk.open_write("/kept", OpenMode::kCreateNew, 0600).value();
    REQUIRE(file->append("synced").ok());
    REQUIRE(file->sync().ok());
    REQUIRE(disk.sync_dir("/").ok());
    REQUIRE(file->append(std::string(2000, 'x')).ok());
    auto other = disk.open_write("/other", OpenMode::kCreateNew, 0600).value();
    REQUIRE(other->append("o").ok());
    REQUIRE(other->sync().ok());
    disk.cut_after(1);
    CHECK(!file->sync().ok());
    CHECK(!disk.open_read("/kept").ok());
    file.reset(), other.reset();
    disk.crash();
    Bytes content = read_file(disk, "/kept", 10'000).value();
    CHECK(content.starts_with("synced"));
    lost_data |= content.size() == 6;
    kept_data |= content == "synced" + std::string(2000, 'x');
    torn |= content.size() > 6 && content != "synced" + std::string(2000, 'x');
    bool there = disk.exists("/other").value();
    if (there) CHECK(read_file(disk, "/other", 10).value() == "o");
    (there ? kept_name : lost_name) = true;
  }
  CHECK(lost_data);
  CHECK(kept_data);
  CHECK(torn);
  CHECK(lost_name);
  CHECK(kept_name);
}

TEST_CASE("what a failed sync left behind is read, but no later sync makes it durable") {
  SimDisk disk(1);
  REQUIRE(disk.make_dir("/d", 0700).ok());
  REQUIRE(disk.sync_dir("/").ok());
  auto file = disk.open_write("/d/f", OpenMode::kCreateNew, 0600).value();
  REQUIRE(disk.sync_dir("/d").ok());
  REQUIRE(file->append("kept").ok());
  REQUIRE(file->sync().ok());
  REQUIRE(file->append("-lost-").ok());
  disk.fail_nth(1, EIO);
  auto failed = file->sync();
  REQUIRE(!failed.ok());
  CHECK(failed.error().code == Code::kIo);
  CHECK(failed.error().message == "/d/f: Input/output error (injected)");
  CHECK(disk.last_hit() == "sync /d/f");
  REQUIRE(file->write_at(8, "AGAIN").ok());  // dirty once more
  REQUIRE(file->sync().ok());
  CHECK(read_file(disk, "/d/f", 100).value() == "kept-losAGAIN");
  file.reset();
  disk.crash();
  CHECK(disk.content("/d/f") == Bytes("kept\0\0\0\0AGAIN", 13));
}

TEST_CASE("an errno hits the nth of the calls that can be answered with it") {
  SimDisk disk(1);
  disk.fail_nth(2, EMFILE);
  REQUIRE(disk.make_dir("/d", 0700).ok());  // opens nothing
  auto file = disk.open_write("/d/f", OpenMode::kCreateNew, 0600).value();
  CHECK(file->append("x").ok());
  CHECK(disk.open_read("/d/f").error().code == Code::kIo);
  CHECK(disk.open_read("/d/f").ok());
  disk.fail_nth(1, EDQUOT);
  CHECK(disk.remove("/d/f").ok());
  CHECK(disk.sync_dir("/d").error().code == Code::kNoSpace);
}

}  // namespace dl::storage

#include "node/admin_key_file.h"

#include <doctest/doctest.h>

#include "registry/testing/bed.h"

namespace dl::node {

using registry::testing::TempDir;

TEST_CASE("the file of the first key is prepared, written with mode 0600, and gone when no key came") {
  auto& fs = storage::posix_file_system();
  TempDir place;
  const std::string path = place / "admin.key";
  {
    auto file = AdminKeyFile::prepare(fs, path);
    REQUIRE(file.ok());
    CHECK(fs.exists(path + ".tmp").value());
    CHECK_FALSE(fs.exists(path).value());
  }
  CHECK_FALSE(fs.exists(path + ".tmp").value());
  auto file = AdminKeyFile::prepare(fs, path);
  REQUIRE(file.ok());
  REQUIRE((*file)->write("DLKEXAMPLE", "secret").ok());
  CHECK(storage::read_file(fs, path, 4096).value() ==
        "[default]\naws_access_key_id = DLKEXAMPLE\naws_secret_access_key = secret\n");
  file->reset();
  CHECK(fs.exists(path).value());
  CHECK_FALSE(fs.exists(path + ".tmp").value());
}

TEST_CASE("a file that cannot be written after the key was made says how to go on") {
  auto& fs = storage::posix_file_system();
  TempDir place;
  const std::string path = place / "admin.key";
  auto file = AdminKeyFile::prepare(fs, path);
  REQUIRE(file.ok());
  REQUIRE(fs.make_dir(path, 0700).ok());  // something took its place meanwhile
  auto done = (*file)->write("DLKEXAMPLE", "secret");
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().message.find("DLKEXAMPLE was made") != std::string::npos);
  CHECK(done.error().next.find("demilune key create admin --file FILE") != std::string::npos);
  CHECK(done.error().next.find("demilune key delete DLKEXAMPLE") != std::string::npos);
  file->reset();
  CHECK_FALSE(fs.exists(path + ".tmp").value());
  CHECK_FALSE(AdminKeyFile::prepare(fs, path).ok());  // a directory
}

}  // namespace dl::node

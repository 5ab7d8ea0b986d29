#include <doctest/doctest.h>

#include "base/random.h"
#include "storage/change_stamps.h"
#include "storage/file_system.h"
#include "storage/no_wait.h"

using dl::Bytes;
using dl::BytesView;
using namespace dl::storage;

namespace {

Overlay rows_of(std::initializer_list<BytesView> keys) {
  Overlay rows;
  for (BytesView key : keys) rows.put(key, "v");
  return rows;
}

Bytes object_row(char type, BytesView key, BytesView rest = {}) {
  return Bytes(1, type) + Bytes(key) + Bytes("\0\1", 2) + Bytes(rest);
}

}  // namespace

TEST_CASE("all rows of one object key share a stamp, which moves with each write") {
  ChangeStamps stamps;
  const Bytes one = object_row(1, "object");
  auto before = stamps.read(one);
  REQUIRE(before);
  auto rows = rows_of({object_row(3, "object", "version"), object_row(2, "object")});
  stamps.begin(rows);
  CHECK(!stamps.read(one));
  CHECK(!stamps.read(object_row(18, "object")));
  stamps.end(rows);
  auto after = stamps.read(one);
  REQUIRE(after);
  CHECK(*after != *before);
  CHECK(stamps.read(object_row(3, "object", "another")) == after);
  stamps.move_all();
  CHECK(stamps.read(one) != after);
}

TEST_CASE("an erased range moves every stamp") {
  ChangeStamps stamps;
  auto before = stamps.read("anything");
  Overlay rows;
  rows.erase_range("a", "b");
  stamps.begin(rows);
  CHECK(!stamps.read("anything"));
  stamps.end(rows);
  CHECK(stamps.read("anything") != before);
}

TEST_CASE("keys of every length have a stamp") {
  ChangeStamps stamps;
  for (BytesView key : {BytesView(""), BytesView("a"), BytesView("\0\1", 2), BytesView("a\0", 2)})
    CHECK(stamps.read(key).has_value());
}

TEST_CASE("under NoWait nothing is opened, and what is in memory is read") {
  auto& fs = posix_file_system();
  const std::string path = "/tmp/dl-test-no-wait-" + std::to_string(dl::system_random().u64());
  REQUIRE(write_file_atomic(fs, path, "content", 0600).ok());
  auto file = fs.open_read(path);
  REQUIRE(file.ok());
  char out[7];
  REQUIRE((*file)->read_at(0, out, 7).ok());  // it is in memory now
  {
    NoWait no_wait;
    CHECK(NoWait::wanted());
    CHECK(!fs.open_read(path).ok());
    CHECK(no_wait.refused());
    NoWait inner;
    auto read = (*file)->read_at(0, out, 7);
    // A file system may say that it cannot tell (tmpfs of old kernels): then it is refused, never wrong.
    CHECK(read.ok() != inner.refused());
    if (read.ok()) CHECK(BytesView(out, 7) == "content");
  }
  CHECK(!NoWait::wanted());
  CHECK(fs.open_read(path).ok());
  CHECK(fs.remove(path).ok());
}

// Golden bytes of everything that the storage room writes: a change here is a change of the format on disk.
#include <doctest/doctest.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "storage/blob_rows.h"
#include "storage/local/cipher_file.h"
#include "storage/local/segments.h"
#include "storage/local/slab.h"
#include "storage/local/watermark.h"
#include "storage/sim/sim_disk.h"

namespace dl::storage {
namespace {

BlobId some_blob(uint8_t first) {
  BlobId id;
  for (size_t i = 0; i < BlobId::kSize; i++) id.b[i] = static_cast<uint8_t>(first + i);
  return id;
}

}  // namespace

TEST_CASE("golden: blob rows 0B, 0C, 0D") {
  BlobId small = some_blob(0x10), large = some_blob(0x90);
  CHECK(home_of(small) == BlobHome::kInline);
  CHECK(home_of(large) == BlobHome::kSegment);
  CHECK(to_hex(blob_key(small)) == "0b101112131415161718191a1b1c1d1e1f");
  CHECK(to_hex(owner_key(small, "own")) == "0c101112131415161718191a1b1c1d1e1f6f776e");
  CHECK(to_hex(due_key(WallTime(Millis(0x0102030405060708)), small)) ==
        "0d0102030405060708101112131415161718191a1b1c1d1e1f");
  CHECK(to_hex(encode_place(InlineBody{"body"})) == "01626f6479");
  SegmentPlace at{7, 4096, 65537, Bytes(kWrappedKeyBytes, '\x5a')};
  std::string golden = "02000000000000000700000000000010000000000000010001" + to_hex(at.wrapped_key);
  CHECK(to_hex(encode_place(at)) == golden);
  CHECK((std::get<SegmentPlace>(decode_place(large, encode_place(at)).value()) == at));
  CHECK((std::get<InlineBody>(decode_place(small, encode_place(InlineBody{"body"})).value()) == InlineBody{"body"}));
}

TEST_CASE("a damaged blob row is told, never guessed") {
  BlobId small = some_blob(0x10), large = some_blob(0x90);
  Bytes good = encode_place(SegmentPlace{7, 4096, 65537, Bytes(kWrappedKeyBytes, 'k')});
  for (const auto& [blob, row] : std::vector<std::pair<BlobId, Bytes>>{
           {small, ""},
           {small, "\x03x"},
           {small, good},
           {large, "\x01x"},
           {large, good.substr(0, 30)},
           {large, encode_place(SegmentPlace{7, 4096, kMaxBlobBytes + 1, Bytes(kWrappedKeyBytes, 'k')})}}) {
    auto decoded = decode_place(blob, row);
    REQUIRE(!decoded.ok());
    CHECK(decoded.error().code == Code::kCorrupt);
  }
}

TEST_CASE("golden: the header of an encrypted file") {
  Bytes nonce = *from_hex("000102030405060708090a0b0c0d0e0f");
  Bytes header = make_cipher_header(nonce);
  CHECK(header.size() == kCipherHeaderBytes);
  CHECK(to_hex(header.substr(0, 28)) ==
        "444d4c4e4b563031000102030405060708090a0b0c0d0e0f" + to_hex(header.substr(24, 4)));
  CHECK(get_be32(BytesView(header).substr(24)) == crypto::crc32c(BytesView(header).substr(0, 24)));
  CHECK(*read_cipher_header(header) == nonce);
  for (size_t i = 0; i < header.size(); i++) {
    Bytes bad = header;
    bad[i] ^= 1;
    CHECK(!read_cipher_header(bad));
  }
}

TEST_CASE("an encrypted file without a whole header is empty if nothing stands behind it, else damaged") {
  SimDisk disk(1);
  Bytes key(32, 'k');
  SeededRandom random(1);
  {
    auto file = CipherWriteFile::create(disk, "/f", key, random).value();
    CHECK(CipherReadFile::open(disk, "/f", key).value()->size().value() == 0);
    REQUIRE(file->append("hello ").ok());
    REQUIRE(file->append("world").ok());
    REQUIRE(file->sync().ok());
  }
  CHECK(read_cipher_file(disk, "/f", key, 100).value() == "hello world");
  Bytes raw = disk.content("/f");
  CHECK(raw.find("world") == Bytes::npos);
  disk.set_content("/f", Bytes(raw.size(), '\0'));
  CHECK(read_cipher_file(disk, "/f", key, 100).value().empty());
  disk.set_content("/f", raw.substr(0, 20));
  CHECK(read_cipher_file(disk, "/f", key, 100).value().empty());
  raw[3] ^= 1;
  disk.set_content("/f", raw);
  auto damaged = CipherReadFile::open(disk, "/f", key);
  REQUIRE(!damaged.ok());
  CHECK(damaged.error().code == Code::kCorrupt);
}

TEST_CASE("golden: a slot of the watermark") {
  Mark mark{
      0x0102, Sha256::of(Bytes(32, 'h')), {{5, 600, Sha256::of(Bytes(32, 'm'))}, {6, 70, Sha256::of(Bytes(32, 'n'))}}};
  Bytes slot = encode_mark(mark, 9);
  CHECK(slot.size() == kMarkBytes);
  CHECK(to_hex(slot.substr(0, 24)) == "444d4c4e574d303100000000000000090000000000000102");
  CHECK(slot.substr(24, 32) == Bytes(32, 'h'));
  CHECK(to_hex(slot.substr(56, 16)) == "00000000000000050000000000000258");
  CHECK(slot.substr(72, 32) == Bytes(32, 'm'));
  CHECK(to_hex(slot.substr(104, 16)) == "00000000000000060000000000000046");
  CHECK(slot.substr(120, 32) == Bytes(32, 'n'));
  CHECK(slot.substr(152, 356) == Bytes(356, '\0'));
  CHECK(get_be32(BytesView(slot).substr(508)) == crypto::crc32c(BytesView(slot).substr(0, 508)));
  auto back = decode_mark(slot);
  REQUIRE(back);
  CHECK((back->first == mark));
  CHECK(back->second == 9);
}

TEST_CASE("a torn slot of the watermark leaves the one before") {
  SimDisk disk(1);
  REQUIRE(disk.make_dir("/d", 0700).ok());
  auto watermark = Watermark::open(disk, "/d/w", {}).value();
  watermark->committed(1, Sha256::of(Bytes(32, '1')));
  REQUIRE(watermark->flush().ok());
  watermark->committed(2, Sha256::of(Bytes(32, '2')));
  REQUIRE(watermark->flush().ok());
  CHECK(watermark->safe_sequence() == 1);
  CHECK(Watermark::load(disk, "/d/w").value()->sequence == 2);
  Bytes both = disk.content("/d/w");
  size_t newer = decode_mark(BytesView(both).substr(0, kMarkBytes))->first.sequence == 2 ? 0 : 1;
  both[newer * kMarkBytes + 20] ^= 1;
  disk.set_content("/d/w", both);
  CHECK(Watermark::load(disk, "/d/w").value()->sequence == 1);
  both[(1 - newer) * kMarkBytes + 20] ^= 1;
  disk.set_content("/d/w", both);
  CHECK(!Watermark::load(disk, "/d/w").value());
}

TEST_CASE("a slab opens only as what it is: its blob's key, its place, the last or not") {
  uint64_t plain = 2 * kSlabBytes + 5;
  CHECK(slab_count(plain) == 3);
  CHECK(sealed_bytes(plain) == plain + 3 * 16);
  SlabCipher cipher(Bytes(32, 'k'), plain);
  Bytes slab(kSlabBytes, 's'), sealed(kSealedSlabBytes, '\0'), out(kSlabBytes, '\0');
  cipher.seal(1, slab, sealed.data());
  REQUIRE(cipher.open(1, sealed.data(), sealed.size(), out.data()).ok());
  CHECK((out == slab));
  CHECK(!cipher.open(0, sealed.data(), sealed.size(), out.data()).ok());
  CHECK(!cipher.open(1, sealed.data(), sealed.size() - 1, out.data()).ok());
  CHECK(!SlabCipher(Bytes(32, 'l'), plain).open(1, sealed.data(), sealed.size(), out.data()).ok());
  // The same slab as the last of a body that was cut short.
  CHECK(!SlabCipher(Bytes(32, 'k'), 2 * kSlabBytes).open(1, sealed.data(), sealed.size(), out.data()).ok());
}

TEST_CASE("a blob's key opens only for this blob at this place") {
  BlobId blob = some_blob(0x90);
  SegmentPlace at{1, 4096, 70'000, {}};
  Bytes body_key(32, 'b'), key(32, 'k');
  at.wrapped_key = wrap_key(body_key, Bytes(12, 'n'), blob, at, key);
  CHECK(unwrap_key(body_key, blob, at).value() == key);
  SegmentPlace moved = at;
  moved.offset = 8192;
  CHECK(!unwrap_key(body_key, blob, moved).ok());
  CHECK(!unwrap_key(body_key, some_blob(0x91), at).ok());
  CHECK(!unwrap_key(Bytes(32, 'c'), blob, at).ok());
}

}  // namespace dl::storage

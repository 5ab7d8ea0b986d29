#include "format/upload.h"

#include <doctest/doctest.h>

#include "base/hex.h"
#include "base/testing/golden.h"

using namespace dl;
using namespace dl::format;

namespace {

Upload sample_upload() {
  Upload u;
  u.principal = "user/alice";
  u.created_millis = 1'700'000'000'123;
  u.headers = {{"content-type", "text/plain"}};
  u.user_metadata = {{"mtime", "12"}};
  u.checksum = ChecksumKind::kCrc32;
  u.composite = true;
  return u;
}

UploadPart sample_part() {
  UploadPart p;
  p.size = 5'242'880;
  for (int i = 0; i < 16; ++i) p.md5.push_back(static_cast<char>(i));
  for (int i = 0; i < 32; ++i) p.sha256.b[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
  p.checksum = Checksum{ChecksumKind::kCrc32, Bytes("\x0d\x4a\x11\x85", 4)};
  p.modified_millis = 1'700'000'000'123;
  p.pieces = {{BlobId::of("blob-id-16-bytes"), 7, 5'242'880}};
  return p;
}

const BucketId kBucket = BucketId::of("bucket-bucket-16");
const UploadId kUpload = UploadId::of("upload-id-16-byt");

}  // namespace

TEST_CASE("the rows of an upload have the bytes that were decided") {
  CHECK(to_hex(encode_upload(sample_upload())) == to_hex(testing::golden("row_upload")));
  CHECK(decode_upload(testing::golden("row_upload")).value() == sample_upload());
  CHECK(to_hex(encode_upload_part(sample_part())) == to_hex(testing::golden("row_upload_part")));
  CHECK(decode_upload_part(testing::golden("row_upload_part")).value() == sample_part());
}

TEST_CASE("the keys of an upload have the bytes that were decided") {
  const Bytes key("a\0b", 3);
  CHECK(to_hex(upload_key(kBucket, key, kUpload)) == to_hex(testing::golden("key_upload")));
  auto name = parse_upload_key(testing::golden("key_upload")).value();
  CHECK(name.key == key);
  CHECK(name.upload == kUpload);
  CHECK(to_hex(upload_part_key(kBucket, kUpload, 258)) == to_hex(testing::golden("key_upload_part")));
  CHECK(part_number_of(testing::golden("key_upload_part")) == 258);
}

TEST_CASE("an upload row of a newer format, cut or of another kind is refused") {
  Bytes newer = encode_upload(sample_upload());
  newer[1] = 2;
  CHECK(decode_upload(newer).error().code == Code::kUnsupported);
  CHECK(decode_upload("").error().code == Code::kCorrupt);
  const Bytes part = encode_upload_part(sample_part());
  CHECK(decode_upload_part(part.substr(0, part.size() - 3)).error().code == Code::kCorrupt);
  CHECK(parse_upload_key("\x09"
                         "short")
            .error()
            .code == Code::kCorrupt);
  CHECK(parse_upload_key(testing::golden("key_upload_part")).error().code == Code::kCorrupt);
}

TEST_CASE("uploads are ordered by key, also where keys hold zero bytes") {
  const Bytes a = upload_key(kBucket, "a", kUpload), a0 = upload_key(kBucket, Bytes("a\0", 2), kUpload),
              ab = upload_key(kBucket, "ab", kUpload);
  CHECK(a < a0);
  CHECK(a0 < ab);
  CHECK(uploads_begin(kBucket, "a") <= a);
  CHECK(uploads_begin(kBucket, "ab") > a0);
  CHECK(ab < uploads_end(kBucket));
}

TEST_CASE("an upload's id tells when it was begun") {
  Bytes id = from_hex("0123456789ab").value() + Bytes(10, 'r');
  CHECK(format::begun_at(UploadId::of(id)) == WallTime(Millis(0x0123456789ab)));
}

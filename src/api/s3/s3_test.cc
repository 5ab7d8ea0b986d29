#include <doctest/doctest.h>

#include "api/s3/documents.h"
#include "api/s3/errors.h"
#include "api/s3/limits.h"
#include "api/s3/testing/world.h"
#include "api/s3/text.h"
#include "api/s3/xml_reader.h"
#include "api/s3/xml_writer.h"
#include "base/task.h"
#include "net/runtime.h"
#include "objects/objects.h"

using namespace dl;
using namespace dl::api::s3;
using dl::api::s3::testing::Ask;
using dl::api::s3::testing::Headers;
using dl::api::s3::testing::World;

namespace {

Task<void> collect(World* world, std::vector<objects::Objects::ConflictRow>* rows) {
  DL_CO_TRY(*rows,
            co_await world->objects().list_conflicts(world->permit("s3:ListBucketVersions", "data", {}), {}, 10));
  co_return Result<void>();
}

Task<void> settle(World* world, VersionId keep) {
  DL_CO_TRY(auto put, co_await world->objects().resolve(world->permit("s3:PutObject", "data", "k"), {false, keep}));
  CHECK(put.size == 4);
  co_return Result<void>();
}

}  // namespace

TEST_CASE("a refused write reads nothing of its body, so that Expect: 100-continue is answered first") {
  World world;
  world.make_bucket("data");
  auto answer = world.ask({.method = "PUT", .target = "/data/k", .body = Bytes(100'000, 'x'), .user = "reader"});
  CHECK(answer.status == 403);
  CHECK(answer.body_read == 0);
  answer = world.ask(
      {.method = "PUT", .target = "/data/k", .headers = {{"if-match", "\"absent\""}}, .body = Bytes(100'000, 'x')});
  CHECK(answer.status == 404);
  CHECK(answer.body_read == 0);
}

TEST_CASE("a body with a wrong hash leaves no object and no bytes behind") {
  World world;
  world.make_bucket("data");
  const size_t before = world.blob_count();
  Ask ask{.method = "PUT", .target = "/data/k", .headers = {{"x-amz-checksum-crc32", "AAAAAA=="}}};
  ask.body = Bytes(200'000, 'x');
  CHECK(world.ask(ask).code() == "BadDigest");
  CHECK(world.ask({.target = "/data/k"}).status == 404);
  CHECK(world.blob_count() == before);
}

TEST_CASE("a body that is not there is damage, not an object that never was") {
  World world;
  world.make_bucket("data");
  for (const char* key : {"small", "large"})
    REQUIRE(
        world
            .ask(
                {.method = "PUT", .target = std::string("/data/") + key, .body = Bytes(*key == 's' ? 10 : 50'000, 'x')})
            .status == 200);
  world.lose_bodies();
  for (const char* key : {"small", "large"}) {
    CAPTURE(key);
    auto answer = world.ask({.target = std::string("/data/") + key});
    CHECK(answer.status == 500);
    CHECK(answer.code() == "DataDamaged");
    // A copy that has to read them says the same.
    answer = world.ask(
        {.method = "PUT",
         .target = "/data/copy",
         .headers = {{"x-amz-copy-source", std::string("data/") + key}, {"x-amz-checksum-algorithm", "SHA1"}}});
    CHECK(answer.code() == "DataDamaged");
  }
  REQUIRE(world.damaged().size() == 4);
  CHECK(world.damaged().front().key == "small");
  CHECK(world.damaged().front().bucket == "data");
  CHECK(world.ask({.target = "/data/never"}).status == 404);
}

TEST_CASE("bodies of overwritten, deleted and completed objects are given back") {
  World world;
  world.make_bucket("data");
  for (int i = 0; i < 3; ++i) world.ask({.method = "PUT", .target = "/data/k", .body = Bytes(50'000, 'x')});
  CHECK(world.blob_count() == 1);
  world.ask({.method = "PUT", .target = "/data/c", .headers = {{"x-amz-copy-source", "data/k"}}});
  CHECK(world.blob_count() == 1);
  world.ask({.method = "DELETE", .target = "/data/k"});
  CHECK(world.blob_count() == 1);
  world.ask({.method = "DELETE", .target = "/data/c"});
  CHECK(world.blob_count() == 0);
  const auto upload = world.ask({.method = "POST", .target = "/data/m?uploads"}).tag("UploadId");
  const std::string part = "/data/m?uploadId=" + upload + "&partNumber=";
  for (const char* number : {"1", "1", "2"})
    CHECK(world.ask({.method = "PUT", .target = part + number, .body = Bytes(50'000, 'p')}).status == 200);
  CHECK(world.blob_count() == 2);
  CHECK(world.ask({.method = "DELETE", .target = "/data/m?uploadId=" + upload}).status == 204);
  CHECK(world.blob_count() == 0);
}

TEST_CASE("a write whose control state moved while its body arrived is decided again and done") {
  World world;
  world.make_bucket("data");
  world.bump_revision_during_next_body();
  CHECK(world.ask({.method = "PUT", .target = "/data/k", .body = "x"}).status == 200);
  CHECK(world.ask({.target = "/data/k"}).body == "x");
}

TEST_CASE("every decision leaves an audit record, a write exactly one") {
  World world;
  world.make_bucket("data");
  const size_t before = world.audit_records();
  world.ask({.method = "PUT", .target = "/data/k", .body = "x"});
  CHECK(world.audit_records() == before + 1);
  world.ask({.target = "/data/k"});
  CHECK(world.audit_records() == before + 2);
  world.ask({.target = "/data/k", .user = "nobody"});
  CHECK(world.audit_records() == before + 3);
  world.ask({.method = "PUT", .target = "/data/k", .headers = {{"if-none-match", "*"}}, .body = "x"});
  CHECK(world.audit_records() == before + 4);
}

TEST_CASE("a device answers for changes of buckets that they are done at the hub") {
  World world({.region = "field-01", .hub = false});
  auto answer = world.ask({.method = "PUT", .target = "/data"});
  CHECK(answer.status == 501);
  CHECK(answer.body.find("done at the hub in this version") != Bytes::npos);
  answer = world.ask({.target = "/", .region = "us-east-1"});
  CHECK(answer.status == 400);
  CHECK(answer.tag("Region") == "field-01");
}

TEST_CASE("two writes that did not know each other are a conflict until somebody settles it") {
  World world;
  world.make_bucket("data");
  world.ask({.method = "PUT", .target = "/data/k", .body = "ours"});
  world.clock().advance(Millis(1000));
  world.write_elsewhere("data", "k", "theirs");
  auto answer = world.ask({.target = "/data/k"});
  CHECK(answer.body == "theirs");
  CHECK(answer.header("x-demilune-conflict") == "1");
  std::vector<objects::Objects::ConflictRow> rows;
  auto listed = world.runtime().run([&]() { return collect(&world, &rows); });
  REQUIRE(listed.ok());
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].key == "k");
  CHECK(rows[0].principals == std::vector<std::string>{"user/bob", "user/admin"});
  const VersionId keep = rows[0].heads.at(0).version;
  CHECK(world.runtime().run([&]() { return settle(&world, keep); }).ok());
  answer = world.ask({.target = "/data/k"});
  CHECK(answer.body == "ours");
  CHECK_FALSE(answer.has("x-demilune-conflict"));
  CHECK_FALSE(world.runtime().run([&]() { return settle(&world, keep); }).ok());
}

TEST_CASE("a body that lies elsewhere is shown, waited for, and refused when nobody can bring it") {
  World world({.region = "field-01", .hub = false});
  world.hold_bucket("data");
  world.write_elsewhere("data", "k", "from the hub");
  auto answer = world.ask({.method = "HEAD", .target = "/data/k"});
  CHECK(answer.status == 200);
  CHECK(answer.header("x-demilune-availability") == "remote");
  CHECK(answer.length == 12);
  CHECK(world.ask({.target = "/data"}).body.find("<Key>k</Key>") != Bytes::npos);
  answer = world.ask({.target = "/data/k"});
  CHECK(answer.status == 403);
  CHECK(answer.code() == "InvalidObjectState");
  world.set_waiter(objects::BodyState::kWaited);
  answer = world.ask({.target = "/data/k"});
  CHECK(answer.status == 503);
  CHECK(answer.has("Retry-After"));
  world.set_waiter(objects::BodyState::kHere);
  answer = world.ask({.target = "/data/k"});
  CHECK(answer.status == 200);
  CHECK(answer.body == "from the hub");
  CHECK(answer.header("x-demilune-availability") == "local");
  CHECK(answer.header("x-demilune-durable") == "hub");
  answer = world.ask({.method = "PUT", .target = "/data/mine", .body = "x"});
  CHECK(answer.header("x-demilune-durable") == "local");
}

TEST_CASE("a completed upload that is completed again, for the answer was lost, is answered the same") {
  World world;
  world.make_bucket("data");
  world.ask({.method = "PUT",
             .target = "/data?versioning",
             .body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"});
  auto begin = [&] { return world.ask({.method = "POST", .target = "/data/k?uploads"}).tag("UploadId"); };
  auto part = [&](const std::string& upload, const Bytes& body) {
    return world.ask({.method = "PUT", .target = "/data/k?partNumber=1&uploadId=" + upload, .body = body})
        .header("ETag");
  };
  auto complete = [&](const std::string& upload, const std::string& etag, Headers headers = {}) {
    return world.ask({.method = "POST",
                      .target = "/data/k?uploadId=" + upload,
                      .headers = std::move(headers),
                      .body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag +
                              "</ETag></Part></CompleteMultipartUpload>"});
  };
  const std::string upload = begin(), etag = part(upload, "the part");
  auto first = complete(upload, etag, {{"if-none-match", "*"}});
  REQUIRE(first.status == 200);
  const size_t blobs = world.blob_count();
  auto again = complete(upload, etag, {{"if-none-match", "*"}});
  CHECK(again.status == 200);
  CHECK(again.tag("ETag") == first.tag("ETag"));
  CHECK(again.header("x-amz-version-id") == first.header("x-amz-version-id"));
  CHECK(world.ask({.target = "/data?versions"}).body.find("<IsLatest>false") == Bytes::npos);  // no second version
  CHECK(world.blob_count() == blobs);
  // Other parts, another size, an upload that began later, another version since, or a day later: no such upload.
  CHECK(complete(upload, "\"00000000000000000000000000000000\"").code() == "NoSuchUpload");
  CHECK(complete(upload, etag, {{"x-amz-mp-object-size", "5"}}).code() == "NoSuchUpload");
  world.clock().advance(Millis(1000));
  const std::string later = begin();
  CHECK(world.ask({.method = "DELETE", .target = "/data/k?uploadId=" + later}).status == 204);
  CHECK(complete(later, etag).code() == "NoSuchUpload");
  CHECK(complete(upload, etag).status == 200);
  world.clock().advance(std::chrono::hours(25));
  CHECK(complete(upload, etag).code() == "NoSuchUpload");
  world.clock().advance(-std::chrono::hours(25));
  world.ask({.method = "PUT", .target = "/data/k", .body = "another"});
  CHECK(complete(upload, etag).code() == "NoSuchUpload");
}

TEST_CASE("requests are counted by operation and class of status, with their bytes and their time") {
  World world;
  world.make_bucket("data");
  auto line = [&](const std::string& name) {
    std::string text = world.exposition();
    size_t at = text.find(name + " ");
    REQUIRE_MESSAGE(at != std::string::npos, name);
    return std::stod(text.substr(at + name.size() + 1));
  };
  const std::string put = R"(demilune_requests_total{door="s3",operation="PutObject",status="2xx"})";
  const std::string get = R"(demilune_requests_total{door="s3",operation="GetObject",status="4xx"})";
  const std::string in = R"(demilune_request_body_bytes_total{door="s3"})";
  const std::string out = R"(demilune_response_body_bytes_total{door="s3"})";
  const std::string none = R"(demilune_requests_total{door="s3",operation="none",status="4xx"})";
  CHECK(line(put) == 0);
  const double received = line(in);
  world.ask({.method = "PUT", .target = "/data/k", .body = Bytes(100'000, 'x')});
  CHECK(line(put) == 1);
  CHECK(line(in) == received + 100'000);
  CHECK(line(R"(demilune_request_seconds_count{door="s3",operation="PutObject"})") == 1);
  const double sent = line(out);
  world.ask({.target = "/data/k"});
  CHECK(line(out) == sent + 100'000);
  world.ask({.target = "/data/absent"});
  CHECK(line(get) == 1);
  // Whatever a stranger invents makes no series.
  const size_t size = world.exposition().size();
  world.ask({.method = "BREW", .target = "/data/x?invented", .user = "nobody"});
  CHECK(line(none) == 1);
  CHECK(world.exposition().size() < size + 100);
}

TEST_CASE("a write that is to wait for the hub says what came of it, and is safe here in any case") {
  World world({.region = "field-01", .hub = false, .hub_wait = Millis(100)});
  world.hold_bucket("data");
  const Headers wait{{"x-demilune-wait", "hub"}};
  auto answer = world.ask({.method = "PUT", .target = "/data/k", .headers = wait, .body = "x"});
  CHECK(answer.status == 503);
  CHECK(answer.body.find("the write is safe on this node") != Bytes::npos);
  CHECK(world.ask({.target = "/data/k"}).body == "x");
  CHECK(world.ask({.method = "PUT", .target = "/data/k", .headers = {{"x-demilune-wait", "moon"}}}).status == 400);
  CHECK(world.ask({.method = "DELETE", .target = "/data/k", .headers = wait}).status == 501);
  CHECK(world.ask({.target = "/data/k", .headers = wait}).status == 200);
  World hub;
  hub.make_bucket("data");
  answer = hub.ask({.method = "PUT", .target = "/data/k", .headers = wait, .body = "x"});
  CHECK(answer.status == 200);
  CHECK(answer.header("x-demilune-durable") == "hub");
  CHECK(hub.ask({.method = "DELETE", .target = "/data/k", .headers = wait}).status == 204);
}

TEST_CASE("a large body comes back whole through many chunks") {
  World world;
  world.make_bucket("data");
  Bytes body;
  for (uint32_t i = 0; body.size() < 3'000'000; ++i) put_be32(body, i * 2654435761u);
  CHECK(world.ask({.method = "PUT", .target = "/data/k", .body = body}).status == 200);
  auto answer = world.ask({.target = "/data/k"});
  CHECK(answer.length == body.size());
  CHECK((answer.body == body));
}

TEST_CASE("XML that is deep, long or has a document type is refused") {
  std::string deep, end;
  for (size_t i = 0; i < dl::api::s3::limits::kMaxXmlDepth; ++i) {
    deep += "<a>";
    end += "</a>";
  }
  CHECK(read_xml(deep + end).ok());
  CHECK_FALSE(read_xml("<a>" + deep + end + "</a>").ok());
  CHECK_FALSE(read_xml("<!DOCTYPE a><a/>").ok());
  CHECK_FALSE(read_xml("<a>&unknown;</a>").ok());
  CHECK_FALSE(read_xml("<a/><b/>").ok());
  CHECK_FALSE(read_xml("").ok());
  std::string parts = "<CompleteMultipartUpload>";
  for (int i = 1; i <= 10'000; ++i)
    parts += "<Part><PartNumber>" + std::to_string(i) + "</PartNumber><ETag>\"e\"</ETag></Part>";
  CHECK(read_complete(parts + "</CompleteMultipartUpload>")->size() == 10'000);
  parts += "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>";
  CHECK(s3_code_of(read_complete(parts + "</CompleteMultipartUpload>").error()) == S3Code::kMalformedXml);
  std::string keys = "<Delete>";
  for (int i = 0; i < 1000; ++i) keys += "<Object><Key>k</Key></Object>";
  CHECK(read_delete(keys + "</Delete>").ok());
  CHECK_FALSE(read_delete(keys + "<Object><Key>k</Key></Object></Delete>").ok());
}

TEST_CASE("text in answers never ends its element") {
  XmlWriter xml("R", XmlWriter::Namespace::kNone);
  xml.element("K", "<&>\"\x01");
  CHECK(xml.finish() == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><K>&lt;&amp;&gt;&quot;&#x1;</K></R>");
}

TEST_CASE("dates are read in the three forms of HTTP and written in one") {
  const WallTime t(Millis(784'111'777'000));
  CHECK(http_date(t) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == t);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == t);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == t);
  CHECK_FALSE(parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT"));
  CHECK_FALSE(parse_http_date("yesterday"));
  CHECK(iso_time(t + Millis(5)) == "1994-11-06T08:49:37.005Z");
}

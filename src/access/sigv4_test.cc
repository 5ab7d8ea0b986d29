#include "access/sigv4.h"

#include <doctest/doctest.h>

#include "access/amz_time.h"
#include "access/chunked.h"
#include "access/encoding.h"
#include "access/limits.h"
#include "access/refusal.h"
#include "access/sign.h"
#include "access/testing/keys.h"
#include "crypto/hash.h"

using namespace dl;
using namespace dl::access;

namespace {

const WallTime kNow = *parse_amz_date("20130524T000000Z");
const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"};
const std::string kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Sent {
  std::string method = "GET", path = "/", query;
  std::vector<std::pair<std::string, std::string>> headers;

  static Sent of(const OutgoingRequest& request, const SignedRequest& s) {
    Sent out{.method = request.method, .headers = s.headers};
    out.set_target(s.target);
    return out;
  }
  void set_target(const std::string& target) {
    size_t q = std::min(target.find('?'), target.size());
    path = target.substr(0, q);
    query = target.substr(std::min(q + 1, target.size()));
  }
  std::string& header(const std::string& name) {
    for (auto& h : headers)
      if (h.first == name) return h.second;
    headers.emplace_back(name, "");
    return headers.back().second;
  }
};

struct Door {
  Verifier verifier;
  testing::Keys keys;
  Expected expected{"us-east-1", {"s3"}};
  WallTime now = kNow;

  Result<Verified> operator()(const Sent& s) {
    std::vector<HeaderView> views;
    for (const auto& [n, v] : s.headers) views.push_back({n, v});
    return verifier.verify({s.method, s.path, s.query, views}, expected, now, keys);
  }
  Refusal refusal(const Sent& s) {
    auto r = (*this)(s);
    return r.ok() ? Refusal::kNone : refusal_of(r.error());
  }
};

OutgoingRequest plain() {
  OutgoingRequest r{.method = "PUT", .path = "/bucket/a b/ключ+~(1).txt", .payload = kEmpty};
  r.query = {{"versionId", "null"}, {"x", "a+b c/d="}, {"acl", ""}};
  r.headers = {{"Host", "localhost:7443"}, {"x-amz-meta-note", "  two   blanks "}, {"Content-Type", "text/plain"}};
  return r;
}

}  // namespace

// The examples of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
TEST_CASE("AWS's own example of a GET with a range is accepted") {
  Door door;
  Sent s{"GET",
         "/test.txt",
         "",
         {{"Host", "examplebucket.s3.amazonaws.com"},
          {"Authorization",
           "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
           "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
           "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
          {"Range", "bytes=0-9"},
          {"x-amz-content-sha256", kEmpty},
          {"x-amz-date", "20130524T000000Z"}}};
  auto v = door(s);
  REQUIRE(v.ok());
  CHECK(v->scope.access_key == "AKIAIOSFODNN7EXAMPLE");
  CHECK(v->payload == Payload::kHashed);
  CHECK(!v->presigned);
  s.header("Range") = "bytes=0-8";
  CHECK(door.refusal(s) == Refusal::kBadSignature);
}

TEST_CASE("AWS's own example of a PUT with a Date header and an odd key is accepted") {
  Door door;
  Sent s{"PUT",
         "/test$file.text",
         "",
         {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
          {"Host", "examplebucket.s3.amazonaws.com"},
          {"x-amz-date", "20130524T000000Z"},
          {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
          {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
          {"Authorization",
           "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
           "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
           "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"}}};
  CHECK(door(s).ok());
  s.path = "/test%24file.text";
  CHECK(door(s).ok());  // the same key
}

TEST_CASE("AWS's own examples of query sub-resources are accepted") {
  Door door;
  Sent lifecycle{"GET",
                 "/",
                 "lifecycle",
                 {{"Host", "examplebucket.s3.amazonaws.com"},
                  {"x-amz-date", "20130524T000000Z"},
                  {"x-amz-content-sha256", kEmpty},
                  {"Authorization",
                   "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                   "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                   "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"}}};
  CHECK(door(lifecycle).ok());
  Sent list = lifecycle;
  list.query = "max-keys=2&prefix=J";
  list.header("Authorization") =
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
      "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
  CHECK(door(list).ok());
  list.query = "prefix=J&max-keys=2";
  CHECK(door(list).ok());  // order does not count
}

// docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
TEST_CASE("AWS's own presigned URL is accepted until it expires") {
  Door door;
  Sent s{"GET",
         "/test.txt",
         "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"
         "request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
         "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
         {{"Host", "examplebucket.s3.amazonaws.com"}}};
  auto v = door(s);
  REQUIRE(v.ok());
  CHECK(v->presigned);
  CHECK(v->payload == Payload::kUnsigned);
  door.now = kNow + std::chrono::seconds(86400);
  CHECK(door(s).ok());
  door.now += std::chrono::seconds(1);
  CHECK(door.refusal(s) == Refusal::kExpired);
  door.now = kNow - std::chrono::minutes(16);
  CHECK(door.refusal(s) == Refusal::kSkewed);
}

TEST_CASE("what we sign we accept, and not at another door, time or with another key") {
  Door door;
  OutgoingRequest request = plain();
  Sent s = Sent::of(request, sign(request, kExample, kNow));
  REQUIRE(door(s).ok());
  CHECK(door(s).ok());  // with the cached key

  door.now = kNow + limits::kMaxSkew;
  CHECK(door(s).ok());
  door.now += Millis(1);
  CHECK(door.refusal(s) == Refusal::kSkewed);
  door.now = kNow - limits::kMaxSkew - Millis(1);
  CHECK(door.refusal(s) == Refusal::kSkewed);
  door.now = kNow;
  door.expected.region = "field-01";
  CHECK(door.refusal(s) == Refusal::kWrongRegion);
  door.expected = {"us-east-1", {"demilune"}};
  CHECK(door.refusal(s) == Refusal::kWrongService);
  door.expected = {"us-east-1", {"demilune", "s3"}};
  CHECK(door(s).ok());
  door.keys.verdict = KeyStanding::kDisabled;
  CHECK(door.refusal(s) == Refusal::kDisabledKey);
  door.keys.verdict = KeyStanding::kLeasePast;
  CHECK(door.refusal(s) == Refusal::kLeasePast);
  door.keys.verdict = KeyStanding::kBeforeLease;
  CHECK(door.refusal(s) == Refusal::kBeforeLease);
  door.keys.secrets.clear();
  CHECK(door.refusal(s) == Refusal::kUnknownKey);

  Door fresh;
  Credentials wrong = kExample;
  wrong.secret += "x";
  CHECK(fresh.refusal(Sent::of(request, sign(request, wrong, kNow))) == Refusal::kBadSignature);
}

TEST_CASE("a signature around midnight counts for its own day") {
  Door door;
  OutgoingRequest request = plain();
  WallTime before = kNow - std::chrono::minutes(1);
  CHECK(door(Sent::of(request, sign(request, kExample, before))).ok());
  Sent s = Sent::of(request, sign(request, kExample, kNow));
  s.header("x-amz-date") = amz_date(before);
  CHECK(door.refusal(s) == Refusal::kMalformedHeader);
}

TEST_CASE("no signature, two, or one of another kind is refused by name") {
  Door door;
  Sent s{.headers = {{"Host", "h"}}};
  CHECK(door.refusal(s) == Refusal::kAnonymous);
  s.header("Authorization") = "AWS AKID:c2ln";
  CHECK(door.refusal(s) == Refusal::kUnsupportedAlgorithm);
  s.header("Authorization") = "AWS4-HMAC-SHA256";
  CHECK(door.refusal(s) == Refusal::kUnsupportedAlgorithm);
  s.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256";
  CHECK(door.refusal(s) == Refusal::kTwoSignatures);
  Sent v2{.query = "AWSAccessKeyId=a&Signature=b&Expires=1", .headers = {{"Host", "h"}}};
  CHECK(door.refusal(v2) == Refusal::kUnsupportedAlgorithm);

  OutgoingRequest request = plain();
  request.headers.emplace_back("x-amz-security-token", "t");
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kSessionToken);
}

TEST_CASE("headers that change what is done must be signed, and be there once") {
  Door door;
  OutgoingRequest request = plain();
  Sent good = Sent::of(request, sign(request, kExample, kNow));
  for (const char* name : {"x-amz-acl", "X-Amz-Copy-Source", "x-demilune-parents"}) {
    Sent s = good;
    s.headers.emplace_back(name, "v");
    CHECK(door.refusal(s) == Refusal::kHeadersNotSigned);
  }
  for (const char* name : {"Host", "X-Amz-Date", "x-amz-meta-note", "content-type", "Authorization"}) {
    Sent s = good;
    s.headers.emplace_back(name, "v");
    CHECK(door.refusal(s) != Refusal::kNone);
  }
  Sent other = good;
  other.headers.emplace_back("User-Agent", "anything");
  CHECK(door(other).ok());
  Sent gone = good;
  std::erase_if(gone.headers, [](const auto& h) { return h.first == "Content-Type"; });
  CHECK(door.refusal(gone) == Refusal::kMalformedHeader);
}

TEST_CASE("presigned: a header that was not signed is refused, except the one that says nothing") {
  Door door;
  OutgoingRequest request{.method = "PUT", .path = "/b/k", .headers = {{"host", "h"}, {"x-amz-meta-a", "1"}}};
  Sent s{.method = "PUT", .headers = request.headers};
  s.set_target(presign(request, kExample, kNow, std::chrono::seconds(60)));
  CHECK(door(s).ok());
  s.header("x-amz-content-sha256") = "UNSIGNED-PAYLOAD";
  CHECK(door(s).ok());
  s.header("x-amz-content-sha256") = kEmpty;
  CHECK(door.refusal(s) == Refusal::kHeadersNotSigned);
  std::erase_if(s.headers, [](const auto& h) { return h.first == "x-amz-content-sha256"; });
  s.header("x-amz-acl") = "private";
  CHECK(door.refusal(s) == Refusal::kHeadersNotSigned);
  std::erase_if(s.headers, [](const auto& h) { return h.first == "x-amz-acl"; });
  s.query += "&versionId=1";
  CHECK(door.refusal(s) == Refusal::kBadSignature);

  OutgoingRequest hashed = request;
  hashed.payload = kEmpty;
  Sent h{.method = "PUT", .headers = request.headers};
  h.set_target(presign(hashed, kExample, kNow, std::chrono::hours(24 * 7)));
  CHECK(door(h)->payload == Payload::kHashed);
  for (const char* expires : {"0", "604801", "-1", "1x", ""}) {
    Sent e = h;
    size_t at = e.query.find("X-Amz-Expires=604800");
    e.query.replace(at, 20, std::string("X-Amz-Expires=") + expires);
    CHECK(door.refusal(e) == Refusal::kMalformedQuery);
  }
}

TEST_CASE("a query or path that could be read two ways is refused") {
  Door door;
  OutgoingRequest request = plain();
  Sent good = Sent::of(request, sign(request, kExample, kNow));
  Sent s = good;
  s.query += "&acl=";
  CHECK(door.refusal(s) == Refusal::kMalformedQuery);
  s = good;
  s.path += "%4";
  CHECK(door.refusal(s) == Refusal::kMalformedQuery);
  s = good;
  s.path += "%zz";
  CHECK(door.refusal(s) == Refusal::kMalformedQuery);
  s = good;
  s.path = "bucket";
  CHECK(door.refusal(s) == Refusal::kMalformedQuery);
  s = good;
  s.path = "/bucket/./a%20b/%D0%BA%D0%BB%D1%8E%D1%87%2B~%281%29.txt";  // paths are not normalised
  CHECK(door.refusal(s) == Refusal::kBadSignature);
}

TEST_CASE("credentials and lists that cannot be read are refused, not guessed") {
  Door door;
  OutgoingRequest request = plain();
  Sent good = Sent::of(request, sign(request, kExample, kNow));
  const std::string& value = good.header("Authorization");
  auto changed = [&](const std::string& from, const std::string& to) {
    Sent s = good;
    std::string v = value;
    v.replace(v.find(from), from.size(), to);
    s.header("Authorization") = v;
    return door.refusal(s);
  };
  CHECK(changed("/s3/", "/s3/x/") == Refusal::kMalformedHeader);
  CHECK(changed("20130524/", "20130532/") == Refusal::kMalformedHeader);
  CHECK(changed("aws4_request", "aws4_reques") == Refusal::kMalformedHeader);
  CHECK(changed("content-type;host", "host;content-type") == Refusal::kMalformedHeader);
  CHECK(changed("content-type;host", "content-type;host;host") == Refusal::kMalformedHeader);
  CHECK(changed("content-type;host", "content-type") == Refusal::kHeadersNotSigned);
  CHECK(changed("content-type;host", "Content-Type;host") == Refusal::kMalformedHeader);
  CHECK(changed(", Signature=", ", Signature=0") == Refusal::kMalformedHeader);
  CHECK(changed(", Signature=", ", Signatur=") == Refusal::kMalformedHeader);
  CHECK(changed(", SignedHeaders=", ", Credential=a, SignedHeaders=") == Refusal::kMalformedHeader);
}

TEST_CASE("payload forms: what is signed is told, what is unknown refused") {
  Door door;
  OutgoingRequest request = plain();
  for (const char* bad : {"", "unsigned-payload", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                          "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}) {
    request.payload = bad;
    CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kBadPayloadHash);
  }
  request.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kBadPayloadHash);
  request.headers.emplace_back("x-amz-decoded-content-length", "12");
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kBadPayloadHash);
  request.headers.emplace_back("x-amz-trailer", "x-amz-checksum-crc32");
  auto v = door(Sent::of(request, sign(request, kExample, kNow)));
  REQUIRE(v.ok());
  CHECK(v->payload == Payload::kStreamUnsignedTrailer);
  CHECK(v->decoded_length == 12);
  CHECK(v->trailers == std::vector<std::string>{"x-amz-checksum-crc32"});
}

TEST_CASE("limits of a request: at the bound it is looked at, past it refused") {
  Door door;
  OutgoingRequest request{.method = "GET", .path = "/" + std::string(limits::kMaxPathBytes - 1, 'k')};
  request.headers = {{"host", "h"}};
  CHECK(door(Sent::of(request, sign(request, kExample, kNow))).ok());
  request.path.push_back('k');
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kMalformedQuery);
  request.path = "/";
  for (size_t i = 0; i < limits::kMaxQueryParams; i++) request.query.push_back({"p" + std::to_string(i), ""});
  CHECK(door(Sent::of(request, sign(request, kExample, kNow))).ok());
  request.query.push_back({"last", ""});
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kMalformedQuery);
  request.query.clear();
  for (size_t i = request.headers.size() + 2; i < limits::kMaxSignedHeaders; i++)
    request.headers.emplace_back("x-amz-meta-" + std::to_string(i), "v");
  CHECK(door(Sent::of(request, sign(request, kExample, kNow))).ok());
  request.headers.emplace_back("x-amz-meta-last", "v");
  CHECK(door.refusal(Sent::of(request, sign(request, kExample, kNow))) == Refusal::kMalformedHeader);
}

TEST_CASE("paths split into bucket and key as S3 does, nothing normalised") {
  CHECK(split_path("/")->bucket.empty());
  CHECK(split_path("/bucket")->bucket == "bucket");
  CHECK(split_path("/bucket/")->key.empty());
  CHECK(split_path("/bucket//a/../b%2Fc+d")->key == "/a/../b/c+d");
  CHECK(!split_path("*").ok());
  CHECK(parse_query("a=b+c&d&&e=%3D=")->at(0).value == "b c");
  CHECK(parse_query("a=b+c&d&&e=%3D=")->at(2).value == "==");
}

TEST_CASE("dates are read in their one form") {
  CHECK(amz_date(*parse_http_date("Fri, 24 May 2013 01:02:03 GMT")) == "20130524T010203Z");
  for (const char* bad : {"20130524T000000", "20130524T240000Z", "20130231T000000Z", "2013052xT000000Z", ""})
    CHECK(!parse_amz_date(bad));
  for (const char* bad : {"Fri, 24 Mai 2013 01:02:03 GMT", "24 May 2013", "Fri, 24 May 2013 01:02:03 UTC"})
    CHECK(!parse_http_date(bad));
  CHECK(day_text(*parse_day("20240229")) == "20240229");
  CHECK(!parse_day("20230229"));
}

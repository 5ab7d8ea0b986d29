#include "access/policy.h"

#include <doctest/doctest.h>

#include "access/limits.h"
#include "access/refusal.h"

using namespace dl;
using namespace dl::access;

namespace {

std::string document(const std::string& statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
}
std::string allow(const std::string& action, const std::string& resource) {
  return R"({"Effect":"Allow","Action":")" + action + R"(","Resource":")" + resource + "\"}";
}
Verdict verdict(const std::string& doc, std::string_view action, std::string_view resource) {
  Policy p = parse_policy("p", doc).value();
  const Policy* list[] = {&p};
  return evaluate(list, action, resource).verdict;
}
bool refused(const std::string& doc, std::string_view word) {
  auto r = parse_policy("p", doc);
  return !r.ok() && refusal_of(r.error()) == Refusal::kBadPolicy && r.error().message.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("nothing is allowed unless a statement says so") {
  std::string doc = document(allow("s3:GetObject", "arn:aws:s3:::mission/reports/*"));
  CHECK(verdict(doc, "s3:GetObject", "arn:aws:s3:::mission/reports/1.txt") == Verdict::kAllowed);
  CHECK(verdict(doc, "s3:getobject", "arn:aws:s3:::mission/reports/a/b") == Verdict::kAllowed);
  CHECK(verdict(doc, "s3:PutObject", "arn:aws:s3:::mission/reports/1.txt") == Verdict::kNothingAllows);
  CHECK(verdict(doc, "s3:GetObject", "arn:aws:s3:::mission/other") == Verdict::kNothingAllows);
  CHECK(verdict(doc, "s3:GetObject", "arn:aws:s3:::Mission/reports/1") == Verdict::kNothingAllows);
  CHECK(verdict(doc, "s3:GetObject", "arn:aws:s3:::mission") == Verdict::kNothingAllows);
  CHECK(evaluate({}, "s3:GetObject", "arn:aws:s3:::b/k").verdict == Verdict::kNothingAllows);
}

TEST_CASE("an explicit deny wins, in whichever order and policy it stands") {
  std::string deny = R"({"Sid":"No","Effect":"Deny","Action":["s3:Delete*"],"Resource":["arn:aws:s3:::m/*"]})";
  CHECK(verdict(document(allow("*", "*") + "," + deny), "s3:DeleteObject", "arn:aws:s3:::m/k") == Verdict::kDenied);
  CHECK(verdict(document(deny + "," + allow("*", "*")), "s3:DeleteObject", "arn:aws:s3:::m/k") == Verdict::kDenied);
  CHECK(verdict(document(deny + "," + allow("*", "*")), "s3:PutObject", "arn:aws:s3:::m/k") == Verdict::kAllowed);
  Policy a = parse_policy("all", document(allow("*", "*"))).value(), d = parse_policy("no", document(deny)).value();
  const Policy* ad[] = {&a, &d};
  Decision decision = evaluate(ad, "s3:DeleteObject", "arn:aws:s3:::m/k");
  CHECK(decision.verdict == Verdict::kDenied);
  CHECK(decision.because == "policy no, statement No");
  CHECK(evaluate(ad, "s3:GetObject", "arn:aws:s3:::m/k").because == "policy all");
}

TEST_CASE("wildcards are runs and single characters") {
  CHECK(matches("*", ""));
  CHECK(matches("a*c", "abbbc"));
  CHECK(matches("a*c", "ac"));
  CHECK(!matches("a*c", "acd"));
  CHECK(matches("a?c", "abc"));
  CHECK(!matches("a?c", "ac"));
  CHECK(matches("*a*b", "xxaxxbxxb"));
  CHECK(!matches("", "a"));
  CHECK(matches("a**", "a"));
  CHECK(!matches("a", "a*"));
  CHECK(!matches("*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));  // ends soon
}

TEST_CASE("a listing of all buckets needs a statement that names all of S3's resources, or all") {
  CHECK(verdict(document(allow("s3:ListAllMyBuckets", "*")), "s3:ListAllMyBuckets", s3_arn("", "")) ==
        Verdict::kAllowed);
  CHECK(verdict(document(allow("s3:ListAllMyBuckets", "arn:aws:s3:::*")), "s3:ListAllMyBuckets", s3_arn("", "")) ==
        Verdict::kAllowed);
  CHECK(verdict(document(allow("s3:*", "arn:aws:s3:::mission")), "s3:ListAllMyBuckets", s3_arn("", "")) ==
        Verdict::kNothingAllows);
}

TEST_CASE("what is not honoured is refused when it is stored") {
  std::string base = R"("Effect":"Allow","Action":"s3:*","Resource":"*")";
  CHECK(parse_policy("p", document("{" + base + "}")).ok());
  CHECK(parse_policy("p", R"({"Statement":{)" + base + "}}").ok());  // a single statement
  CHECK(refused(document("{" + base + R"(,"Condition":{"Bool":{"aws:SecureTransport":"true"}}})"), "Condition"));
  CHECK(refused(document("{" + base + R"(,"Principal":"*"})"), "Principal"));
  CHECK(refused(document(R"({"Effect":"Allow","NotAction":"s3:*","Resource":"*"})"), "NotAction"));
  CHECK(refused(document(R"({"Effect":"Allow","Action":"s3:*","NotResource":"*"})"), "NotResource"));
  CHECK(refused(document("{" + base + R"(,"condition":{}})"), "condition"));
  CHECK(refused(document(allow("s3:*", "arn:aws:s3:::home/${aws:username}/*")), "variables"));
  CHECK(refused(document(allow("ec2:*", "*")), "ec2"));
  CHECK(refused(document(allow("s3", "*")), "s3"));
  CHECK(refused(document(allow("s3:Get Object", "*")), "Get Object"));
  CHECK(refused(document(allow("s3:*", "mission")), "mission"));
  CHECK(refused(document(allow("s3:*", "arn:aws:s3:::")), "arn:aws:s3:::"));
  CHECK(refused(document(R"({"Effect":"allow","Action":"s3:*","Resource":"*"})"), "Effect"));
  CHECK(refused(document(R"({"Action":"s3:*","Resource":"*"})"), "Effect"));
  CHECK(refused(document(R"({"Effect":"Allow","Action":[],"Resource":"*"})"), "Action"));
  CHECK(refused(R"({"Version":"2024-01-01","Statement":[{)" + base + "}]}", "Version"));
  CHECK(refused(R"({"Version":"2012-10-17"})", "Statement"));
  CHECK(refused(document(""), "statements"));
}

TEST_CASE("a document that says a thing twice is refused") {
  CHECK(refused(R"({"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]})", "Effect"));
  CHECK(refused(R"({"Statement":[{"Effect":"Deny","Eff\u0065ct":"Allow","Action":"*","Resource":"*"}]})", "Effect"));
  std::string s = R"({"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"})";
  CHECK(refused(document(s + "," + s), "Sid"));
}

TEST_CASE("bytes that are no policy are refused") {
  for (const char* bad : {"", "{", "null", "[]", "{}", "{} {}", "{\"Statement\":1}", "{\"Statement\":[1]}"})
    CHECK(!parse_policy("p", bad).ok());
  CHECK(!parse_policy("p", std::string(10'000, '[')).ok());
}

TEST_CASE("limits of a document: at the bound it is read, past it refused") {
  std::string one = allow("s3:*", "*"), many = one;
  for (size_t i = 1; i < limits::kMaxStatements; i++) many += "," + one;
  CHECK(parse_policy("p", document(many)).ok());
  CHECK(refused(document(many + "," + one), "101 statements"));
  std::string doc = document(one);
  doc.insert(1, std::string(limits::kMaxPolicyBytes - doc.size(), ' '));
  CHECK(parse_policy("p", doc).ok());
  doc.insert(1, " ");
  CHECK(refused(doc, "20480"));
  std::string prefix = "arn:aws:s3:::";
  CHECK(parse_policy("p", document(allow("s3:*", prefix + std::string(limits::kMaxPatternBytes - 13, 'k')))).ok());
  CHECK(refused(document(allow("s3:*", prefix + std::string(limits::kMaxPatternBytes - 12, 'k'))), "2048"));
}

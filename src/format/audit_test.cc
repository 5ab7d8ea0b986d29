#include "format/audit.h"

#include <doctest/doctest.h>

#include "base/testing/golden.h"

using namespace dl;
using namespace dl::format;

namespace {

AuditRecord sample() {
  AuditRecord r;
  r.time = WallTime(Millis(1'700'000'000'123));
  r.node = NodeId::of("node-id-16-bytes");
  r.principal = "user/alice";
  r.access_key = "AKIAIOSFODNN7EXAMPLE";
  r.action = "s3:PutObject";
  r.resource = "arn:aws:s3:::mission/reports/1.txt";
  r.decision = AuditDecision::kAllowed;
  r.reason = "policy write-reports";
  r.source = "192.0.2.7:40000";
  r.request_id = "0123456789ABCDEF";
  r.outcome = AuditOutcome::kDone;
  r.control_revision = 42;
  r.policy_revision = 7;
  r.detail = "";
  return r;
}

}  // namespace

TEST_CASE("an audit record has the bytes that were decided") {
  Bytes bytes = encode_audit(sample()).value();
  CHECK(to_hex(bytes) == to_hex(testing::golden("audit_record")));
  CHECK(decode_audit(bytes).value() == sample());
}

TEST_CASE("an audit record of a newer format, cut or over its limit is refused") {
  Bytes bytes = encode_audit(sample()).value();
  Bytes newer = bytes;
  newer[1] = 2;
  CHECK(decode_audit(newer).error().code == Code::kUnsupported);
  CHECK(decode_audit(bytes.substr(0, bytes.size() - 20)).error().code == Code::kCorrupt);
  CHECK(decode_audit("").error().code == Code::kUnsupported);
  AuditRecord r = sample();
  size_t overhead = bytes.size() + 3;  // tag and a two-byte length of detail
  r.detail = std::string(kMaxAuditBytes - overhead, 'd');
  CHECK(encode_audit(r).value().size() == kMaxAuditBytes);
  r.detail.push_back('d');
  CHECK(encode_audit(r).error().code == Code::kTooLarge);
}

TEST_CASE("bytes that are no text are shown escaped, and never break a record") {
  CHECK(audit_text("plain/ключ") == "plain/ключ");
  CHECK(audit_text("100%") == "100%25");
  CHECK(audit_text(BytesView("a\0b\n\xff", 5)) == "a%00b%0A%FF");
  CHECK(audit_text("\xed\xa0\x80") == "%ED%A0%80");  // a surrogate
  CHECK(audit_text("\xc0\xaf") == "%C0%AF");         // an overlong '/'
  CHECK(audit_text("12345678", 8) == "12345678");
  CHECK(audit_text("123456789", 8) == "12345...");
  CHECK(audit_text("1234\xd0\xba\xd0\xba\xd0\xba", 8) == "1234...");
  AuditRecord r = sample();
  r.resource = "\xff";
  CHECK(encode_audit(r).error().code == Code::kInvalid);
}

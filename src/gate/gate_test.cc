#include "gate/gate.h"

#include <doctest/doctest.h>

#include <map>

#include "access/amz_time.h"
#include "access/refusal.h"
#include "access/sign.h"

using namespace dl;
using namespace dl::gate;
using access::Refusal;

namespace {

struct State : Facts {
  uint64_t number = 1;
  std::map<std::string, UserFacts, std::less<>> users;
  std::map<std::string, KeyFacts, std::less<>> keys;
  std::map<std::string, std::string, std::less<>> secrets;

  uint64_t revision() const override { return number; }
  std::optional<KeyFacts> find_key(std::string_view id, uint32_t) const override {
    auto it = keys.find(id);
    return it == keys.end() ? std::nullopt : std::optional(it->second);
  }
  Result<Bytes> day_region_key(std::string_view id, uint32_t day, std::string_view region) const override {
    return access::day_region_key(secrets.find(id)->second, day, region);
  }
  std::optional<UserFacts> find_user(std::string_view name) const override {
    auto it = users.find(name);
    return it == users.end() ? std::nullopt : std::optional(it->second);
  }
};

struct World : Principals {
  ManualClock clock{*access::parse_amz_date("20261124T101112Z")};
  State state;
  std::vector<format::AuditRecord> log;
  bool full = false;
  std::shared_ptr<const Facts> facts() const override { return std::make_shared<State>(state); }
  Gate gate{{.node_name = "hub",
             .node = NodeId::of("node-id-16-bytes"),
             .region = "us-east-1",
             .own_uid = 1000,
             .clock = &clock,
             .principals = this,
             .record = [this](Bytes b) -> Result<void> {
               if (full) return error(Code::kBusy, "full");
               log.push_back(format::decode_audit(b).value());
               return {};
             }}};

  World() {
    state.users["alice"].policies = {
        {"read", R"({"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],
                    "Resource":"arn:aws:s3:::mission/*"},
                   {"Sid":"Keep","Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::mission/keep/*"}]})"}};
    state.keys["AKALICE"] = {.user = "alice"};
    state.secrets["AKALICE"] = "secret";
  }
  Result<Identity> ask(const std::string& secret = "secret", const std::string& key = "AKALICE") {
    access::OutgoingRequest out{.method = "GET", .path = "/mission/a", .headers = {{"host", "h"}}};
    auto s = access::sign(out, {key, secret, "us-east-1"}, clock.wall());
    std::vector<access::HeaderView> headers;
    for (const auto& [n, v] : s.headers) headers.push_back({n, v});
    return gate.authenticate({{"GET", s.target, "", headers}, "192.0.2.7:4", {}, "REQ1"}, {"s3"},
                             {"s3:GetObject", "mission", "a", ""});
  }
  Result<Identity> socket(uint32_t uid) {
    return gate.authenticate({{"GET", "/", "", {}}, "unix", uid, "REQ2"}, {"s3"});
  }
};

template <class T>
Refusal refusal(const Result<T>& r) {
  return r.ok() ? Refusal::kNone : access::refusal_of(r.error());
}

}  // namespace

TEST_CASE("a signed read that a policy allows gets its permit and leaves a record") {
  World w;
  auto identity = w.ask();
  REQUIRE(identity.ok());
  CHECK(identity->who().principal == "user/alice");
  CHECK(identity->verified()->payload == access::Payload::kUnsigned);
  CHECK(w.log.empty());
  auto permit = w.gate.authorize(*identity, {"s3:GetObject", "mission", "a", ""});
  REQUIRE(permit.ok());
  CHECK(permit->principal() == "user/alice");
  CHECK(permit->bucket() == "mission");
  CHECK(permit->key() == "a");
  CHECK(permit->control_revision() == 1);
  CHECK(permit->audit().empty());
  REQUIRE(w.log.size() == 1);
  const auto& r = w.log[0];
  CHECK(r.decision == format::AuditDecision::kAllowed);
  CHECK(r.outcome == format::AuditOutcome::kAdmitted);
  CHECK(r.resource == "arn:aws:s3:::mission/a");
  CHECK(r.reason == "policy read");
  CHECK(r.access_key == "AKALICE");
  CHECK(r.source == "192.0.2.7:4");
  CHECK(r.request_id == "REQ1");
}

TEST_CASE("one request of many resources is decided for each alone") {
  World w;
  auto identity = w.ask();
  CHECK(w.gate.authorize(*identity, {"s3:DeleteObject", "mission", "a", ""}).ok());
  CHECK(refusal(w.gate.authorize(*identity, {"s3:DeleteObject", "mission", "keep/a", ""})) == Refusal::kPolicy);
  CHECK(refusal(w.gate.authorize(*identity, {"s3:GetObject", "other", "a", ""})) == Refusal::kPolicy);
  CHECK(refusal(w.gate.authorize(*identity, {"demilune:CreateUser", "", "", "arn:demilune:::user/x"})) ==
        Refusal::kPolicy);
  REQUIRE(w.log.size() == 4);  // the first write was dropped: failed
  CHECK(w.log[0].outcome == format::AuditOutcome::kFailed);
  CHECK(w.log[1].reason == "policy: policy read, statement Keep");
  CHECK(w.log[3].resource == "arn:demilune:::user/x");
}

TEST_CASE("a write's record is the step's once taken, and 'failed' when no step took it") {
  World w;
  auto identity = w.ask();
  {
    auto permit = w.gate.authorize(*identity, {"s3:PutObject", "mission", "a", ""}).value();
    Permit moved = std::move(permit);
    auto record = format::decode_audit(moved.audit()).value();
    CHECK(record.outcome == format::AuditOutcome::kDone);
    CHECK(record.decision == format::AuditDecision::kAllowed);
    CHECK(record.action == "s3:PutObject");
  }
  CHECK(w.log.empty());
  {
    auto dropped = w.gate.authorize(*identity, {"s3:PutObject", "mission", "b", ""}).value();
  }
  REQUIRE(w.log.size() == 1);
  CHECK(w.log[0].outcome == format::AuditOutcome::kFailed);
  CHECK(w.log[0].resource == "arn:aws:s3:::mission/b");
}

TEST_CASE(
    "an administration change that reached no durable step is recorded as failed, a durable one by its step alone") {
  World w;
  auto admin = w.gate.act_as({"node-admin/hub", "", "unix", "REQ2"});
  auto permit = [&] {
    return w.gate.authorize(admin, {"demilune:CreateUser", "", "", "arn:demilune:::user/bob"}).value();
  };
  {
    auto failed = permit();
    auto by = failed.author();
    CHECK(by.principal() == "node-admin/hub");
    CHECK(w.log.empty());
  }
  REQUIRE(w.log.size() == 1);
  CHECK(w.log[0].outcome == format::AuditOutcome::kFailed);
  {
    auto done = permit();
    done.author().written();
  }
  CHECK(w.log.size() == 1);
}

TEST_CASE("who cannot prove who they are is refused, and that is on record") {
  World w;
  CHECK(refusal(w.ask("wrong")) == Refusal::kBadSignature);
  CHECK(refusal(w.ask("secret", "AKNOBODY")) == Refusal::kUnknownKey);
  CHECK(refusal(w.gate.authenticate({{"GET", "/mission/a", "", {}}, "p", {}, "r"}, {"s3"})) == Refusal::kAnonymous);
  REQUIRE(w.log.size() == 3);
  CHECK(w.log[0].reason == "bad-signature");
  CHECK(w.log[0].access_key == "AKALICE");
  CHECK(w.log[0].action == "s3:GetObject");
  CHECK(w.log[0].principal.empty());
  CHECK(w.log[0].outcome == format::AuditOutcome::kRefused);
  CHECK(w.log[2].reason == "anonymous");
  CHECK(w.log[2].resource == "/mission/a");
}

TEST_CASE("disabled users and keys, and devices past their lease, are refused at once") {
  World w;
  auto identity = w.ask();
  w.state.users["alice"].enabled = false;
  CHECK(refusal(w.ask()) == Refusal::kDisabledKey);
  CHECK(refusal(w.gate.authorize(*identity, {"s3:GetObject", "mission", "a", ""})) == Refusal::kDisabledKey);
  w.state.users["alice"].enabled = true;
  w.state.keys["AKALICE"].enabled = false;
  CHECK(refusal(w.ask()) == Refusal::kDisabledKey);
  CHECK(refusal(w.gate.authorize(*identity, {"s3:GetObject", "mission", "a", ""})) == Refusal::kDisabledKey);
  w.state.keys["AKALICE"] = {.user = "alice", .day = DayHeld::kAfterLast};
  CHECK(refusal(w.ask()) == Refusal::kLeasePast);
  w.state.keys["AKALICE"] = {.user = "alice", .day = DayHeld::kBeforeFirst};
  CHECK(refusal(w.ask()) == Refusal::kBeforeLease);
}

TEST_CASE("a permit is decided again on new facts") {
  World w;
  auto identity = w.ask();
  auto permit = w.gate.authorize(*identity, {"s3:PutObject", "mission", "a", ""}).value();
  w.state.number = 2;
  auto again = w.gate.renew(permit);
  REQUIRE(again.ok());
  CHECK(again->control_revision() == 2);
  CHECK(again->key() == "a");
  CHECK(format::decode_audit(again->audit())->request_id == "REQ1");
  w.state.users["alice"].policies.clear();
  CHECK(refusal(w.gate.renew(*again)) == Refusal::kPolicy);
  REQUIRE(w.log.size() == 1);  // neither old permit leaves one of its own
  CHECK(w.log[0].decision == format::AuditDecision::kDenied);
}

TEST_CASE("the local socket serves root and the node's own user, nobody else") {
  World w;
  for (uint32_t uid : {0u, 1000u}) {
    auto identity = w.socket(uid);
    REQUIRE(identity.ok());
    CHECK(identity->who().principal == "node-admin/hub");
    CHECK(identity->verified() == nullptr);
    CHECK(w.gate.authorize(*identity, {"s3:PutObject", "mission", "a", ""}).ok());
    CHECK(w.gate.authorize(*identity, {"demilune:CreateUser", "", "", "arn:demilune:::user/x"}).ok());
  }
  CHECK(refusal(w.socket(1001)) == Refusal::kLocalUser);
  CHECK(w.log.back().reason == "local-user");
}

TEST_CASE("who acts for another has that user's rights, no more") {
  World w;
  Identity job = w.gate.act_as({.principal = "user/alice", .source = "workload/1"});
  CHECK(w.gate.authorize(job, {"s3:GetObject", "mission", "in/1", ""}).ok());
  CHECK(!w.gate.authorize(job, {"s3:GetObject", "other", "in/1", ""}).ok());
  CHECK(!w.gate.authorize(w.gate.act_as({.principal = "user/nobody"}), {"s3:GetObject", "mission", "a", ""}).ok());
  CHECK(!w.gate.authorize(w.gate.act_as({.principal = "node-admin/other"}), {"s3:GetObject", "mission", "a", ""}).ok());
}

TEST_CASE("what cannot be recorded is not done") {
  World w;
  auto identity = w.ask();
  w.full = true;
  CHECK(w.gate.authorize(*identity, {"s3:GetObject", "mission", "a", ""}).error().code == Code::kBusy);
  CHECK(w.ask("wrong").error().code == Code::kBusy);
}

TEST_CASE("a policy that cannot be read allows nothing, nor do the others beside it") {
  World w;
  w.state.users["alice"].policies.push_back({"newer", R"({"Statement":[{"Effect":"Deny","Condition":{}}]})"});
  auto identity = w.ask();
  auto r = w.gate.authorize(*identity, {"s3:GetObject", "mission", "a", ""});
  CHECK(refusal(r) == Refusal::kPolicy);
  CHECK(r.error().message.find("newer") != std::string::npos);
}

TEST_CASE("a key's bytes are shown in the record, whatever they are") {
  World w;
  auto identity = w.ask();
  CHECK(w.gate.authorize(*identity, {"s3:GetObject", "mission", Bytes("\xff\0\n", 3), ""}).ok());
  CHECK(w.log.back().resource == "arn:aws:s3:::mission/%FF%00%0A");
  CHECK(w.gate.authorize(*identity, {"s3:GetObject", "mission", Bytes(1024, '\xff'), ""}).ok());
}

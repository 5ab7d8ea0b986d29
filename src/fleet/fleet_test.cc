#include "fleet/fleet.h"

#include <doctest/doctest.h>

#include <functional>

#include "audit/log.h"
#include "base/random.h"
#include "format/audit.h"
#include "storage/memory/memory_store.h"

namespace dl::fleet {
namespace {

using Lines = std::vector<std::string>;

// A hub's fleet over a memory store; what the queue is given, and what stands in the log of control state.
struct World {
  ManualClock clock;
  SeededRandom random{1};
  storage::MemoryStore store{{"control"}, clock, random};
  std::unique_ptr<control::Control> control;
  std::unique_ptr<Fleet> fleet;
  Lines queued;
  bool full = false;

  World() {
    control::Config c;
    c.partition = &store.partition("control");
    c.space.bucket = random.id<BucketId>();
    c.space.self = random.id<NodeId>();
    c.space.home = true;
    c.space.id_key = Bytes(32, 'k');
    c.space.blobs = store.find_blobs("control");
    c.clock = &clock;
    c.random = &random;
    c.seal_secret = [](BytesView, BytesView secret) -> Result<Bytes> { return Bytes(secret); };
    c.open_secret = [](BytesView, BytesView sealed) -> Result<Bytes> { return Bytes(sealed); };
    control = control::Control::open(std::move(c)).value();
    FleetConfig f;
    f.control = control.get();
    f.clock = &clock;
    f.random = &random;
    f.hub_name = "hub";
    f.hub_region = "us-east-1";
    f.issue_certificate = [](BytesView key, const std::string&) -> Result<Bytes> { return Bytes(key); };
    f.record = [this](Bytes record) -> Result<void> {
      if (full) return error(Code::kBusy, "as planned");
      queued.push_back(line(format::decode_audit(record).value()));
      return {};
    };
    fleet = std::make_unique<Fleet>(std::move(f));
  }

  static std::string line(const format::AuditRecord& r) {
    const bool denied = r.decision == format::AuditDecision::kDenied && r.outcome == format::AuditOutcome::kRefused;
    return r.principal + (denied ? " denied: " : ": ") + r.reason;
  }
  // The secret of a new code.
  Bytes invite(const std::string& name) {
    auto code = fleet->invite(audit::Author("test"), name, std::chrono::hours(1), "hub:7445");
    return format::decode_invite_code(code.value()).value().secret;
  }
  Result<format::EnrollAnswer> enroll(const std::string& name, const Bytes& secret, BytesView key = "key") {
    return fleet->enroll({secret, name, "ca", random.id<NodeId>()}, key);
  }
  void refused(const std::string& name, const Bytes& secret, BytesView key = "key") {
    auto done = enroll(name, secret, key);
    REQUIRE_FALSE(done.ok());
    CHECK(done.error().code == Code::kDenied);
    CHECK(done.error().message == "the invitation code is wrong, used or expired");
  }
  Lines log() {
    Lines out;
    auto view = store.partition("control").snapshot().value();
    auto done = audit::scan(*view, 0, [&](uint64_t, const format::AuditRecord& r) -> Result<storage::Scan> {
      out.push_back(line(r));
      return storage::Scan::kContinue;
    });
    REQUIRE(done.ok());
    return out;
  }
};

const Bytes kOther(16, 'x');

}  // namespace

TEST_CASE("each refusal of a code has a record that says why; the answer says nothing") {
  World w;
  auto used = w.invite("used");
  REQUIRE(w.enroll("used", used).ok());
  CHECK(w.enroll("used", used).ok());  // the same key again
  w.refused("used", used, "another key");
  CHECK(w.queued == Lines{"enroll/used denied: used code"});
  auto late = w.invite("late");
  auto guessed = w.invite("guessed");
  for (uint32_t i = 0; i < kMaxCodeTries; i++) w.refused("guessed", kOther);
  w.refused("guessed", guessed);
  w.clock.advance(std::chrono::hours(2));
  w.refused("late", late);
  w.refused("never-invited", kOther);
  REQUIRE(w.fleet->set_state(audit::Author("test"), "used", format::DeviceState::kRetired).ok());
  w.refused("used", used);
  CHECK(w.queued == Lines{"enroll/used denied: used code", "enroll/guessed denied: too many wrong codes",
                          "enroll/late denied: expired code", "enroll/never-invited denied: there is no such device",
                          "enroll/used denied: the device is retired"});
  Lines log = w.log();  // the tries that counted are in the steps that count them
  CHECK(std::count(log.begin(), log.end(), "enroll/guessed denied: wrong code") == kMaxCodeTries);
  CHECK(log.size() == 2 + kMaxCodeTries);
}

TEST_CASE("strangers do not fill the log: one record a kind and minute, and all unknown names are one kind") {
  World w;
  auto used = w.invite("used");
  REQUIRE(w.enroll("used", used).ok());
  for (int i = 0; i < 1000; i++) w.refused("stranger-" + std::to_string(i), kOther);
  for (int i = 0; i < 10; i++) w.refused("used", kOther);
  CHECK(w.queued == Lines{"enroll/stranger-0 denied: there is no such device", "enroll/used denied: used code"});
  w.queued.clear();
  w.clock.advance(RefusalBound::kEach);
  w.refused("another", kOther);
  w.refused("used", kOther);
  CHECK(w.queued == Lines{"enroll/another denied: there is no such device; 999 more before this one are not recorded",
                          "enroll/used denied: used code; 9 more before this one are not recorded"});
  w.queued.clear();
  w.clock.advance(RefusalBound::kEach);
  w.refused("another", kOther);
  CHECK(w.queued == Lines{"enroll/another denied: there is no such device"});
}

TEST_CASE("a refusal that cannot be recorded is told as such") {
  World w;
  w.full = true;
  auto done = w.enroll("stranger", kOther);
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().code == Code::kBusy);
}

}  // namespace dl::fleet

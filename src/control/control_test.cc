#include <doctest/doctest.h>

#include "audit/log.h"
#include "base/random.h"
#include "control/control.h"
#include "control/limits.h"
#include "storage/memory/memory_store.h"

namespace dl::control {
namespace {

// Counts the commits that pass, and can refuse them.
class Watched : public storage::Partition {
 public:
  explicit Watched(storage::Partition& inner) : inner_(inner) {}
  Result<std::optional<Bytes>> get(BytesView key) const override { return inner_.get(key); }
  Result<std::unique_ptr<storage::View>> snapshot() const override { return inner_.snapshot(); }
  void commit(storage::Step step, storage::Done done, storage::Purpose purpose) override {
    if (refuse) return done(error(Code::kNoSpace, "as planned"));
    commits++;
    inner_.commit(std::move(step), std::move(done), purpose);
  }
  void stop() override { inner_.stop(); }
  bool refuse = false;
  int commits = 0;

 private:
  storage::Partition& inner_;
};

struct World {
  ManualClock clock;
  SeededRandom random{1};
  storage::MemoryStore store{{"control"}, clock, random};
  Watched partition{store.partition("control")};
  std::unique_ptr<Control> control;
  int written = 0;

  World() {
    Config c;
    c.partition = &partition;
    c.space.bucket = random.id<BucketId>();
    c.space.self = random.id<NodeId>();
    c.space.home = true;
    c.space.id_key = Bytes(32, 'k');
    c.space.blobs = store.find_blobs("control");
    c.clock = &clock;
    c.random = &random;
    c.seal_secret = [](BytesView, BytesView secret) -> Result<Bytes> { return Bytes(secret); };
    c.open_secret = [](BytesView, BytesView sealed) -> Result<Bytes> { return Bytes(sealed); };
    control = Control::open(std::move(c)).value();
  }

  // As the gate makes it: its record, and whether it was said to be durable.
  audit::Author by(const std::string& action) {
    format::AuditRecord r;
    r.time = clock.wall();
    r.principal = "user/alice";
    r.action = action;
    r.decision = format::AuditDecision::kAllowed;
    r.outcome = format::AuditOutcome::kDone;
    return {"user/alice", format::encode_audit(r).value(), [this] { written++; }};
  }
  std::vector<std::string> log() {
    std::vector<std::string> out;
    auto view = store.partition("control").snapshot().value();
    auto done = audit::scan(*view, 0, [&](uint64_t, const format::AuditRecord& r) -> Result<storage::Scan> {
      out.push_back(r.action + (r.outcome == format::AuditOutcome::kDone ? "" : " failed"));
      return storage::Scan::kContinue;
    });
    REQUIRE(done.ok());
    return out;
  }
};

}  // namespace

TEST_CASE("a change of control state and its audit record are one commit, one record a change") {
  World w;
  auto once = [&](const std::string& action, auto change) {
    int commits = w.partition.commits, written = w.written;
    size_t records = w.log().size();
    CHECK(change(w.by(action)));
    CHECK(w.partition.commits == commits + 1);
    CHECK(w.written == written + 1);
    CHECK(w.log().size() == records + 1);
    CHECK(w.log().back() == action);
  };
  auto& c = *w.control;
  std::string key;
  once("CreateUser", [&](const auto& by) { return c.create_user(by, "bob", {}).ok(); });
  once("UpdateUser", [&](const auto& by) { return c.set_user_enabled(by, "bob", false).ok(); });
  once("PutPolicy", [&](const auto& by) { return c.put_policy(by, "bob", {"p", "{}"}).ok(); });
  once("DeletePolicy", [&](const auto& by) { return c.delete_policy(by, "bob", "p").ok(); });
  once("CreateKey", [&](const auto& by) {
    auto made = c.create_key(by, "bob");
    if (made.ok()) key = made->id;
    return made.ok();
  });
  once("UpdateKey", [&](const auto& by) { return c.set_key_enabled(by, key, false).ok(); });
  once("DeleteKey", [&](const auto& by) { return c.delete_key(by, key).ok(); });
  once("DeleteUser", [&](const auto& by) { return c.delete_user(by, "bob").ok(); });
  once("CreateBucket", [&](const auto& by) { return c.create_bucket(by, "mission").ok(); });
  once("PutBucketVersioning",
       [&](const auto& by) { return c.set_versioning(by, "mission", format::BucketVersioning::kEnabled).ok(); });
  auto assign = [&](const auto& by) {
    return c
        .change_device(by, "field-01",
                       [](const format::DeviceRow*) -> Result<format::DeviceRow> {
                         format::DeviceRow row;
                         row.name = "field-01";
                         row.buckets = {"mission"};
                         return row;
                       })
        .ok();
  };
  once("AssignBucket", assign);
  once("AssignBucket", assign);  // which changes nothing, and is recorded all the same
  once("RunJob", [&](const auto& by) {
    format::WorkloadRow row;
    row.id = w.random.id<WorkloadId>();
    return c.put_workload(by, std::move(row)).ok();
  });
  once("DeleteBucket", [&](const auto& by) {
    return c.delete_bucket(by, "mission", [](const format::BucketRow&) -> Result<bool> { return true; }).ok();
  });
}

TEST_CASE("a change that is refused or not durable leaves no record of being done") {
  World w;
  auto& c = *w.control;
  REQUIRE(c.create_user(w.by("CreateUser"), "bob", {}).ok());
  CHECK(c.create_user(w.by("CreateUser"), "bob", {}).error().code == Code::kExists);
  CHECK(c.delete_user(w.by("DeleteUser"), "carol").error().code == Code::kNotFound);
  w.partition.refuse = true;
  CHECK(c.delete_user(w.by("DeleteUser"), "bob").error().code == Code::kNoSpace);
  CHECK(w.written == 1);
  CHECK(w.log() == std::vector<std::string>{"CreateUser"});
  CHECK(c.state()->find_user("bob") != nullptr);
}

TEST_CASE("what a device was assigned is remembered by the bucket, not by its name") {
  World w;
  auto& c = *w.control;
  auto assign = [&](const std::vector<std::string>& names) {
    return c
        .change_device(w.by("AssignBucket"), "field-01",
                       [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
                         format::DeviceRow row = old ? *old : format::DeviceRow{};
                         row.name = "field-01";
                         row.buckets = names;
                         return row;
                       })
        .value();
  };
  auto drop = [&](bool empty_again) {
    int asked = 0;
    return c.delete_bucket(w.by("DeleteBucket"), "mission",
                           [&](const format::BucketRow&) -> Result<bool> { return ++asked == 1 || empty_again; });
  };
  auto first = c.create_bucket(w.by("CreateBucket"), "mission").value().id;
  CHECK(assign({"mission"}).former_buckets.empty());
  CHECK((assign({}).former_buckets == std::vector{first}));
  CHECK((assign({}).former_buckets == std::vector{first}));
  CHECK(assign({"mission"}).former_buckets.empty());

  CHECK(!drop(false).ok());
  CHECK((c.state()->find_device("field-01")->buckets == std::vector<std::string>{"mission"}));
  CHECK(c.state()->find_device("field-01")->former_buckets.empty());
  REQUIRE(drop(true).ok());
  auto second = c.create_bucket(w.by("CreateBucket"), "mission").value().id;
  for (int restarted = 0; restarted < 2; restarted++) {
    const auto row = *c.state()->find_device("field-01");
    CHECK(row.buckets.empty());
    CHECK((row.former_buckets == std::vector{first}));
    REQUIRE(c.reload().ok());
  }
  assign({"mission"});
  CHECK((assign({}).former_buckets == std::vector{first, second}));
}

TEST_CASE("what a device was ever assigned is bounded") {
  World w;
  auto& c = *w.control;
  auto assign = [&](const std::string& name, bool now) {
    return c
        .change_device(w.by("AssignBucket"), "field-01",
                       [&](const format::DeviceRow* old) -> Result<format::DeviceRow> {
                         format::DeviceRow row = old ? *old : format::DeviceRow{};
                         row.name = "field-01";
                         if (now) row.buckets.push_back(name);
                         if (!now) row.buckets.clear();
                         return row;
                       })
        .ok();
  };
  size_t taken = 0;
  for (size_t i = 0; i <= kMaxEverPerDevice; i++) {
    auto name = "bucket-" + std::to_string(i);
    REQUIRE(c.create_bucket(w.by("CreateBucket"), name).ok());
    if (!assign(name, true)) break;
    REQUIRE(assign(name, false));
    taken++;
  }
  CHECK(taken == kMaxEverPerDevice);
}

TEST_CASE("a deletion that is taken back is recorded as such") {
  World w;
  auto& c = *w.control;
  REQUIRE(c.create_bucket(w.by("CreateBucket"), "mission").ok());
  int asked = 0;
  auto empty_at_first = [&](const format::BucketRow&) -> Result<bool> { return ++asked == 1; };
  CHECK(c.delete_bucket(w.by("DeleteBucket"), "mission", empty_at_first).error().code == Code::kConflict);
  CHECK(c.state()->find_bucket("mission") != nullptr);
  CHECK(w.log() == std::vector<std::string>{"CreateBucket", "DeleteBucket", "DeleteBucket failed"});
}

TEST_CASE("what the node does by itself has a record too, and a refusal is one") {
  World w;
  auto by = audit::Author::of_node(NodeId{}, w.clock.wall(), "enroll/field-01", "demilune:EnrollDevice", "device");
  by.deny("wrong code");
  REQUIRE(w.control->create_user(by, "bob", {}).ok());
  auto view = w.store.partition("control").snapshot().value();
  REQUIRE(audit::scan(*view, 0, [&](uint64_t, const format::AuditRecord& r) -> Result<storage::Scan> {
            CHECK(r.principal == "enroll/field-01");
            CHECK(r.decision == format::AuditDecision::kDenied);
            CHECK(r.outcome == format::AuditOutcome::kRefused);
            CHECK(r.reason == "wrong code");
            return storage::Scan::kContinue;
          }).ok());
}

}  // namespace dl::control

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/admin/admin.h"
#include "api/admin/testing/fakes.h"
#include "crypto/hash.h"
#include "format/json.h"
#include "journal/space_setup.h"
#include "storage/memory/memory_store.h"

// Included behind base/task.h. A node in memory, for tests of the API: real control state and fleet, everything else a
// fake.
namespace dl::api::admin::testing {

class TextBody : public net::BodyReader {
 public:
  explicit TextBody(Bytes text) : text_(std::move(text)) {}
  Task<size_t> read(char* out, size_t size) override {
    size_t n = std::min(size, text_.size() - at_);
    text_.copy(out, n, at_);
    at_ += n;
    co_return n;
  }

 private:
  Bytes text_;
  size_t at_ = 0;
};

struct Answered {
  int status = 0;
  format::Json json;
  net::HttpResponse raw;
  std::string text(std::string_view name) const { return json.text(name); }
};

class World {
 public:
  ManualClock clock;
  SeededRandom random{7};
  FakeDoor door;
  FakeObjects objects;
  FakeSync sync;
  FakeImages images;
  FakeWorkloads workloads;
  std::vector<Finding> findings;
  std::optional<Error> not_ready;
  std::optional<WallTime> hub_heard;

  explicit World(control::Role role = control::Role::kHub) : runtime_(1, 1) {
    runtime_.start();
    storage::MemoryOptions options;
    options.mode = storage::Committer::Mode::kInline;
    store_ = std::make_unique<storage::MemoryStore>(std::vector<std::string>{"control"}, clock, random, options);
    open_control(role);
    if (role == control::Role::kHub) open_fleet();
    api_ = std::make_unique<AdminApi>(context());
  }
  ~World() { runtime_.stop(); }

  control::Control& control() { return *control_; }
  // A row of this device's projection, as if it had come.
  void project(const format::SelfRow& row) {
    auto put = store_->partition("control").commit_wait([&](storage::Batch& batch) -> Result<void> {
      journal::Draft draft;
      draft.key = control::self_key();
      draft.principal = "hub";
      draft.value = format::encode(row);
      draft.object.size = draft.value->size();
      DL_TRY([[maybe_unused]] auto written,
             journal::append(batch, control_->space(), std::move(draft), journal::Moment{clock.wall()}));
      return {};
    });
    DL_ASSERT(put.ok(), "a row in memory");
    auto read = control_->reload();
    DL_ASSERT(read.ok(), "a space in memory");
  }

  Answered ask(const std::string& method, const std::string& target, Bytes body = {},
               const std::string& user = "user/root") {
    net::HttpRequest request;
    request.method = method;
    request.target = target;
    request.peer = "127.0.0.1:5";
    request.content_length = body.size();
    if (!user.empty()) request.headers.add("X-Test-User", user);
    auto state = std::make_shared<Exchange>(Exchange{api_.get(), std::move(request), TextBody(std::move(body)), {}});
    auto ran = runtime_.run([state] { return exchange(state); });
    DL_ASSERT(ran.ok(), "the API answers whatever happens");
    Answered out;
    out.raw = std::move(*state->response);
    out.status = out.raw.status;
    auto json = format::parse_json(out.raw.body);
    if (json.ok()) out.json = std::move(*json);
    return out;
  }

 private:
  struct Exchange {
    AdminApi* api;
    net::HttpRequest request;
    TextBody body;
    std::optional<net::HttpResponse> response;
  };
  static Task<void> exchange(std::shared_ptr<Exchange> state) {
    DL_CO_TRY(state->response, co_await state->api->answer(state->request, &state->body));
    co_return Result<void>();
  }

  void open_control(control::Role role) {
    control::Config config;
    config.role = role;
    config.partition = store_->find_partition("control");
    config.space.bucket = random.id<BucketId>();
    config.space.self = random.id<NodeId>();
    config.space.home = role == control::Role::kHub;
    config.space.id_key = Bytes(32, 'k');
    config.space.blobs = store_->find_blobs("control");
    config.clock = &clock;
    config.random = &random;
    config.seal_secret = [](BytesView, BytesView secret) -> Result<Bytes> { return Bytes(secret); };
    config.open_secret = [](BytesView, BytesView sealed) -> Result<Bytes> { return Bytes(sealed); };
    config.check_policy = [](const std::string& document) -> Result<void> {
      if (document.find("Principal") == std::string::npos) return {};
      return error(Code::kUnsupported, "a user's policy has no Principal");
    };
    auto space = config.space;
    auto made = config.partition->commit_wait(
        [space](storage::Batch& batch) -> Result<void> { return journal::create_space(batch, space); });
    DL_ASSERT(made.ok(), "a space in memory");
    control_ = control::Control::open(std::move(config)).value();
  }

  void open_fleet() {
    fleet::FleetConfig config;
    config.control = control_.get();
    config.clock = &clock;
    config.random = &random;
    config.hub_name = "hub";
    config.hub_region = "us-east-1";
    config.hub_id = random.id<DeviceId>();
    config.hub_ca_sha256 = crypto::sha256("ca");
    config.issue_certificate = [](BytesView, const std::string&) -> Result<Bytes> { return Bytes("certificate"); };
    config.record = [](Bytes) { return Result<void>(); };  // nobody enrols here
    fleet_ = std::make_unique<fleet::Fleet>(std::move(config));
  }

  AdminContext context() {
    AdminContext c;
    c.runtime = &runtime_;
    c.clock = &clock;
    c.random = &random;
    c.control = control_.get();
    c.fleet = fleet_.get();
    c.door = &door;
    c.objects = &objects;
    c.sync = &sync;
    c.images = &images;
    c.workloads = &workloads;
    c.node = [] {
      return NodeInfo{"hub",           "1.2.3", "us-east-1", "", "https://127.0.0.1:7443", "https://127.0.0.1:7444",
                      "10.0.0.1:7445", "PEM\n", "/d"};
    };
    c.ready = [this]() -> Result<void> {
      if (!not_ready) return {};
      return Error(*not_ready);
    };
    c.hub_heard = [this] { return hub_heard; };
    c.partitions = [] { return std::vector<PartitionStatus>{{"control", true, "", 4096}}; };
    c.doctor = [this] { return findings; };
    c.config = [] { return format::Json::object().set("settings", format::Json::array()); };
    c.metrics = [] { return std::string("# TYPE demilune_up gauge\ndemilune_up 1\n"); };
    c.inbox = [](size_t) -> Result<std::vector<InboxItem>> {
      return std::vector<InboxItem>{{"ab", "held", "mission", "k", "field-01", "user/bob", "device lost", Hlc()}};
    };
    c.audit = [](const AuditQuery& q) -> Result<std::vector<AuditRow>> {
      return std::vector<AuditRow>{
          {WallTime(), q.principal, q.action, "r", q.denied_only ? "denied" : "allowed", "done", "", "s"}};
    };
    return c;
  }

  net::Runtime runtime_;
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<control::Control> control_;
  std::unique_ptr<fleet::Fleet> fleet_;
  std::unique_ptr<AdminApi> api_;
};

}  // namespace dl::api::admin::testing

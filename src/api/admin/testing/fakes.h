#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/admin/admin.h"
#include "api/admin/context.h"
#include "crypto/hash.h"
#include "format/json.h"
#include "journal/space_setup.h"
#include "storage/memory/memory_store.h"

// Included behind base/task.h. A node in memory, for tests of the API: real control state and fleet, everything else a
// fake.
namespace dl::api::admin::testing {

// Believes the header X-Test-User; denies what is in `denied`; keeps what was asked.
class FakeDoor : public Door {
 public:
  std::set<std::string> denied;  // actions
  std::vector<std::string> asked;
  std::optional<Bytes> seen_body;

  Result<Caller> authenticate(const net::HttpRequest& request, std::optional<BytesView> body,
                              const std::string& id) override {
    auto user = request.headers.find("x-test-user");
    if (!user) return error(Code::kUnauthenticated, "nobody signed this");
    if (body) seen_body = Bytes(*body);
    return Caller{std::string(*user), "", request.peer, id};
  }
  Result<Admission> admit(const Caller& caller, const Need& need) override {
    asked.push_back(need.action + " " + need.resource);
    if (denied.count(need.action)) return error(Code::kDenied, caller.principal + " may not " + need.action);
    return Admission{caller.principal, std::nullopt};
  }
};

class FakeObjects : public ObjectOps {
 public:
  std::map<std::string, Bucket> buckets;
  std::vector<Conflict> conflicts;

  Task<std::vector<Bucket>> list_buckets(Admission) override {
    std::vector<Bucket> out;
    for (const auto& [name, b] : buckets) out.push_back(b);
    co_return out;
  }
  Task<Bucket> create_bucket(Admission admission, std::string name) override {
    if (buckets.count(name)) co_return error(Code::kExists, "bucket '" + name + "' exists");
    Bucket b;
    b.name = name;
    b.versioning = "unversioned";
    b.owner = admission.principal;
    buckets[name] = b;
    co_return b;
  }
  Task<void> delete_bucket(Admission, std::string name) override {
    if (!buckets.erase(name)) co_return error(Code::kNotFound, "no such bucket");
    co_return Result<void>();
  }
  Task<void> set_versioning(Admission, std::string name, bool enabled) override {
    buckets[name].versioning = enabled ? "enabled" : "suspended";
    co_return Result<void>();
  }
  Task<std::vector<Conflict>> list_conflicts(Admission, std::string bucket, Bytes after, size_t limit) override {
    std::vector<Conflict> out;
    for (const auto& c : conflicts)
      if (c.bucket == bucket && c.key > after && out.size() < limit) out.push_back(c);
    co_return out;
  }
  Task<Resolved> resolve(Admission, std::string bucket, Bytes key, std::string keep) override {
    auto gone = std::erase_if(conflicts, [&](const Conflict& c) { return c.bucket == bucket && c.key == key; });
    if (gone == 0) co_return error(Code::kConflict, "that key has no conflict");
    co_return Resolved{"new-of-" + keep, false};
  }
};

class FakeSync : public SyncControl {
 public:
  SyncStatus now_status;
  std::vector<std::string> steered;

  SyncStatus status() override { return now_status; }
  Result<void> now(const std::string& peer) override { return steer("now", peer); }
  Result<void> pause(const std::string& peer) override { return steer("pause", peer); }
  Result<void> resume(const std::string& peer) override { return steer("resume", peer); }
  Result<std::vector<Fact>> why(const std::string& bucket, const Bytes& key) override {
    if (key == "absent") return error(Code::kNotFound, "s3://" + bucket + "/absent is not known here");
    return std::vector<Fact>{{"state", "committed"}};
  }

 private:
  Result<void> steer(const char* what, const std::string& peer) {
    steered.push_back(std::string(what) + " " + peer);
    return {};
  }
};

class FakeImages : public Images {
 public:
  std::vector<ImageInfo> images;
  Bytes imported;

  Result<std::vector<ImageInfo>> list() override { return images; }
  Task<ImageInfo> import(net::BodyReader& archive, std::string name) override {
    char piece[100];
    for (;;) {
      DL_CO_TRY(size_t n, co_await archive.read(piece, sizeof piece));
      if (n == 0) break;
      imported.append(piece, n);
    }
    images.push_back({name, "sha256:00", "linux", "amd64", imported.size(), WallTime()});
    co_return images.back();
  }
  Result<void> remove(const std::string& name) override {
    if (std::erase_if(images, [&](const auto& i) { return i.name == name; }) == 0)
      return error(Code::kNotFound, "there is no image '" + name + "'");
    return {};
  }
};

class FakeWorkloads : public Workloads {
 public:
  std::vector<JobRequest> requests;
  std::string principal;

  Result<JobInfo> run(const audit::Author& by, const JobRequest& request) override {
    requests.push_back(request);
    principal = by.principal();
    return job();
  }
  Result<std::vector<JobInfo>> list() override { return std::vector<JobInfo>{job()}; }
  Result<JobInfo> find(const std::string& which) override {
    if (which != "j") return error(Code::kNotFound, "there is no job '" + which + "'");
    return job();
  }
  Result<LogChunk> logs(const std::string&, uint64_t offset, size_t) override {
    return LogChunk{offset == 0 ? Bytes("a\0\xff", 3) : Bytes(), 3, true, false};
  }
  Result<void> cancel(const audit::Author& by, const std::string&) override { return ended(by); }
  Result<void> remove(const audit::Author& by, const std::string&) override { return ended(by); }

 private:
  Result<void> ended(const audit::Author& by) {
    principal = by.principal();
    return {};
  }
  static JobInfo job() {
    JobInfo j;
    j.name = "j";
    j.kind = "job";
    j.phase = "Running";
    return j;
  }
};

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

#include "api/s3/testing/world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "access/sigv4.h"
#include "api/s3/handler.h"
#include "api/s3/text.h"
#include "audit/log.h"
#include "audit/queue.h"
#include "base/hex.h"
#include "base/task.h"
#include "crypto/hash.h"
#include "gate/gate.h"
#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/space_setup.h"
#include "net/runtime.h"
#include "objects/objects.h"
#include "storage/memory/memory_store.h"

namespace dl::api::s3::testing {
namespace {

constexpr std::string_view kEverything = R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";
constexpr std::string_view kReadData =
    R"({"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],
        "Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}]})";

struct Facts : gate::Facts {
  uint64_t number = 1;
  std::map<std::string, std::string, std::less<>> policies{{"admin", std::string(kEverything)},
                                                           {"reader", std::string(kReadData)}};
  uint64_t revision() const override { return number; }
  std::optional<gate::KeyFacts> find_key(std::string_view id, uint32_t) const override {
    if (!id.starts_with("AK") || !policies.contains(id.substr(2))) return std::nullopt;
    return gate::KeyFacts{.user = std::string(id.substr(2))};
  }
  Result<Bytes> day_region_key(std::string_view, uint32_t day, std::string_view region) const override {
    return access::day_region_key("secret", day, region);
  }
  std::optional<gate::UserFacts> find_user(std::string_view name) const override {
    auto it = policies.find(name);
    if (it == policies.end()) return std::nullopt;
    return gate::UserFacts{.enabled = true, .policies = {{"inline", it->second}}};
  }
};

class Body : public net::BodyReader {
 public:
  Body(Bytes bytes, std::function<void()> before) : bytes_(std::move(bytes)), before_(std::move(before)) {}
  Task<size_t> read(char* out, size_t size) override {
    if (auto before = std::exchange(before_, nullptr)) before();
    // Odd pieces, as a network delivers them.
    const size_t n = std::min({size, bytes_.size() - at_, size_t{7001}});
    std::memcpy(out, bytes_.data() + at_, n);
    at_ += n;
    co_return n;
  }
  size_t taken() const { return at_; }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  std::function<void()> before_;
};

class Writer : public net::ResponseWriter {
 public:
  explicit Writer(bool head) : head_(head) {}
  Task<void> send(net::HttpResponse response, std::optional<uint64_t> length) override {
    answer.status = response.status;
    take(response.headers);
    answer.length = length.value_or(response.body.size());
    if (!head_) answer.body = std::move(response.body);
    started_ = true;
    co_return Result<void>();
  }
  Task<void> start(int status, net::HttpHeaders headers, std::optional<uint64_t> length) override {
    answer.status = status;
    take(headers);
    answer.length = length.value_or(0);
    started_ = true;
    co_return Result<void>();
  }
  Task<void> write(BytesView data) override {
    answer.body += data;
    co_return Result<void>();
  }
  bool started() const override { return started_; }
  Answer answer;

 private:
  void take(const net::HttpHeaders& headers) {
    for (const auto& header : headers.list()) answer.headers.emplace_back(header.name, header.value);
  }
  bool head_;
  bool started_ = false;
};

}  // namespace

std::string Answer::header(std::string_view name) const {
  for (const auto& [n, v] : headers)
    if (lower(n) == lower(name)) return v;
  return {};
}

bool Answer::has(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& h) { return lower(h.first) == lower(name); });
}

std::string Answer::tag(std::string_view element) const {
  const std::string open = "<" + std::string(element) + ">";
  const size_t from = body.find(open);
  if (from == Bytes::npos) return {};
  return body.substr(from + open.size(), body.find('<', from + open.size()) - from - open.size());
}

namespace {

// Answers for the link: with kHere the body comes first.
struct Waiter : objects::BodyWaiter {
  objects::BodyState state = objects::BodyState::kNoLink;
  std::function<void()> bring;
  void want(const BucketId&, const RecordHash&, Millis, std::function<void(objects::BodyState)> done) override {
    if (state == objects::BodyState::kHere) bring();
    done(state);
  }
};

// The other node of a bucket's space, with a partition of its own.
struct Other {
  Other(const journal::Space& like, bool home, const Clock& clock, Random& random)
      : store(std::vector<std::string>{"default"}, clock, random) {
    space.bucket = like.bucket;
    space.self = NodeId::of("other-id-16-byte");
    space.home = home;
    space.id_key = like.id_key;
    space.blobs = store.find_blobs("default");
    step([this](storage::Batch& b) { return journal::create_space(b, space); });
  }
  ~Other() { store.stop(); }
  void step(storage::Step work) { store.find_partition("default")->commit_wait(std::move(work)).value(); }
  std::unique_ptr<storage::View> view() { return store.find_partition("default")->snapshot().value(); }
  storage::MemoryStore store;
  journal::Space space;
  uint64_t written = 0;
};

storage::WrittenBody write_body(storage::BlobStore& blobs, const Bytes& body) {
  auto writer = blobs.create(body.size()).value();
  writer->append(body).value();
  return writer->finish().value();
}

}  // namespace

struct World::Impl : gate::Principals, objects::BucketSource, objects::SpaceSource {
  explicit Impl(WorldOptions o)
      : options(std::move(o)),
        clock(*access_time()),
        time(options.clock ? options.clock : &clock),
        store(make_store()) {
    runtime.start();
    gate_room = std::make_unique<gate::Gate>(
        gate::Gate::Config{.node_name = "node",
                           .node = NodeId::of("node-id-16-bytes"),
                           .region = options.region,
                           .own_uid = 4242,
                           .clock = time,
                           .principals = this,
                           .record = [this](Bytes record) { return queue->submit(std::move(record)); }});
    queue = std::make_unique<audit::Queue>(partition());
    objects::Deps deps;
    deps.runtime = &runtime;
    deps.clock = time;
    deps.random = &random;
    deps.buckets = this;
    deps.spaces = this;
    deps.gate = gate_room.get();
    deps.cache = &cache;
    deps.damaged = [this](const objects::Damaged& found) { damaged.push_back(found); };
    deps.waiter = &waiter;
    deps.hub_wait = options.hub_wait;
    objects_room = std::make_unique<objects::Objects>(std::move(deps));
    handler = std::make_unique<S3Handler>(S3Config{options.region, options.hub, &requests}, *objects_room, *gate_room,
                                          random);
  }
  ~Impl() override {
    runtime.stop();
    queue->stop();
    store->stop();
  }

  static std::optional<WallTime> access_time() { return WallTime(Millis(1'795'000'000'000)); }
  std::unique_ptr<storage::MemoryStore> make_store() {
    storage::MemoryOptions memory;
    memory.inline_limit = 16 * 1024;
    return std::make_unique<storage::MemoryStore>(std::vector<std::string>{"default"}, *time, random, memory);
  }
  storage::Partition& partition() { return *store->find_partition("default"); }

  // gate::Principals
  std::shared_ptr<const gate::Facts> facts() const override {
    auto now = std::make_shared<Facts>();
    now->number = number.load();
    return now;
  }
  // objects::BucketSource
  uint64_t revision() const override { return number.load(); }
  std::optional<objects::BucketInfo> find_bucket(std::string_view name) const override {
    std::lock_guard lock(m);
    auto it = buckets.find(name);
    if (it == buckets.end()) return std::nullopt;
    return it->second;
  }
  std::vector<objects::BucketInfo> list_buckets() const override {
    std::lock_guard lock(m);
    std::vector<objects::BucketInfo> out;
    for (const auto& [name, bucket] : buckets) out.push_back(bucket);
    return out;
  }
  Result<objects::BucketInfo> create_bucket(const audit::Author& by, const std::string& name) override {
    if (!options.hub) return error(Code::kUnsupported, "done at the hub in this version");
    return hold_bucket(by.principal(), name);
  }
  Result<objects::BucketInfo> hold_bucket(const std::string& by, const std::string& name) {
    objects::BucketInfo bucket;
    {
      std::lock_guard lock(m);
      if (buckets.contains(name)) return error(Code::kExists, "the bucket exists");
      bucket.id = random.id<BucketId>();
      bucket.name = name;
      bucket.created = time->wall();
      bucket.home_region = options.region;
      bucket.owner = by;
      bucket.id_key = random.bytes(32);
      bucket.home = options.hub;
      auto space = std::make_unique<journal::Space>();
      space->bucket = bucket.id;
      space->self = NodeId::of("node-id-16-bytes");
      space->home = bucket.home;
      space->id_key = bucket.id_key;
      space->blobs = store->find_blobs("default");
      spaces[bucket.id] = std::move(space);
    }
    DL_OK(partition().commit_wait([&](storage::Batch& b) { return journal::create_space(b, *spaces.at(bucket.id)); }));
    std::lock_guard lock(m);
    buckets[name] = bucket;
    ++number;
    return bucket;
  }
  Result<void> delete_bucket(const audit::Author&, const std::string& name,
                             std::function<Result<bool>()> empty) override {
    objects::BucketInfo before;
    {
      std::lock_guard lock(m);
      before = buckets.at(name);
      buckets.erase(name);
      ++number;
    }
    DL_TRY(bool still, empty());
    if (still) return {};
    std::lock_guard lock(m);
    buckets[name] = before;
    ++number;
    return error(Code::kConflict, "it is not empty");
  }
  Result<void> set_versioning(const audit::Author&, const std::string& name, journal::Versioning versioning) override {
    std::lock_guard lock(m);
    buckets.at(name).versioning = versioning;
    ++number;
    return {};
  }
  // objects::SpaceSource
  Result<objects::SpaceHandle> find_space(const objects::BucketInfo& bucket) override {
    std::lock_guard lock(m);
    return objects::SpaceHandle{spaces.at(bucket.id).get(), &partition(), store->find_blobs("default")};
  }

  WorldOptions options;
  ManualClock clock;
  const Clock* time;
  SeededRandom random{7};
  objects::ReadCache cache{1 << 20};
  std::vector<objects::Damaged> damaged;
  std::unique_ptr<storage::MemoryStore> store;
  net::Runtime runtime{1, 2};
  mutable std::mutex m;
  std::map<std::string, objects::BucketInfo, std::less<>> buckets;
  std::map<BucketId, std::unique_ptr<journal::Space>> spaces;
  std::atomic<uint64_t> number{1};
  std::unique_ptr<audit::Queue> queue;
  std::unique_ptr<gate::Gate> gate_room;
  std::unique_ptr<objects::Objects> objects_room;
  Metrics metrics;
  RequestMetrics requests{metrics, "s3", operation_names()};
  std::unique_ptr<S3Handler> handler;
  std::function<void()> before_body;
  Waiter waiter;
  std::map<std::string, std::unique_ptr<Other>> others;
};

namespace {

// The request line and headers of a signed request.
void sign_request(const Ask& ask, const std::string& region, WallTime now, net::HttpRequest& http, Bytes& body) {
  const size_t mark = ask.target.find('?');
  access::OutgoingRequest out;
  out.method = ask.method;
  out.path = access::uri_decode(ask.target.substr(0, mark)).value();
  if (mark != std::string::npos) out.query = access::parse_query(ask.target.substr(mark + 1)).value();
  out.headers = ask.headers;
  out.headers.emplace_back("host", "node.example");
  out.payload = ask.payload.empty() ? to_hex(crypto::sha256(body).view()) : ask.payload;
  const access::Credentials who{"AK" + ask.user, "secret", ask.region.empty() ? region : ask.region};
  if (ask.user == "nobody") {
    http.target = ask.target;
    for (const auto& [n, v] : out.headers) http.headers.add(n, v);
    return;
  }
  if (ask.presigned) {
    http.target = access::presign(out, who, now, std::chrono::seconds(60));
    for (const auto& [n, v] : out.headers) http.headers.add(n, v);
    return;
  }
  const access::SignedRequest done = access::sign(out, who, now);
  http.target = done.target;
  for (const auto& [n, v] : done.headers) http.headers.add(n, v);
  if (ask.payload.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) {
    std::vector<std::pair<std::string, std::string>> trailers;
    if (ask.payload.ends_with("-TRAILER"))
      trailers = {{"x-amz-checksum-crc32", to_base64(crypto::crc_bytes(crypto::Crc::kCrc32, crypto::crc32(body)))}};
    body = access::sign_chunks(body, 64 * 1024, trailers, done, who, now);
  }
}

}  // namespace

World::World(WorldOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
World::~World() = default;

const std::vector<objects::Damaged>& World::damaged() const { return impl_->damaged; }

Answer World::ask(Ask ask) {
  net::HttpRequest http;
  http.method = ask.method;
  http.peer = "192.0.2.1:5000";
  http.tls = true;
  Bytes body = ask.body;
  sign_request(ask, impl_->options.region, impl_->time->wall(), http, body);
  http.chunked = ask.chunked;
  if (!ask.chunked) {
    http.content_length = body.size();
    http.headers.add("content-length", std::to_string(body.size()));
  }
  Body reader(std::move(body), std::exchange(impl_->before_body, nullptr));
  Writer writer(ask.method == "HEAD");
  net::HttpExchange exchange{std::move(http), reader, writer};
  auto done = impl_->runtime.run([this, &exchange] { return impl_->handler->handle(&exchange); });
  const std::string why = done.ok() ? std::string() : done.error().message;
  INFO(why);
  CHECK((done.ok() || writer.started()));
  writer.answer.body_read = reader.taken();
  writer.answer.cut =
      ask.method != "HEAD" && writer.answer.status != 304 && writer.answer.body.size() != writer.answer.length;
  return std::move(writer.answer);
}

void World::make_bucket(const std::string& name) {
  Answer answer = ask({.method = "PUT", .target = "/" + name});
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
}

std::string World::exposition() { return impl_->metrics.exposition(); }

S3Handler& World::handler() { return *impl_->handler; }
net::Runtime& World::runtime() { return impl_->runtime; }
ManualClock& World::clock() { return impl_->clock; }
void World::write_elsewhere(const std::string& bucket, const Bytes& key, const Bytes& body) {
  journal::Space& here = *impl_->spaces.at(impl_->buckets.at(bucket).id);
  auto& slot = impl_->others[bucket];
  if (!slot) slot = std::make_unique<Other>(here, !here.home, *impl_->time, impl_->random);
  Other& other = *slot;
  const journal::Moment now{impl_->time->wall()};
  journal::Draft draft;
  draft.key = key;
  draft.principal = "user/bob";
  draft.object.size = body.size();
  draft.object.body_hash = crypto::sha256(body);
  draft.object.etag = to_hex(crypto::md5(body));
  draft.fresh = write_body(*other.store.find_blobs("default"), body);
  RecordHash hash;
  other.step([&](storage::Batch& b) -> Result<void> {
    DL_TRY(auto written, journal::append(b, other.space, draft, now));
    hash = written.hash;
    return journal::mark_given(b, other.space, ++other.written);
  });
  storage::BlobStore* blobs = impl_->store->find_blobs("default");
  auto bring = [this, &here, blobs, body, hash, now] {
    journal::ArrivedBody arrived;
    arrived.body_hash = crypto::sha256(body);
    arrived.fresh = write_body(*blobs, body);
    impl_->partition()
        .commit_wait([&](storage::Batch& b) -> Result<void> {
          DL_TRY(bool taken, journal::body_arrived(b, here, hash, arrived, now));
          (void)taken;
          return {};
        })
        .value();
  };
  if (here.home) {
    auto items = journal::read_journal(*other.view(), other.space, other.space.self, 1, 100, 1 << 20).value();
    impl_->partition()
        .commit_wait([&](storage::Batch& b) -> Result<void> {
          DL_TRY(auto received, journal::receive_records(b, here, other.space.self, 1, items, now));
          (void)received;
          return {};
        })
        .value();
    bring();
    impl_->partition()
        .commit_wait([&](storage::Batch& b) -> Result<void> {
          DL_TRY(size_t looked_at, journal::commit_ready(b, here, 100, now));
          (void)looked_at;
          return {};
        })
        .value();
    return;
  }
  auto piece = journal::read_history(*other.view(), other.space, {}, 1 << 20).value();
  impl_->partition()
      .commit_wait([&](storage::Batch& b) -> Result<void> {
        DL_TRY(auto applied, journal::apply_history(b, here, *piece, now));
        (void)applied;
        return {};
      })
      .value();
  impl_->waiter.bring = bring;
}

void World::set_waiter(objects::BodyState state) { impl_->waiter.state = state; }
void World::hold_bucket(const std::string& name) { impl_->hold_bucket("user/admin", name).value(); }
objects::Objects& World::objects() { return *impl_->objects_room; }
gate::Permit World::permit(const std::string& action, const std::string& bucket, const Bytes& key) {
  gate::Identity who = impl_->gate_room->act_as({.principal = "user/admin"});
  return impl_->gate_room->authorize(who, {action, bucket, key, {}}).value();
}
void World::bump_revision() { ++impl_->number; }
void World::bump_revision_during_next_body() {
  impl_->before_body = [this] { bump_revision(); };
}

size_t World::audit_records() {
  impl_->queue->flush().value();
  return audit::count(*impl_->partition().snapshot().value()).value();
}

void World::lose_bodies() {
  impl_->partition()
      .commit_wait([](storage::Batch& batch) -> Result<void> {
        batch.erase_range("\x0b", "\x0c");
        return {};
      })
      .value();
}

size_t World::blob_count() {
  impl_->clock.advance(Millis(1000));
  (void)impl_->store->reclaim().value();
  size_t count = 0;
  impl_->partition()
      .snapshot()
      .value()
      ->scan("\x0b", "\x0c",
             [&count](BytesView, BytesView) -> Result<storage::Scan> {
               ++count;
               return storage::Scan::kContinue;
             })
      .value();
  return count;
}

}  // namespace dl::api::s3::testing

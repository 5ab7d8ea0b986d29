#include "node/spaces.h"

#include <doctest/doctest.h>

#include "fleet/projection.h"
#include "format/upload.h"
#include "journal/receive.h"
#include "storage/memory/memory_store.h"
#include "sync/testing/link.h"

namespace dl::node {
namespace {

using sync::testing::Link;
using sync::testing::Site;
using sync::testing::Way;

// A partition that ends after so many commits: the power goes.
class FailingPartition : public storage::Partition {
 public:
  explicit FailingPartition(storage::Partition& inner) : inner_(inner) {}
  Result<std::optional<Bytes>> get(BytesView key) const override { return inner_.get(key); }
  Result<std::unique_ptr<storage::View>> snapshot() const override { return inner_.snapshot(); }
  void commit(storage::Step step, storage::Done done, storage::Purpose purpose) override {
    if (left == 0) return done(error(Code::kIo, "the power went"));
    left--;
    inner_.commit(std::move(step), std::move(done), purpose);
  }
  void stop() override { inner_.stop(); }
  size_t left = SIZE_MAX;

 private:
  storage::Partition& inner_;
};

class TestStore : public storage::Store {
 public:
  TestStore(const Clock& clock, Random& random, std::shared_ptr<storage::MemoryDisk> disk)
      : inner_({"control", "default"}, clock, random, {.mode = storage::Committer::Mode::kInline, .inline_limit = 8},
               std::move(disk)),
        data(inner_.partition("default")) {}
  ~TestStore() override { stop(); }
  storage::Partition* find_partition(std::string_view name) override {
    return name == "default" ? &data : inner_.find_partition(name);
  }
  storage::BlobStore* find_blobs(std::string_view name) override { return inner_.find_blobs(name); }
  std::vector<std::string> partition_names() const override { return inner_.partition_names(); }
  void stop() override { inner_.stop(); }
  size_t reclaim() { return inner_.reclaim().value(); }

 private:
  storage::MemoryStore inner_;

 public:
  FailingPartition data;
};

// What a node has of spaces, control state and sync, on a memory disk.
class Machine {
 public:
  Machine(const std::string& name, bool hub, uint64_t seed) : site(name, hub, seed), random(seed), hub_(hub) {
    start();
  }
  void start() {
    sync.reset();
    control.reset();
    spaces.reset();
    store = std::make_unique<TestStore>(site.clock, random, disk_);
    SpacesConfig s;
    s.store = store.get();
    s.objects_partition = &store->partition("default");
    s.clock = &site.clock;
    s.self = site.node.space.self;
    s.own_device = site.device;
    s.hub = hub_;
    spaces = std::make_unique<NodeSpaces>(s);
    control::Config c;
    c.role = hub_ ? control::Role::kHub : control::Role::kDevice;
    c.partition = &store->partition("control");
    c.space = {BucketId::of(site.device.view()), s.self, hub_, Bytes(32, 'p'), &store->blobs("control"), {}};
    c.clock = &site.clock;
    c.random = &random;
    control = control::Control::open(std::move(c)).value();
    spaces->set_control(control.get());
    spaces->refresh().value();
    if (hub_) spaces->hold_lost().value();
    control->on_change([this] {
      if (hub_)
        spaces->hold_lost().value();
      else
        spaces->refresh().value();
    });
    sync = std::make_unique<sync::JournalSpaces>(*spaces, site.clock, site.sealing());
  }

  bool ready(const std::string& bucket) {
    auto info = spaces->find_bucket(bucket);
    return info && info->ready;
  }
  sync::HeldSpace held(const std::string& bucket) { return *spaces->find_space(spaces->find_bucket(bucket)->id); }
  journal::Written put(const std::string& bucket, const Bytes& key, const Bytes& body) {
    REQUIRE(ready(bucket));
    auto h = held(bucket);
    journal::Draft draft;
    draft.key = key;
    draft.principal = "alice";
    draft.versioning = journal::Versioning::kEnabled;
    draft.object.size = body.size();
    draft.object.body_hash = crypto::sha256(body);
    auto writer = h.blobs->create(body.size()).value();
    writer->append(body).value();
    draft.fresh = writer->finish().value();
    journal::Written written;
    h.partition
        ->commit_wait([&](storage::Batch& batch) -> Result<void> {
          DL_TRY(written, journal::append(batch, h.space, std::move(draft), {site.clock.wall()}));
          return {};
        })
        .value();
    return written;
  }
  // "-" when there is no such object, "~" when its body is elsewhere.
  Bytes read(const std::string& bucket, const Bytes& key) {
    auto h = held(bucket);
    auto found = journal::find_key(*h.partition->snapshot().value(), h.space, key).value();
    if (!found.current) return "-";
    if (!found.current->body_here) return "~";
    Bytes out(found.current->record.object->size, '\0');
    storage::read_pieces(*h.blobs, found.current->body, 0, out.data(), out.size()).value();
    return out;
  }
  size_t inbox(const std::string& bucket, journal::Reason reason) { return inbox(held(bucket), reason); }
  static size_t inbox(const sync::HeldSpace& h, journal::Reason reason) {
    size_t n = 0;
    journal::scan_inbox(*h.partition->snapshot().value(), h.space, [&](const journal::InboxItem& i) {
      n += i.status == format::Status::kHeld && i.reason == reason && i.record.has_value();
      return Result<storage::Scan>(storage::Scan::kContinue);
    }).value();
    return n;
  }
  // Rows of spaces in the data partition, by their type.
  std::map<uint8_t, size_t> rows() {
    std::map<uint8_t, size_t> out;
    store->data.snapshot()
        .value()
        ->scan({}, {},
               [&](BytesView k, BytesView) -> Result<storage::Scan> {
                 out[static_cast<uint8_t>(k[0])]++;
                 return storage::Scan::kContinue;
               })
        .value();
    return out;
  }

  Site site;  // its name, ids, key and clock
  SeededRandom random;
  std::unique_ptr<TestStore> store;
  std::unique_ptr<NodeSpaces> spaces;
  std::unique_ptr<control::Control> control;
  std::unique_ptr<sync::JournalSpaces> sync;

 private:
  const bool hub_;
  std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
};

// A hub and one enrolled device, and the link between them.
struct Pair {
  Pair() {
    hub.control
        ->change_device(audit::Author("admin"), "field-01",
                        [&](const format::DeviceRow*) -> Result<format::DeviceRow> {
                          format::DeviceRow row;
                          row.id = device.site.device;
                          row.name = "field-01";
                          row.state = format::DeviceState::kEnrolled;
                          row.node = device.site.node.space.self;
                          row.public_key = device.site.key.public_key().spki();
                          row.projection_id_key = Bytes(32, 'p');
                          return row;
                        })
        .value();
    wire();
  }
  void wire() {
    link = std::make_unique<Link>(hub.site, device.site, hub.sync.get(), device.sync.get());
    link->settled = [this](Site& site, const BucketId& space, uint64_t oseq) {
      if (&site == &device.site) device.spaces->settled(space, oseq);
    };
    fleet::ProjectorConfig p;
    p.control = hub.control.get();
    p.partition = &hub.store->partition("control");
    p.blobs = &hub.store->blobs("control");
    p.clock = &hub.site.clock;
    p.self = hub.site.node.space.self;
    p.facts = [] {
      fleet::ProjectionFacts facts;
      facts.today = 20'000;
      facts.secret_of = [](const std::string&) -> Result<std::string> { return std::string("secret"); };
      facts.touches = [](const format::UserRow&, const std::string&) { return false; };
      return facts;
    };
    projector = std::make_unique<fleet::Projector>(std::move(p));
  }
  void restart(Machine& machine) {
    link.reset();
    projector.reset();
    machine.start();
    wire();
  }
  void change(const std::function<void(format::DeviceRow&)>& how) {
    hub.control
        ->change_device(audit::Author("admin"), "field-01",
                        [&](const format::DeviceRow* row) -> Result<format::DeviceRow> {
                          auto next = *row;
                          how(next);
                          return next;
                        })
        .value();
  }
  void assign() {
    change([](auto& row) { row.buckets = {"mission"}; });
  }
  void unassign() {
    change([](auto& row) { row.buckets.clear(); });
  }
  // The link is up until nothing is new; what a device does by itself is done in between.
  void meet(bool sweeping = true) {
    projector->run_once().value();
    if (!link->up()) link->connect();
    for (int round = 0; round < 5; round++) {
      projector->run_once().value();
      link->change();
      REQUIRE(sync::testing::run({link.get()}));
      if (link->ended) FAIL(link->ended->message);
      device.control->reload().value();
      link->change();
      if (sweeping) device.spaces->sweep().value();
    }
  }
  void same() {
    for (const auto& key : keys) {
      CAPTURE(key);
      CHECK(device.read("mission", key) == hub.read("mission", key));
      CHECK(hub.read("mission", key) != "-");
    }
    auto at = [](Machine& m) {
      auto h = m.held("mission");
      return journal::read_position(*h.partition->snapshot().value(), h.space).value();
    };
    CHECK(at(device).cursor.csn == at(hub).cursor.csn);
    CHECK(at(device).fingerprint == at(hub).fingerprint);
  }
  void put(Machine& at, const Bytes& key, const Bytes& body) {
    at.put("mission", key, body);
    keys.insert(key);
  }

  Machine hub{"hub", true, 1}, device{"field-01", false, 2};
  std::unique_ptr<Link> link;
  std::unique_ptr<fleet::Projector> projector;
  std::set<Bytes> keys;
};

constexpr uint8_t kOrigin = 0x07, kJournal = 0x05, kSeal = 0x0f, kUpload = 0x09, kPart = 0x0a, kTable = 0x7e;

TEST_CASE("a bucket that is assigned and empty is usable once the device heard that it is") {
  Pair p;
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  p.assign();
  p.meet();
  REQUIRE(p.device.spaces->find_bucket("mission"));
  CHECK(p.device.ready("mission"));
  CHECK(p.device.read("mission", "k") == "-");
  p.link->cut();
  p.restart(p.device);
  CHECK(p.device.ready("mission"));  // without a link
  p.put(p.device, "k", "the first object of all");
  p.meet();
  CHECK(p.hub.read("mission", "k") == "the first object of all");
  p.same();
}

TEST_CASE("a bucket is not shown before the device heard all of it once") {
  Pair p;
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  p.put(p.hub, "k", "of the hub");
  p.assign();
  p.projector->run_once().value();
  p.link->connect();
  p.link->change();
  REQUIRE(sync::testing::run({p.link.get()}));
  p.device.control->reload().value();  // it knows of the bucket, and nothing of its history
  REQUIRE(p.device.spaces->find_bucket("mission"));
  CHECK(!p.device.ready("mission"));
  p.meet();
  CHECK(p.device.ready("mission"));
  p.same();
}

TEST_CASE("assign, write, unassign, drain, drop and assign again, several times") {
  Pair p;
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  auto id = p.hub.spaces->find_bucket("mission")->id;
  for (int round = 0; round < 3; round++) {
    CAPTURE(round);
    auto n = std::to_string(round);
    p.assign();
    p.meet();
    p.put(p.device, "device" + n, "a body in a segment, of the device");
    p.put(p.hub, "hub" + n, "a body in a segment, of the hub");
    p.meet();
    p.same();
    p.link->cut();
    p.put(p.device, "offline" + n, "only the device has it");
    p.unassign();
    if (round == 1) p.restart(p.device);
    if (round == 2) p.restart(p.hub);
    p.meet();
    CHECK(p.hub.read("mission", "offline" + n) == "only the device has it");
    CHECK(!p.device.spaces->find_bucket("mission"));
    CHECK(!p.device.spaces->find_space(id));
    auto rows = p.device.rows();
    CHECK(rows[kOrigin] == 1);
    CHECK(rows[kJournal] == 1);
    CHECK(rows[kSeal] == 1);
    for (uint8_t type : {1, 2, 3, 4, 6, 8, 16, 17, 18, 19, 20, 21, 0x7e}) CHECK(rows[type] == 0);
    p.device.site.clock.advance(Millis(1));
    CHECK(p.device.store->reclaim() > 0);
    CHECK(p.device.rows()[0x0b] == 0);  // no body is left
  }
  p.assign();
  p.meet();
  p.same();
}

TEST_CASE(
    "a device that is not told that all is safe at the hub keeps an unassigned bucket, assigned again it has it") {
  Pair p;
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  p.assign();
  p.meet();
  p.put(p.device, "k", "only the device has it");
  p.unassign();
  p.link->connect();
  p.projector->run_once().value();
  // The projection comes, and no body goes.
  for (int i = 0; i < 20; i++)
    for (Way way : {Way::kMetaUp, Way::kMetaDown}) p.link->deliver(way);
  p.link->cut();
  p.device.control->reload().value();
  REQUIRE(!p.device.spaces->find_bucket("mission"));
  CHECK(!p.device.spaces->sweep().value());
  p.restart(p.device);
  CHECK(!p.device.spaces->sweep().value());
  p.assign();
  p.meet();
  CHECK(p.device.read("mission", "k") == "only the device has it");
  p.same();
}

TEST_CASE("uploads in progress at the device go with an unassigned bucket, and do not hold it back") {
  Pair p;
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  p.assign();
  p.meet();
  auto h = p.device.held("mission");
  h.partition
      ->commit_wait([&](storage::Batch& batch) -> Result<void> {
        UploadId upload = UploadId::of("upload-16-bytes!");
        batch.put(format::upload_key(h.space.bucket, "large", upload), format::encode_upload({}));
        Bytes part = "a part in a segment";
        auto writer = h.blobs->create(part.size()).value();
        writer->append(part).value();
        auto body = writer->finish().value();
        Bytes key = format::upload_part_key(h.space.bucket, upload, 1);
        h.blobs->attach(batch, body, key);
        format::UploadPart row{.size = part.size(), .md5 = Bytes(16, 'm')};
        for (const auto& piece : body.pieces()) row.pieces.push_back({piece.blob, piece.offset, piece.length});
        batch.put(key, format::encode_upload_part(row));
        return {};
      })
      .value();
  p.unassign();
  p.meet(false);
  CHECK(p.device.rows()[kUpload] == 1);  // until the bucket goes: it might be assigned again
  p.meet();
  auto rows = p.device.rows();
  CHECK(rows[kUpload] == 0);
  CHECK(rows[kPart] == 0);
  p.device.site.clock.advance(Millis(1));
  CHECK(p.device.store->reclaim() == 1);
}

TEST_CASE("a drop that the power ends is finished before a bucket that is assigned again is seen") {
  for (size_t commits = 1; commits < 9; commits++) {
    CAPTURE(commits);
    Pair p;
    p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
    p.assign();
    p.meet();
    for (int i = 0; i < 700; i++) p.hub.put("mission", "k" + std::to_string(i), "");
    p.put(p.device, "k", "of the device");
    p.meet();
    p.unassign();
    p.meet(false);
    p.device.store->data.left = commits;
    bool whole = p.device.spaces->sweep().ok();
    CHECK(whole == (commits >= 6));
    p.link->cut();
    p.restart(p.device);
    p.assign();
    p.link->connect();
    p.projector->run_once().value();
    p.link->change();
    REQUIRE(sync::testing::run({p.link.get()}));
    p.device.control->reload().value();
    CHECK(!p.device.ready("mission"));  // half of it is no bucket
    p.meet();
    REQUIRE(p.device.ready("mission"));
    p.put(p.device, "l", "written after");
    p.meet();
    p.same();
    CHECK(p.hub.read("mission", "l") == "written after");
    CHECK(p.device.rows()[kTable] == 1);
  }
}

// What the power can leave of a deletion: the row says deleted, the space does not know.
struct CutDeletion : Pair {
  CutDeletion() {
    hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
    assign();
    meet();
    link->cut();
    space = hub.held("mission");
  }
  void cut_off(const std::function<void()>& meanwhile = [] {}) {
    hub.control
        ->delete_bucket(audit::Author("admin"), "mission",
                        [&](const format::BucketRow&) -> Result<bool> {
                          meanwhile();
                          return true;
                        })
        .value();
    restart(hub);
  }
  bool deleted() { return hub.control->state()->find_bucket(space->space.bucket)->deleted; }
  sync::HeldSpace again() { return *hub.spaces->find_space(space->space.bucket); }

  std::optional<sync::HeldSpace> space;
};

TEST_CASE("a deletion that the power cut off is finished: what comes later is held, with its body") {
  CutDeletion p;
  p.put(p.device, "late", "written far away");
  p.cut_off();
  CHECK(p.deleted());
  CHECK(!p.hub.spaces->find_bucket("mission"));
  p.meet();
  p.meet();
  CHECK(Machine::inbox(p.again(), journal::Reason::kBucketDeleted) == 1);
  size_t bodies = 0;
  auto h = p.again();
  journal::scan_inbox(*h.partition->snapshot().value(), h.space,
                      [&](const journal::InboxItem& i) -> Result<storage::Scan> {
                        bodies += journal::load_known(*h.partition->snapshot().value(), i.hash).value().row.body_here;
                        return storage::Scan::kContinue;
                      })
      .value();
  CHECK(bodies == 1);
  // A bucket of that name is another one.
  p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
  p.restart(p.hub);
  CHECK(p.hub.read("mission", "late") == "-");
}

TEST_CASE("a deletion that the power cut off is taken back when something was written meanwhile") {
  for (bool taken : {false, true}) {
    CAPTURE(taken);
    CutDeletion p;
    bool written = false;
    p.cut_off([&] {
      if (!written) p.hub.put("mission", "acknowledged", "a body");
      written = true;
    });
    if (taken) {
      // The name was in use already when the deletion was found unfinished.
      CHECK(!p.deleted());
      p.hub.control
          ->delete_bucket(audit::Author("admin"), "mission",
                          [](const format::BucketRow&) { return Result<bool>(true); })
          .value();
      p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
      p.restart(p.hub);
    }
    CHECK(!p.deleted());
    auto name = p.hub.control->state()->find_bucket(p.space->space.bucket)->name;
    CHECK(name == (taken ? "mission-" + p.space->space.bucket.hex().substr(0, 8) : "mission"));
    CHECK(p.hub.read(name, "acknowledged") == "a body");
    if (taken) CHECK(p.hub.read("mission", "acknowledged") == "-");
  }
}

TEST_CASE("the hub takes records of what a device has or had, and of no other bucket") {
  Pair p;
  auto bucket = [&](const std::string& name) {
    p.hub.spaces->create_bucket(audit::Author("admin"), name).value();
    return p.hub.held(name).space.bucket;
  };
  auto mission = bucket("mission"), other = bucket("other");
  auto takes = [&](const BucketId& id) { return p.hub.spaces->may_receive(p.device.site.as_peer(), id).value(); };
  CHECK(!takes(mission));
  p.assign();
  CHECK(takes(mission));
  p.unassign();
  CHECK(takes(mission));
  CHECK(!takes(other));
  CHECK(takes(BucketId::of(p.hub.control->state()->find_device("field-01")->id.view())));
}

TEST_CASE("what a lost device left without its content is held and visible, also when the hub ended in between") {
  for (auto state : {format::DeviceState::kLost, format::DeviceState::kRetired})
    for (bool restart : {false, true}) {
      CAPTURE(restart);
      Pair p;
      p.hub.spaces->create_bucket(audit::Author("admin"), "mission").value();
      p.assign();
      p.meet();
      p.put(p.device, "safe", "came whole");
      p.meet();
      p.device.put("mission", "gone", "only its record came");
      p.link->change(true, false);
      while (p.link->deliver(Way::kMetaUp)) {
      }
      p.link->cut();
      CHECK(p.hub.inbox("mission", journal::Reason::kDevice) == 0);
      if (restart) p.hub.control->on_change([] {});  // it ended before the records were held
      p.change([&](auto& row) { row.state = state; });
      if (restart) p.restart(p.hub);
      CHECK(p.hub.inbox("mission", journal::Reason::kDevice) == 1);
      CHECK(p.hub.read("mission", "gone") == "-");
      CHECK(p.hub.read("mission", "safe") == "came whole");
      auto h = p.hub.held("mission");
      auto origin = p.device.site.node.space.self;
      CHECK(!journal::settled_at(*h.partition->snapshot().value(), h.space, origin).value());
      // Its sessions are over: nothing more of it comes.
      CHECK(p.hub.spaces->shared_with(p.device.site.as_peer()).value().empty());
      CHECK(!p.hub.spaces->may_receive(p.device.site.as_peer(), h.space.bucket).value());
    }
}

}  // namespace
}  // namespace dl::node

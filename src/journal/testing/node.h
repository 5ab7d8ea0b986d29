#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "journal/space.h"
#include "journal/space_setup.h"
#include "storage/memory/memory_store.h"

// One node of a test: a space on a memory partition, every call its own step.
namespace dl::journal::testing {

inline BucketId test_bucket() { return BucketId::of("bucket-bucket-16"); }

class TestNode {
 public:
  TestNode(const std::string& name, bool home, const ManualClock& clock, uint64_t seed, Rules rules = {},
           int64_t skew_millis = 0)
      : name_(name), clock_(clock), random_(seed), skew_(skew_millis) {
    open();
    space.bucket = test_bucket();
    space.self = random_.id<NodeId>();
    space.home = home;
    space.id_key = Bytes(32, 'k');
    space.rules = rules;
    step([&](storage::Batch& b) { return create_space(b, space); }).value();
  }

  // A crash: what was in memory is gone, what was acknowledged is found again.
  void restart() {
    store_.reset();
    open();
  }
  storage::BlobStore* blobs() { return store_->find_blobs("default"); }

  const std::string& name() const { return name_; }
  storage::Partition& partition() { return *store_->find_partition("default"); }
  std::unique_ptr<storage::View> view() { return partition().snapshot().value(); }
  Moment now() const { return {clock_.wall() + Millis(skew_), format::ClockTrust::kSynced}; }

  template <class F>
  auto step(F fn) -> decltype(fn(std::declval<storage::Batch&>())) {
    using R = decltype(fn(std::declval<storage::Batch&>()));
    std::optional<R> out;
    Result<void> done = partition().commit_wait([&](storage::Batch& b) -> Result<void> {
      out.emplace(fn(b));
      if (!out->ok()) return out->error();
      return {};
    });
    if (!done.ok()) return done.error();
    return std::move(*out);
  }

  Draft object(const Bytes& key, const Bytes& body, Versioning versioning = Versioning::kUnversioned) {
    Draft d;
    d.kind = format::RecordKind::kObject;
    d.key = key;
    d.versioning = versioning;
    d.principal = "alice";
    d.object.size = body.size();
    d.object.body_hash = crypto::sha256(body);
    d.object.etag = to_hex(crypto::md5(body));
    d.fresh = write_body(body);
    return d;
  }
  Draft marker(const Bytes& key, Versioning versioning = Versioning::kUnversioned) {
    Draft d;
    d.kind = format::RecordKind::kMarker;
    d.key = key;
    d.versioning = versioning;
    d.principal = "alice";
    return d;
  }
  Draft purge(const Bytes& key, const RecordHash& target) {
    Draft d;
    d.kind = format::RecordKind::kPurge;
    d.key = key;
    d.target = target;
    d.principal = "alice";
    return d;
  }
  Draft hold(const Bytes& key, const RecordHash& target, bool on) {
    Draft d;
    d.kind = format::RecordKind::kAttributes;
    d.key = key;
    d.target = target;
    d.principal = "alice";
    d.attributes.hold.emplace();
    d.attributes.hold->value = on;
    return d;
  }
  Draft tags(const Bytes& key, const RecordHash& target, const std::string& value) {
    Draft d = hold(key, target, false);
    d.attributes = {};
    d.attributes.tags.emplace();
    d.attributes.tags->value = {{"t", value}};
    return d;
  }

  storage::WrittenBody write_body(const Bytes& body) {
    auto writer = store_->find_blobs("default")->create(body.size()).value();
    writer->append(body).value();
    return writer->finish().value();
  }
  Result<Written> write(Draft draft) {
    return step([&](storage::Batch& b) { return append(b, space, std::move(draft), now()); });
  }
  Written put(const Bytes& key, const Bytes& body, Versioning v = Versioning::kUnversioned) {
    return write(object(key, body, v)).value();
  }
  KeyView key(const Bytes& key) { return find_key(*view(), space, key).value(); }
  // The body of the current object; "-" when there is none, "~" when it is not here.
  Bytes read(const Bytes& name) {
    KeyView k = key(name);
    if (!k.current || k.current->record.kind != format::RecordKind::kObject) return "-";
    return read(*k.current);
  }
  Bytes read(const Version& v) {
    if (!v.body_here) return "~";
    Bytes out(v.record.object->size, '\0');
    storage::read_pieces(*space.blobs, v.body, 0, out.data(), out.size()).value();
    return out;
  }
  std::vector<Version> versions() {
    std::vector<Version> out;
    scan_versions(*view(), space, {}, std::nullopt, [&](const Version& v) -> Result<storage::Scan> {
      out.push_back(v);
      return storage::Scan::kContinue;
    }).value();
    return out;
  }
  size_t reclaim() { return store_->reclaim().value(); }

  Space space;

 private:
  void open() {
    storage::MemoryOptions options;
    options.mode = storage::Committer::Mode::kInline;
    options.inline_limit = 8;
    store_ =
        std::make_unique<storage::MemoryStore>(std::vector<std::string>{"default"}, clock_, random_, options, disk_);
    space.blobs = blobs();
  }

  std::string name_;
  const ManualClock& clock_;
  SeededRandom random_;
  int64_t skew_;
  std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
  std::unique_ptr<storage::MemoryStore> store_;
};

}  // namespace dl::journal::testing

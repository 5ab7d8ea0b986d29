#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crypto/keys.h"
#include "journal/testing/node.h"
#include "sync/journal_spaces.h"

// A node as the sessions see it: spaces on a memory store, a membership that tests write, a clock of its own.
namespace dl::sync::testing {

class TestMembership : public Membership {
 public:
  Result<std::vector<BucketId>> shared_with(const Peer& peer) const override {
    std::vector<BucketId> out;
    auto at = shared.find(peer.device);
    if (at != shared.end())
      for (const auto& id : at->second)
        if (held.contains(id)) out.push_back(id);
    return out;
  }
  Result<bool> may_receive(const Peer& peer, const BucketId& space) const override {
    auto at = receivable.find(peer.device);
    return at != receivable.end() && at->second.contains(space) && held.contains(space);
  }
  Result<std::vector<BucketId>> receivable_from(const Peer& peer) const override {
    auto at = receivable.find(peer.device);
    if (at == receivable.end()) return std::vector<BucketId>();
    return std::vector<BucketId>(at->second.begin(), at->second.end());
  }
  std::optional<HeldSpace> find_space(const BucketId& space) const override {
    auto at = held.find(space);
    return at == held.end() ? std::nullopt : std::optional(at->second);
  }

  std::map<BucketId, HeldSpace> held;
  std::map<DeviceId, std::set<BucketId>> shared, receivable;
};

// The same seed gives the same key: a disk that was set back is still the same device.
inline crypto::PrivateKey test_key(uint64_t seed) {
  static std::map<uint64_t, crypto::PrivateKey> keys;
  auto at = keys.find(seed);
  if (at == keys.end()) {
    SeededRandom random(seed + 2'000'000);
    at = keys.emplace(seed, crypto::PrivateKey::generate(random)).first;
  }
  return at->second;
}

class Site {
 public:
  // The same seed gives the same device and node id.
  Site(const std::string& name, bool home, uint64_t seed, journal::Rules rules = {}, int64_t skew_millis = 0)
      : clock(WallTime(Millis(1'700'000'000'000 + skew_millis))),
        device(SeededRandom(seed + 1'000'000).id<DeviceId>()),
        key(test_key(seed)),
        node(name, home, clock, seed, rules),
        spaces(members, clock, sealing()) {
    hold(node.space.bucket);
  }
  // Takes up a space; its twin of another bucket id, if it is not the one the node was made with.
  journal::Space hold(const BucketId& bucket) {
    journal::Space space = node.space;
    space.bucket = bucket;
    node.step([&](storage::Batch& b) { return journal::create_space(b, space); }).value();
    members.held[bucket] = {space, &node.partition(), node.blobs(), false};
    return space;
  }
  // A crash: memory is gone, the disk stays.
  void restart() {
    node.restart();
    for (auto& [id, held] : members.held) {
      held.space.blobs = held.blobs = node.blobs();
      held.partition = &node.partition();
    }
  }
  Peer as_peer() const { return {device, node.name(), node.space.self, node.space.home, key.public_key().spki()}; }
  SealingKey sealing() const {
    return {device, [key = key](BytesView message) -> Result<Bytes> { return key.sign(message); }};
  }
  // Lets go of a space as a node does, with what it held of it.
  void drop(const BucketId& bucket) {
    auto space = members.held.at(bucket).space;
    for (bool more = true; more;)
      more = node.step([&](storage::Batch& b) { return journal::drop_space(b, space, 50, clock.wall()); }).value();
  }

  ManualClock clock;
  DeviceId device;
  crypto::PrivateKey key;
  journal::testing::TestNode node;
  TestMembership members;
  JournalSpaces spaces;
};

// From now on both exchange that space.
inline void share(Site& a, Site& b, const BucketId& space) {
  a.members.shared[b.device].insert(space);
  b.members.shared[a.device].insert(space);
  a.members.receivable[b.device].insert(space);
  b.members.receivable[a.device].insert(space);
}

}  // namespace dl::sync::testing

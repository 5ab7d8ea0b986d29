#pragma once

#include "sync/testing/link.h"

// A hub and two devices that share one space.
namespace dl::sync::testing {

inline Bytes body_of(size_t size, uint64_t seed) {
  SeededRandom random(seed);
  return random.bytes(size);
}

struct Trio {
  Trio() {
    share(hub, a, space);
    share(hub, b, space);
  }
  void connect() {
    to_a.connect();
    to_b.connect();
  }
  bool run() { return testing::run({&to_a, &to_b}); }

  const BucketId space = journal::testing::test_bucket();
  Site hub{"hub", true, 1}, a{"a", false, 2}, b{"b", false, 3};
  Link to_a{hub, a}, to_b{hub, b};
};

// Everything that a node shows and whether it is safe, to compare nodes with.
inline std::string picture(Site& site) {
  std::string out;
  for (const auto& v : site.node.versions())
    out += v.record.key + " " + v.hash.hex().substr(0, 12) + (v.current ? " current" : "") +
           (v.conflict_head ? " conflict" : "") + (v.state == journal::State::kCommitted ? "" : " tentative") +
           (v.body_here ? "" : " remote") + "\n";
  return out;
}

inline journal::Draft multipart(Site& site, const Bytes& key, const std::vector<Bytes>& parts) {
  format::BodyManifest manifest;
  crypto::Sha256Hasher hasher;
  Bytes whole;
  for (const auto& part : parts) {
    manifest.parts.push_back({part.size(), crypto::sha256(part)});
    Bytes size;
    put_be64(size, part.size());
    hasher.update(size);
    hasher.update(manifest.parts.back().sha256.view());
    whole += part;
  }
  auto draft = site.node.object(key, whole);
  draft.object.body_hash = hasher.finish();
  for (const auto& part : parts) draft.object.part_runs.push_back({part.size(), 1});
  draft.manifest = manifest;
  return draft;
}

}  // namespace dl::sync::testing

#pragma once

#include "journal/testing/world.h"

// What must hold once every device has met the hub. Judged from what was written (Truth), not from what the journal
// says happened. A world has hub(), nodes() (pointers to TestNode), keys(), truth() and flag().
namespace dl::journal::testing {

template <class World>
class WorldChecks {
 public:
  explicit WorldChecks(World& world) : w_(world) {}

  void run() {
    for (const auto& key : w_.keys()) {
      everywhere_the_same(key);
      nothing_lost_or_back(key);
      conflicts_are_true(key);
      attributes_are_merged(key);
    }
    journals_are_whole();
    bodies_are_readable();
  }

 private:
  using Hashes = std::set<RecordHash>;

  format::Status hub_status(const RecordHash& hash) {
    auto view = w_.hub().view();
    Known known = load_known(*view, hash).value();
    auto it = w_.truth().find(hash);
    auto pending = load_pending(*view, w_.hub().space.bucket, it->second.record.key, hash).value();
    if (pending) return pending->status;
    return known.kind == Known::Kind::kUnknown ? format::Status::kTentative : format::Status::kCommitted;
  }
  // Neither held nor refused at the end.
  bool counts(const RecordHash& hash) {
    auto status = hub_status(hash);
    return status != format::Status::kHeld && status != format::Status::kRefused;
  }
  static bool is_version(const Truth& t) {
    return t.record.kind == format::RecordKind::kObject || t.record.kind == format::RecordKind::kMarker;
  }

  std::string signature(TestNode& node, const Bytes& key) {
    std::string out;
    auto state = load_shown_state(*node.view(), node.space, key).value();
    for (const auto& v : node.versions()) {
      if (v.record.key != key) continue;
      out += v.hash.hex().substr(0, 8) + (v.current ? "*" : "") + (v.conflict_head ? "!" : "") +
             (v.state == State::kCommitted ? "" : "?") + (v.attributes.hold ? "h" : "");
      if (v.attributes.tags) out += "t" + v.attributes.tags->at(0).value;
      out += " ";
    }
    std::sort(state.awaited.begin(), state.awaited.end());
    for (const auto& a : state.awaited) out += "~" + a.hex().substr(0, 8);
    return out;
  }
  void everywhere_the_same(const Bytes& key) {
    std::string hub = signature(w_.hub(), key);
    auto fingerprint = read_position(*w_.hub().view(), w_.hub().space)->fingerprint;
    for (const auto& node : w_.nodes()) {
      if (signature(*node, key) != hub) w_.flag("diverged");
      if (read_position(*node->view(), node->space)->fingerprint != fingerprint) w_.flag("fingerprints differ");
      if (load_all_pending(*node->view(), node->space.bucket, key)->size() !=
          load_all_pending(*w_.hub().view(), node->space.bucket, key)->size())
        w_.flag("inboxes differ");
    }
    for (const auto& p : load_all_pending(*w_.hub().view(), w_.hub().space.bucket, key).value())
      if (p.row.status == format::Status::kTentative) w_.flag("undecided though nothing was lost");
  }

  Hashes live(const Bytes& key) {
    Hashes out;
    for (const auto& v : w_.hub().versions())
      if (v.record.key == key) out.insert(v.hash);
    // Markers that no listing shows are versions all the same.
    auto state = load_key_state(*w_.hub().view(), w_.hub().space.bucket, key).value();
    for (const auto& hash : state.nulls) out.insert(hash);
    return out;
  }

  void nothing_lost_or_back(const Bytes& key) {
    Hashes alive = live(key);
    for (const auto& [hash, t] : w_.truth()) {
      if (t.record.key != key) continue;
      if (t.record.kind == format::RecordKind::kObject && !alive.contains(hash) && counts(hash) && !t.voided) {
        bool ended = false;
        for (const auto& [other, q] : w_.truth())
          ended |= counts(other) && std::find(q.record.ends.begin(), q.record.ends.end(), hash) != q.record.ends.end();
        if (!ended) w_.flag("lost");
      }
      if (!t.effective || !counts(hash)) continue;
      for (const auto& e : t.record.ends) {
        auto at = w_.truth().find(e);
        if (alive.contains(e) && at != w_.truth().end() && !at->second.was_locked) w_.flag("an ended version is back");
      }
    }
  }

  const Hashes& ancestors(const RecordHash& hash) {
    auto [at, fresh] = ancestors_.try_emplace(hash);
    if (!fresh) return at->second;
    Hashes out;
    auto t = w_.truth().find(hash);
    if (t != w_.truth().end()) {
      for (const auto& p : t->second.record.parents) {
        out.insert(p);
        const Hashes& more = ancestors(p);
        out.insert(more.begin(), more.end());
      }
    }
    return ancestors_[hash] = std::move(out);
  }

  void conflicts_are_true(const Bytes& key) {
    Hashes alive = live(key), superseded_by_live, superseded;
    for (const auto& hash : alive) superseded_by_live.insert(ancestors(hash).begin(), ancestors(hash).end());
    for (const auto& [hash, t] : w_.truth())
      if (t.record.key == key && is_version(t) && counts(hash))
        superseded.insert(ancestors(hash).begin(), ancestors(hash).end());
    auto state = load_key_state(*w_.hub().view(), w_.hub().space.bucket, key).value().state;
    Hashes conflicts(state.conflicts.begin(), state.conflicts.end());
    for (const auto& c : conflicts) {
      if (superseded_by_live.contains(c)) w_.flag("phantom conflict");
      if (state.current && ancestors(c).contains(*state.current)) w_.flag("phantom conflict");
    }
    for (const auto& hash : alive) {
      if (state.current && ancestors(hash).contains(*state.current)) w_.flag("current is superseded by a live version");
      const Truth& t = w_.truth().at(hash);
      bool head = t.record.kind == format::RecordKind::kObject && !superseded.contains(hash);
      if (head && state.current != hash && !conflicts.contains(hash)) w_.flag("a true head is not shown");
    }
    if (!alive.empty() && !state.current) w_.flag("versions but no current");
  }

  void attributes_are_merged(const Bytes& key) {
    for (const auto& v : w_.hub().versions()) {
      if (v.record.key != key) continue;
      std::vector<const Truth*> setters;
      for (const auto& [hash, t] : w_.truth())
        if (t.record.target == v.hash && t.record.attributes.hold && t.effective && counts(hash)) setters.push_back(&t);
      bool want = false, any = false;
      for (const Truth* a : setters) {
        bool seen = false;
        for (const Truth* b : setters) {
          const auto& s = b->record.attributes.hold->seen;
          seen |= std::find(s.begin(), s.end(), a->hash) != s.end();
        }
        if (seen) continue;
        any = true;
        want |= a->record.attributes.hold->value;
      }
      if (any && want != v.attributes.hold) w_.flag(want ? "hold lost" : "hold stuck");
    }
  }

  void journals_are_whole() {
    for (const auto& node : w_.nodes()) {
      uint64_t own = load_origin(*node->view(), node->space.bucket, node->space.self)->received;
      uint64_t hub = load_origin(*w_.hub().view(), node->space.bucket, node->space.self)->received;
      if (own != hub) w_.flag("a journal did not arrive whole");
    }
  }
  void bodies_are_readable() {
    for (const auto& node : w_.nodes())
      for (const auto& v : node->versions())
        if (v.record.object && node->read(v) != w_.truth().at(v.hash).body) w_.flag("a body is missing or wrong");
  }

  World& w_;
  std::map<RecordHash, Hashes> ancestors_;
};

using Checks = WorldChecks<World>;

// Problems of one seed; empty: none.
inline std::set<std::string> run_seed(uint64_t seed, Rules rules = {}, bool trace = false) {
  World world(seed, rules, trace);
  world.run();
  Checks(world).run();
  return world.problems();
}

}  // namespace dl::journal::testing

#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/testing/node.h"
#include "journal/work.h"

// A random history over a hub and three devices with the real journal functions: writes everywhere, exchanges cut at
// any entry, bodies that come late, clocks that are wrong, versioning switched, authors banned, held records accepted.
// After it has healed, checks.h looks for what must never be. Everything follows from the seed.
namespace dl::journal::testing {

struct Truth {  // one record that somebody wrote, as the checks see it
  RecordHash hash;
  format::Record record;
  Bytes body;
  bool voided = false;
  bool effective = false;   // seen committed at the hub, not refused
  bool was_locked = false;  // a hold was ever set on it
};

class World {
 public:
  // With a trace every event is printed, for people.
  World(uint64_t seed, Rules rules, bool trace = false) : random_(seed), trace_(trace) {
    dense_ = seed % 3 == 0;  // one key, many purges, short meetings
    keys_ = !dense_ && random_.below(2) ? std::vector<Bytes>{"a", "b"} : std::vector<Bytes>{"a"};
    const int64_t skews[] = {0, 0, 0, -40, 40, 400};
    Versioning first = random_.below(5) < 2 ? Versioning::kEnabled : Versioning::kUnversioned;
    for (size_t i = 0; i < 4; i++) {
      nodes_.push_back(std::make_unique<TestNode>(i == 0 ? "hub" : "device" + std::to_string(i), i == 0, clock_,
                                                  seed * 16 + i, rules, i == 0 ? 0 : skews[random_.below(6)]));
      versioning_.push_back(first);
    }
  }

  // Runs the history and heals it.
  void run() {
    size_t steps = 6 + random_.below(40);
    for (size_t i = 0; i < steps; i++) {
      clock_.advance(Millis(1 + random_.below(20)));
      step();
      watch();
    }
    heal();
  }

  TestNode& hub() { return *nodes_[0]; }
  const std::vector<std::unique_ptr<TestNode>>& nodes() const { return nodes_; }
  const std::vector<Bytes>& keys() const { return keys_; }
  const std::map<RecordHash, Truth>& truth() const { return truth_; }
  const std::set<std::string>& problems() const { return problems_; }
  void flag(const std::string& problem) { problems_.insert(problem); }

 private:
  bool chance(double p) { return static_cast<double>(random_.below(1'000'000)) < p * 1e6; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }

  template <class... Args>
  void log(fmt::format_string<Args...> text, Args&&... args) {
    if (trace_) fmt::print("{}\n", fmt::format(text, std::forward<Args>(args)...));
  }
  static std::string shorten(const std::vector<RecordHash>& hashes) {
    std::string out;
    for (const auto& h : hashes) out += h.hex().substr(0, 6) + " ";
    return out;
  }
  void log_state(TestNode& node) {
    if (!trace_) return;
    for (const auto& key : keys_) {
      auto s = load_shown_state(*node.view(), node.space, key).value();
      log("    {} {}: current {}conflicts {}awaited {}", node.name(), key,
          shorten(s.current ? std::vector{*s.current} : std::vector<RecordHash>{}), shorten(s.conflicts),
          shorten(s.awaited));
    }
  }

  void step() {
    size_t n = random_.below(nodes_.size());
    uint64_t a = random_.below(100);
    if (a < 55) {
      act(n);
    } else if (a < 74) {
      size_t d = 1 + random_.below(3);
      meet(d, pick_bodies(), random_.below(2) ? random_.below(4) : 99, random_.below(2) ? random_.below(4) : 99);
    } else if (a < 86) {
      size_t x = 1 + random_.below(3), y = 1 + random_.below(3);
      if (x != y) exchange(x, y, pick_bodies(), random_.below(2) ? 1 + random_.below(2) : 99);
    } else if (a < 90) {
      const Versioning next[] = {Versioning::kUnversioned, Versioning::kEnabled, Versioning::kSuspended};
      versioning_[0] = versioning_[0] == Versioning::kUnversioned ? Versioning::kEnabled : next[1 + random_.below(2)];
    } else if (a < 93) {
      banned_ = !banned_;
    } else if (a < 97) {
      accept_some();
    }
  }
  double pick_bodies() {
    const double p[] = {1, 1, 0.5, 0};
    return p[random_.below(4)];
  }

  // ---- writing
  void act(size_t n) {
    TestNode& node = *nodes_[n];
    const Bytes key = pick(keys_);
    KeyView view = node.key(key);
    std::vector<Version> versions;
    for (auto& v : node.versions())
      if (v.record.key == key) versions.push_back(v);
    uint64_t a = random_.below(100);
    if (dense_ && random_.below(4) == 0 && !versions.empty()) a = 70;
    bool object_now = view.current && view.current->record.kind == format::RecordKind::kObject;
    if (a < 45) {
      Draft d = object(node, key, n);
      d.guard = !object_now && chance(0.3);
      write(node, d);
    } else if (a < 55 && !view.conflicts.empty()) {
      Draft d = random_.below(3) ? object(node, key, n) : node.marker(key, versioning_[n]);
      d.settles = true;
      write(node, d);
    } else if (a < 58 && !view.conflicts.empty() && view.current) {
      std::vector<RecordHash> heads = view.conflicts;
      heads.push_back(view.current->hash);
      Draft d = object(node, key, n);
      d.parents = {pick(heads)};
      write(node, d);
    } else if (a < 66 && object_now) {
      write(node, node.marker(key, versioning_[n]));
    } else if (a < 80 && !versions.empty()) {
      purge(n, key, versions);
    } else if (!versions.empty()) {
      attributes(node, key, pick(versions));
    }
  }
  Draft object(TestNode& node, const Bytes& key, size_t n) {
    Draft d = node.object(key, "body " + std::to_string(truth_.size()), versioning_[n]);
    d.principal = random_.below(2) ? "alice" : "bob";
    return d;
  }
  void purge(size_t n, const Bytes& key, const std::vector<Version>& versions) {
    std::vector<RecordHash> targets;
    bool lifecycle = n == 0 && random_.below(2);  // never current or a conflict head
    for (const auto& v : versions)
      if (!v.attributes.hold && !(lifecycle && (v.current || v.conflict_head))) targets.push_back(v.hash);
    if (targets.empty()) return;
    Draft d = nodes_[n]->purge(key, pick(targets));
    write(*nodes_[n], d);
  }
  void attributes(TestNode& node, const Bytes& key, const Version& v) {
    if (v.record.kind != format::RecordKind::kObject) return;
    write(node,
          chance(0.6) ? node.hold(key, v.hash, chance(0.6)) : node.tags(key, v.hash, std::to_string(truth_.size())));
  }
  void write(TestNode& node, Draft draft) {
    bool is_hub = &node == nodes_[0].get();
    auto before = is_hub ? hub_state() : State{};
    if (draft.principal.empty()) draft.principal = "alice";
    auto written = node.write(draft);
    if (!written.ok()) {
      // A lock that the view shows, or a version that is hidden by now: a person would be told.
      if (written.error().code != Code::kDenied) flag("write failed: " + written.error().message);
      return;
    }
    if (!written->wrote) return;
    auto known = load_known(*node.view(), written->hash).value();
    log("{} writes {} kind {} {}oseq {} parents {}ends {}target {}", node.name(), shorten({written->hash}),
        static_cast<int>(known.record.kind), known.record.null ? "null " : "", known.record.oseq,
        shorten(known.record.parents), shorten(known.record.ends),
        shorten(known.record.target ? std::vector{*known.record.target} : std::vector<RecordHash>{}));
    log_state(node);
    Truth t{written->hash, known.record, {}, false, false, false};
    if (known.is_version() && known.row.body_here && known.record.object) t.body = node.read(to_read(known));
    for (const auto& e : known.record.ends)
      if (auto k = load_known(*node.view(), e).value(); k.is_tombstone() && k.grave.voided && truth_.contains(e)) {
        if (truth_[e].record.principal != known.record.principal) flag("voided another principal's record");
        truth_[e].voided = true;
      }
    if (known.record.attributes.hold && known.record.attributes.hold->value && known.record.target)
      truth_[*known.record.target].was_locked = true;
    truth_[written->hash] = std::move(t);
    if (is_hub) observe(before);
  }
  static Version to_read(const Known& known) {
    Version v;
    v.record = known.record;
    v.body_here = true;
    v.body = from_row(known.row.body);
    return v;
  }

  // ---- the hub's loop
  struct State {
    std::map<Bytes, std::optional<RecordHash>> current;
    std::map<RecordHash, bool> locked;
  };
  State hub_state() {
    State s;
    for (const auto& key : keys_)
      s.current[key] = load_key_state(*hub().view(), hub().space.bucket, key)->state.current;
    for (const auto& v : hub().versions()) s.locked[v.hash] = v.attributes.hold;
    return s;
  }
  // After one commit at the hub.
  void observe(const State& before) {
    auto view = hub().view();
    State now = hub_state();
    for (auto& [hash, t] : truth_) {
      if (t.effective) continue;
      Known known = load_known(*view, hash).value();
      if (known.is_version()) t.effective = known.row.status == format::Status::kCommitted;
      if (known.kind == Known::Kind::kBare)
        t.effective = !load_pending(*view, hub().space.bucket, known.record.key, hash).value();
    }
    if (now.current != before.current || now.locked.size() != before.locked.size()) log_state(hub());
    for (const auto& [hash, locked] : before.locked)
      if (locked && !now.locked.contains(hash)) flag("locked version ended");
    for (const auto& [key, current] : now.current) {
      auto was = before.current.at(key);
      if (!current || !was || current == was || !now.locked.contains(*was)) continue;
      const auto& winner = truth_[*current].record;
      if (winner.guard && truth_[*was].record.kind == format::RecordKind::kObject && !supersedes(*current, *was))
        flag("a conditional write displaced a current object that it had not seen");
    }
  }
  bool supersedes(const RecordHash& x, const RecordHash& ancestor) {
    std::set<RecordHash> seen;
    std::vector<RecordHash> todo{x};
    while (!todo.empty()) {
      RecordHash h = todo.back();
      todo.pop_back();
      if (h == ancestor) return true;
      if (!seen.insert(h).second || !truth_.contains(h)) continue;
      for (const auto& p : truth_[h].record.parents) todo.push_back(p);
    }
    return false;
  }
  void process() {
    for (size_t n = 1; n > 0;) {
      auto before = hub_state();
      n = hub().step([&](storage::Batch& b) { return commit_ready(b, hub().space, 1, hub().now()); }).value();
      observe(before);
    }
  }
  void judge(const std::vector<JournalItem>& items) {
    for (const auto& item : items) {
      if (!item.record || !banned_) continue;
      auto record = format::decode_record(*item.record).value();
      RecordHash hash = hash_record(*item.record);
      if (record.principal != "bob" || record.origin == hub().space.self) continue;
      auto status = hash.b[0] % 2 ? format::Status::kRefused : format::Status::kHeld;
      log("  hub: verdict {} on {}", static_cast<int>(status), shorten({hash}));
      auto done =
          hub().step([&](storage::Batch& b) { return set_verdict(b, hub().space, hash, status, Reason::kAuthor); });
      if (!done.ok() && done.error().code != Code::kConflict) flag("verdict failed: " + done.error().message);
    }
  }
  void accept_some() {
    std::vector<RecordHash> held;
    scan_inbox(*hub().view(), hub().space, [&](const InboxItem& i) -> Result<storage::Scan> {
      if (i.status == format::Status::kHeld) held.push_back(i.hash);
      return storage::Scan::kContinue;
    }).value();
    for (const auto& hash : held) {
      if (!chance(0.5)) continue;
      auto before = hub_state();
      log("  hub accepts {}", shorten({hash}));
      hub().step([&](storage::Batch& b) { return accept_held(b, hub().space, hash, hub().now()); }).value();
      observe(before);
    }
  }

  // ---- links
  // a gives b what b lacks of every journal that a holds, cut after `cut` records; then some bodies.
  void give(TestNode& a, TestNode& b, double bodies, uint64_t cut) {
    uint64_t own = load_origin(*a.view(), a.space.bucket, a.space.self)->received;
    if (!a.space.home) a.step([&](storage::Batch& x) { return mark_given(x, a.space, own); }).value();
    for (const auto& head : journal_heads(*a.view(), a.space).value()) {
      if (head.origin == b.space.self) continue;
      uint64_t from = load_origin(*b.view(), b.space.bucket, head.origin)->received + 1;
      auto items = read_journal(*a.view(), a.space, head.origin, from, cut, 1 << 20).value();
      if (items.empty()) continue;
      cut -= std::min<uint64_t>(cut, items.size());
      for (size_t i = 0; i < items.size(); i++)
        log("  {} gives {} place {} of {}: {}{}", a.name(), b.name(), from + i, head.origin.hex().substr(0, 4),
            shorten({items[i].record ? hash_record(*items[i].record) : *items[i].void_hash}),
            items[i].record ? "" : "(hash only)");
      auto got =
          b.step([&](storage::Batch& x) { return receive_records(x, b.space, head.origin, from, items, b.now()); });
      if (!got.ok()) flag("receive failed: " + got.error().message);
      if (b.space.home) judge(items);
      if (b.space.home) process();
    }
    give_bodies(a, b, bodies);
  }
  void give_bodies(TestNode& a, TestNode& b, double bodies) {
    auto order = random_.below(2) ? Order::kNewestFirst : Order::kOldestFirst;
    for (const auto& want : wanted(*b.view(), b.space, 1000, order).value()) {
      if (!chance(bodies)) continue;
      auto source = find_body(*a.view(), a.space, want.hash).value();
      if (!source) continue;
      Version v;
      v.record = source->record;
      v.body = source->pieces;
      Bytes bytes = a.read(v);
      ArrivedBody arrived{crypto::sha256(bytes), b.write_body(bytes), {}, source->manifest};
      log("  body {}reaches {}", shorten({want.hash}), b.name());
      auto before = hub_state();
      b.step([&](storage::Batch& x) { return body_arrived(x, b.space, want.hash, arrived, b.now()); }).value();
      if (b.space.home) observe(before);
    }
    if (b.space.home) process();
  }
  void follow(TestNode& b, TestNode& a, uint64_t cut) {
    size_t piece_bytes = random_.below(3) ? 1 : 100'000;
    for (uint64_t i = 0; i < cut; i++) {
      auto position = read_position(*b.view(), b.space).value();
      auto piece = read_history(*a.view(), a.space, position.cursor, piece_bytes).value();
      if (!piece) return;
      auto wire = format::decode_history(format::encode_history(*piece)).value();
      auto applied = b.step([&](storage::Batch& x) { return apply_history(x, b.space, wire, b.now()); });
      if (!applied.ok()) {
        flag("history refused: " + applied.error().message);
        return;
      }
      log("  {} follows {} to {}{}", b.name(), a.name(), wire.to, wire.last ? " last" : "");
      if (!applied->equal) flag("fingerprints differ");
    }
  }
  void meet(size_t d, double bodies, uint64_t cut, uint64_t history_cut) {
    TestNode& device = *nodes_[d];
    if (cut == 99 || random_.below(10) < 7) versioning_[d] = versioning_[0];
    give(device, hub(), bodies, cut);
    follow(device, hub(), history_cut);
    give_bodies(hub(), device, bodies);
  }
  void exchange(size_t x, size_t y, double bodies, uint64_t cut) {
    TestNode &a = *nodes_[x], &b = *nodes_[y];
    give(a, b, bodies, cut);
    give(b, a, bodies, cut);
    follow(a, b, cut);
    follow(b, a, cut);
    give_bodies(a, b, bodies);
    give_bodies(b, a, bodies);
  }
  void heal() {
    banned_ = false;
    for (int round = 0; round < 3; round++)
      for (size_t d = 1; d < nodes_.size(); d++) meet(d, 1, 1000, 1000);
    for (size_t d = 1; d < nodes_.size(); d++) meet(d, 1, 1000, 1000);
  }

  // What must hold after every step, healed or not.
  void watch() {
    std::set<RecordHash> live;
    for (const auto& v : hub().versions()) live.insert(v.hash);
    for (const auto& node : nodes_) {
      auto view = node->view();
      std::set<RecordHash> committed, shown;
      std::set<Bytes> with_rows;
      for (const auto& v : node->versions()) {
        shown.insert(v.hash);
        with_rows.insert(v.record.key);
      }
      for (const auto& hash : live) {
        Known known = load_known(*view, hash).value();
        if (known.is_version() && known.row.status == format::Status::kCommitted) committed.insert(hash);
      }
      for (const auto& hash : seen_[node.get()])
        if (live.contains(hash) && !committed.contains(hash)) flag("a live committed version vanished");
      seen_[node.get()] = committed;
      for (const auto& key : keys_) {
        auto state = load_shown_state(*view, node->space, key).value();
        for (const auto& c : state.conflicts) {
          auto known = load_known(*view, c).value();
          if (!known.is_version() || !known.row.shown) flag("the view names a version that is not held");
          if (state.current == c) flag("current is its own conflict");
        }
        // Between two pieces a key's state may be ahead of the ends that belong to it.
        bool ahead =
            load_key_state(*view, node->space.bucket, key)->state.csn > read_position(*view, node->space)->cursor.csn;
        if (!state.current && with_rows.contains(key) && !ahead) flag("versions but no current");
      }
    }
  }

  SeededRandom random_;
  bool trace_;
  ManualClock clock_;
  bool dense_ = false;
  bool banned_ = false;
  std::vector<Bytes> keys_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
  std::vector<Versioning> versioning_;
  std::map<RecordHash, Truth> truth_;
  std::set<std::string> problems_;
  std::map<TestNode*, std::set<RecordHash>> seen_;
};

}  // namespace dl::journal::testing

#include "sim/world.h"

#include <cstdio>

#include "journal/testing/checks.h"
#include "journal/work.h"
#include "sim/plants.h"
#include "sync/limits.h"

namespace dl::sim {
namespace {

using journal::Draft;
using journal::Version;
using journal::Versioning;
using sync::testing::Link;
using sync::testing::Site;
using sync::testing::Way;

constexpr size_t kNodes = 4;
constexpr int kHealRounds = 4;

journal::Rules rules_of(const std::string& plant) {
  for (uint8_t r = 0; r < static_cast<uint8_t>(journal::Rule::kCount); r++) {
    auto rule = static_cast<journal::Rule>(r);
    if (plant == std::string("off:") + journal::rule_name(rule)) return journal::Rules::without(rule);
  }
  return {};
}

}  // namespace

bool is_plant(const std::string& plant) {
  return plant == "ack-before-durable" || plant == "skip-body-check" || plant == "lose-history" ||
         plant == "drop-early" || rules_of(plant).off != 0;
}

World::World(const Setup& setup) : setup_(setup), random_(setup.seed) {
  keys_ = one_in(2) ? std::vector<Bytes>{"a", "b"} : std::vector<Bytes>{"a"};
  const int64_t skews[] = {0, 0, -40, 40, 400, -3'600'000, 3'600'000};
  auto first = random_.below(5) < 2 ? Versioning::kEnabled : Versioning::kUnversioned;
  for (size_t i = 0; i < kNodes; i++) {
    sites_.push_back(std::make_unique<Site>(i == 0 ? "hub" : "device" + std::to_string(i), i == 0, setup.seed * 16 + i,
                                            rules_of(setup.plant), i == 0 ? 0 : skews[random_.below(7)]));
    auto& site = *sites_.back();
    if (setup.plant == "skip-body-check")
      planted_.push_back(std::make_unique<UncheckedBodies>(site.members, site.clock, site.sealing(), random_));
    else if (setup.plant == "lose-history")
      planted_.push_back(std::make_unique<LostHistory>(site.members, site.clock, site.sealing(), random_));
    else
      planted_.push_back(nullptr);
    versioning_.push_back(first);
  }
  for (size_t i = 1; i < kNodes; i++) {
    share(*sites_[0], *sites_[i], hub().space.bucket);
    wires_.emplace_back();
    wires_.back().link = std::make_unique<Link>(*sites_[0], *sites_[i], planted_[0].get(), planted_[i].get());
    auto& link = *wires_.back().link;
    link.moved = [this] { news_ = true; };
    link.settled = [this, i](Site& site, const BucketId&, uint64_t oseq) {
      if (&site == sites_[i].get()) wires_[i - 1].settled = std::max(wires_[i - 1].settled, oseq);
    };
    link.spoil = [this](Way, format::Frame& frame) {
      auto* body = std::get_if<format::BodyFrame>(&frame);
      if (body && !healing_ && !body->data.empty() && one_in(50)) body->data[random_.below(body->data.size())] ^= 1;
    };
  }
}

World::~World() = default;

std::vector<World::Node*> World::nodes() {
  std::vector<Node*> out;
  for (const auto& site : sites_) out.push_back(&site->node);
  return out;
}

void World::log(const std::string& text) const {
  if (setup_.trace) std::printf("%s\n", text.c_str());
}

void World::run() {
  for (auto& wire : wires_) wire.link->connect();
  for (size_t i = 0; i < setup_.steps; i++) {
    for (auto& site : sites_) site->clock.advance(Millis(1 + random_.below(20)));
    step();
    settle();
  }
  heal();
}

void World::step() {
  uint64_t a = random_.below(100);
  auto& wire = wires_[random_.below(wires_.size())];
  if (a < 25) {
    write(random_.below(kNodes));
  } else if (a < 71) {
    deliver();
  } else if (a < 75) {
    reassign(random_.below(wires_.size()));
  } else if (a < 80) {
    log("cut");
    wire.link->cut();
  } else if (a < 90) {
    log("connect");
    if (!wire.link->up()) wire.link->connect();
  } else if (a < 93) {
    crash(random_.below(kNodes));
  } else if (a < 96) {
    wire.starved = !wire.starved;
  } else if (a < 98) {
    switch_versioning();
  } else {
    auto& clock = sites_[random_.below(kNodes)]->clock;
    clock.set_wall(clock.wall() + Millis(random_.below(2000)) - Millis(1000));
  }
}

// ---- assignments

// The hub takes the space from a device, the device lets go of it once it may, and gets it again.
void World::reassign(size_t w) {
  auto& wire = wires_[w];
  if (wire.assigned) {
    log("unassign " + sites_[w + 1]->node.name());
    wire.assigned = false;
    hub_site().members.shared[sites_[w + 1]->device].clear();
  } else if (wire.gone || one_in(2)) {
    assign(w);
  } else {
    let_go(w);
  }
  if (wire.link->up()) wire.link->change();
}

void World::assign(size_t w) {
  auto& wire = wires_[w];
  if (wire.assigned) return;
  log("assign " + sites_[w + 1]->node.name());
  hub_site().members.shared[sites_[w + 1]->device].insert(hub().space.bucket);
  if (wire.gone) sites_[w + 1]->hold(hub().space.bucket);
  wire.assigned = true;
  wire.gone = false;
}

void World::let_go(size_t w) {
  auto& site = *sites_[w + 1];
  auto own = journal::load_origin(*site.node.view(), site.node.space.bucket, site.node.space.self).value();
  if (own.received > wires_[w].settled && setup_.plant != "drop-early") return;
  log("drop at " + site.node.name());
  site.drop(site.node.space.bucket);
  site.members.held.erase(site.node.space.bucket);
  wires_[w].gone = true;
}

void World::switch_versioning() {
  auto& v = versioning_[0];
  v = v == Versioning::kEnabled ? Versioning::kSuspended : Versioning::kEnabled;
  log("versioning " + std::to_string(static_cast<int>(v)));
}

// ---- writing

Bytes World::new_body() {
  Bytes body = "body " + std::to_string(truth_.size()) + " of " + std::to_string(setup_.seed);
  if (one_in(150))
    body += Bytes(sync::kChunkBytes + random_.below(500'000), static_cast<char>('a' + truth_.size() % 26));
  if (one_in(30)) body.clear();
  return body;
}

void World::write(size_t n) {
  if (n > 0 && !wires_[n - 1].assigned) return;
  Node& node = sites_[n]->node;
  const Bytes key = keys_[random_.below(keys_.size())];
  auto view = node.key(key);
  std::vector<Version> versions;
  for (auto& v : node.versions())
    if (v.record.key == key) versions.push_back(v);
  bool object_now = view.current && view.current->record.kind == format::RecordKind::kObject;
  uint64_t a = random_.below(100);
  std::optional<Draft> draft;
  Bytes body;
  if (a < 55 || !object_now) {
    draft = node.object(key, body = new_body(), versioning_[n]);
    if (!object_now && one_in(4)) draft->guard = true;
  } else if (a < 63 && !view.conflicts.empty()) {
    draft = node.object(key, body = new_body(), versioning_[n]);
    draft->settles = true;
  } else if (a < 80) {
    draft = node.marker(key, versioning_[n]);
  } else if (!versions.empty()) {
    draft = node.purge(key, versions[random_.below(versions.size())].hash);
  }
  if (!draft) return;
  draft->principal = one_in(2) ? "alice" : "bob";
  if (setup_.plant == "ack-before-durable" && one_in(10)) return lose_write(n, std::move(*draft), std::move(body));
  append(n, std::move(*draft), std::move(body));
}

void World::append(size_t n, Draft draft, Bytes body) {
  Node& node = sites_[n]->node;
  auto written = node.write(std::move(draft));
  if (!written.ok()) return flag("write failed: " + written.error().message);
  if (!written->wrote) return;
  keep(node, written->hash, *node.view(), std::move(body));
  if (n == 0) {
    news_ = true;
  } else if (wires_[n - 1].link->up() && !one_in(4)) {
    wires_[n - 1].link->change(false);
  }
}

// The planted bug: a client hears 200 for what is not on disk yet, and then the power goes.
void World::lose_write(size_t n, Draft draft, Bytes body) {
  Node& node = sites_[n]->node;
  auto moment = node.now();
  (void)node.step([&](storage::Batch& batch) -> Result<void> {
    DL_TRY(auto written, journal::append(batch, node.space, std::move(draft), moment));
    if (written.wrote) keep(node, written.hash, batch, std::move(body));
    return error(Code::kCancelled, "the power went");
  });
  crash(n);
}

// What the client was told is there from now on.
void World::keep(Node& node, const RecordHash& hash, const storage::View& view, Bytes body) {
  auto known = journal::load_known(view, hash).value();
  Truth t{hash, known.record, std::move(body), false, false, false};
  for (const auto& e : known.record.ends)
    if (auto k = journal::load_known(view, e).value(); k.is_tombstone() && k.grave.voided && truth_.contains(e))
      truth_[e].voided = true;
  log(node.name() + " writes " + hash.hex().substr(0, 6) + " kind " +
      std::to_string(static_cast<int>(known.record.kind)) + " key " + known.record.key);
  truth_[hash] = std::move(t);
}

// ---- links and nodes

void World::deliver() {
  size_t w = random_.below(wires_.size());
  auto& wire = wires_[w];
  Way way = sync::testing::kWays[random_.below(4)];
  if (wire.starved && (way == Way::kBodyUp || way == Way::kBodyDown)) return;
  for (size_t k = 1 + random_.below(8); k > 0 && wire.link->deliver(way); k--) settle();
  // A device learns of the bucket's versioning as it follows.
  if (way == Way::kMetaDown && one_in(2)) versioning_[w + 1] = versioning_[0];
}

void World::crash(size_t n) {
  log("crash of " + sites_[n]->node.name());
  for (size_t i = 0; i < wires_.size(); i++)
    if (n == 0 || i + 1 == n) wires_[i].link->cut();
  if (n > 0) wires_[n - 1].settled = 0;
  sites_[n]->restart();
}

// Whoever has news tells the others.
void World::settle() {
  watch_ends();
  if (!std::exchange(news_, false)) return;
  observe();
  for (auto& wire : wires_)
    if (wire.link->up()) wire.link->change(true, !wire.starved);
}

void World::watch_ends() {
  for (auto& wire : wires_)
    if (wire.link->ended) {
      flag("a session ended: " + wire.link->ended->message);
      wire.link->ended.reset();
    }
}

// Which records the hub has committed.
void World::observe() {
  auto view = hub().view();
  for (auto& [hash, t] : truth_) {
    if (t.effective) continue;
    auto known = journal::load_known(*view, hash).value();
    if (known.is_version()) t.effective = known.row.status == format::Status::kCommitted;
    if (known.kind == journal::Known::Kind::kBare)
      t.effective = !journal::load_pending(*view, hub().space.bucket, known.record.key, hash).value();
  }
}

void World::heal() {
  log("heal");
  healing_ = true;
  for (size_t w = 0; w < wires_.size(); w++) assign(w);
  std::vector<Link*> links;
  for (auto& wire : wires_) links.push_back(wire.link.get());
  for (int round = 0; round < kHealRounds; round++) {
    for (auto* link : links) link->connect();
    if (!sync::testing::run(links)) flag("the links did not come to rest");
    watch_ends();
  }
  for (auto* link : links)
    if (!link->up() || !link->meta(true).in_step() || !link->meta(false).in_step()) flag("a session is not in step");
  observe();
}

std::set<std::string> judge(const Setup& setup) {
  World world(setup);
  world.run();
  journal::testing::WorldChecks<World>(world).run();
  return world.problems();
}

}  // namespace dl::sim

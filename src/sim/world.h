#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "journal/testing/world.h"
#include "sync/testing/link.h"

namespace dl::sim {

struct Setup {
  uint64_t seed = 1;
  size_t steps = 80;
  std::string plant;  // empty: none
  bool trace = false;
};
// Whether `plant` names a bug that can be planted.
bool is_plant(const std::string& plant);

// One history: a hub and three devices that exchange one space over sessions. Everything follows from the setup. After
// run() the checks of journal/testing/checks.h judge it by what was written (truth()).
class World {
 public:
  using Node = journal::testing::TestNode;
  using Truth = journal::testing::Truth;
  explicit World(const Setup& setup);
  ~World();

  // Runs the history and heals it.
  void run();

  Node& hub() { return sites_[0]->node; }
  sync::testing::Site& hub_site() { return *sites_[0]; }
  std::vector<Node*> nodes();
  const std::vector<Bytes>& keys() const { return keys_; }
  const std::map<RecordHash, Truth>& truth() const { return truth_; }
  const std::set<std::string>& problems() const { return problems_; }
  void flag(const std::string& problem) { problems_.insert(problem); }

 private:
  struct Wire {
    std::unique_ptr<sync::testing::Link> link;
    bool starved = false;                // nothing moves on its body channel
    bool assigned = true, gone = false;  // gone: the device let go of the space
    uint64_t settled = 0;                // up to where the hub told it that its journal is safe
  };

  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  void log(const std::string& text) const;
  void step();
  void heal();
  void write(size_t n);
  void append(size_t n, journal::Draft draft, Bytes body);
  void keep(Node& node, const RecordHash& hash, const storage::View& view, Bytes body);
  void lose_write(size_t n, journal::Draft draft, Bytes body);
  Bytes new_body();
  void deliver();
  void settle();
  void observe();
  void crash(size_t n);
  void switch_versioning();
  void reassign(size_t w);
  void assign(size_t w);
  void let_go(size_t w);
  void watch_ends();

  const Setup setup_;
  SeededRandom random_;
  bool healing_ = false;
  bool news_ = false;
  std::vector<Bytes> keys_;
  std::vector<std::unique_ptr<sync::testing::Site>> sites_;
  std::vector<std::unique_ptr<sync::Spaces>> planted_;  // stand between sessions and journal
  std::vector<Wire> wires_;                             // of device i + 1
  std::vector<journal::Versioning> versioning_;
  std::map<RecordHash, Truth> truth_;
  std::set<std::string> problems_;
};

// Runs and judges one history: its problems; empty: none.
std::set<std::string> judge(const Setup& setup);

}  // namespace dl::sim

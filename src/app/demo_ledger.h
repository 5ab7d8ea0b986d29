#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "app/demo_s3.h"

namespace dl::app {

// What the checker knows by itself of one bucket: every write that a node acknowledged, as the SHA-256 of its content,
// and what must be there now. Thread-safe.
class DemoLedger {
 public:
  void wrote(const std::string& node, const std::string& key, const std::string& hash);
  void deleted(const std::string& node, const std::string& key);
  // A write that was sent and never answered: it may be there or not.
  void unanswered(const std::string& key);
  // Both sides wrote: the other side's content stands beside the expected one until settled() names the kept one.
  void wrote_beside(const std::string& node, const std::string& key, const std::string& hash);
  // The other side changed it: what it wrote stays current beside the delete.
  void deleted_beside(const std::string& node);
  void settled(const std::string& key, const std::string& hash);
  void settled_gone(const std::string& key);  // the delete was kept

  uint64_t acknowledged() const;
  std::map<std::string, uint64_t> acknowledged_by_node() const;
  size_t live_keys() const;
  // Contents that may stand under a key now; empty when none is expected.
  std::set<std::string> expected(const std::string& key) const;

  struct Faults {
    uint64_t read = 0;
    std::vector<std::string> found;  // one sentence each
  };
  // Lists a node and reads every object that must be there: contents, nothing missing, nothing deleted back, nothing
  // from nowhere.
  Result<Faults> check_current(DemoS3& node, const std::string& bucket) const;
  // Reads every version: each acknowledged write must be one of them, overwritten or not.
  Result<Faults> check_versions(DemoS3& node, const std::string& bucket) const;

 private:
  mutable std::mutex m_;
  std::map<std::string, std::set<std::string>> all_;  // key: every acknowledged content
  std::map<std::string, std::set<std::string>> now_;  // key: what may be current
  std::set<std::string> gone_, unanswered_;
  std::map<std::string, uint64_t> by_node_;
};

}  // namespace dl::app

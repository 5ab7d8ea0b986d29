#include "app/demo_ledger.h"

#include "app/demo_tools.h"

namespace dl::app {

void DemoLedger::wrote(const std::string& node, const std::string& key, const std::string& hash) {
  std::lock_guard guard(m_);
  all_[key].insert(hash);
  now_[key] = {hash};
  gone_.erase(key);
  by_node_[node]++;
}

void DemoLedger::deleted(const std::string& node, const std::string& key) {
  std::lock_guard guard(m_);
  now_.erase(key);
  gone_.insert(key);
  by_node_[node]++;
}

void DemoLedger::unanswered(const std::string& key) {
  std::lock_guard guard(m_);
  unanswered_.insert(key);
}

void DemoLedger::wrote_beside(const std::string& node, const std::string& key, const std::string& hash) {
  std::lock_guard guard(m_);
  all_[key].insert(hash);
  now_[key].insert(hash);
  by_node_[node]++;
}

void DemoLedger::settled(const std::string& key, const std::string& hash) {
  std::lock_guard guard(m_);
  now_[key] = {hash};
}

void DemoLedger::deleted_beside(const std::string& node) {
  std::lock_guard guard(m_);
  by_node_[node]++;
}

void DemoLedger::settled_gone(const std::string& key) {
  std::lock_guard guard(m_);
  now_.erase(key);
  gone_.insert(key);
}

uint64_t DemoLedger::acknowledged() const {
  std::lock_guard guard(m_);
  uint64_t n = 0;
  for (const auto& [node, count] : by_node_) n += count;
  return n;
}

std::map<std::string, uint64_t> DemoLedger::acknowledged_by_node() const {
  std::lock_guard guard(m_);
  return by_node_;
}

size_t DemoLedger::live_keys() const {
  std::lock_guard guard(m_);
  return now_.size();
}

std::set<std::string> DemoLedger::expected(const std::string& key) const {
  std::lock_guard guard(m_);
  auto found = now_.find(key);
  return found == now_.end() ? std::set<std::string>() : found->second;
}

Result<DemoLedger::Faults> DemoLedger::check_current(DemoS3& node, const std::string& bucket) const {
  auto [now, gone, unanswered] = [&] {
    std::lock_guard guard(m_);
    return std::tuple(now_, gone_, unanswered_);
  }();
  Faults faults;
  DL_TRY(auto listed, node.keys(bucket));
  for (const auto& key : listed) {
    if (gone.contains(key))
      faults.found.push_back("deleted, and back: " + key);
    else if (!now.contains(key) && !unanswered.contains(key))
      faults.found.push_back("from nowhere: " + key);
  }
  std::set<std::string> there(listed.begin(), listed.end());
  for (const auto& [key, hashes] : now) {
    if (interrupted()) return error(Code::kCancelled, "interrupted");
    if (!there.contains(key)) faults.found.push_back("not listed: " + key);
    auto hash = node.get_hash(bucket, key);
    faults.read++;
    if (!hash.ok())
      faults.found.push_back("cannot be read: " + key + " (" + hash.error().message + ")");
    else if (!hashes.contains(*hash))
      faults.found.push_back("other content than was written: " + key);
  }
  return faults;
}

Result<DemoLedger::Faults> DemoLedger::check_versions(DemoS3& node, const std::string& bucket) const {
  auto all = [&] {
    std::lock_guard guard(m_);
    return all_;
  }();
  Faults faults;
  DL_TRY(auto versions, node.versions(bucket));
  for (const auto& v : versions) {
    if (interrupted()) return error(Code::kCancelled, "interrupted");
    if (v.marker) continue;
    auto hash = node.get_hash(bucket, v.key, v.version);
    faults.read++;
    if (hash.ok())
      all[v.key].erase(*hash);
    else
      faults.found.push_back("a version cannot be read: " + v.key + " " + v.version + " (" + hash.error().message +
                             ")");
  }
  for (const auto& [key, left] : all)
    for (const auto& hash : left) faults.found.push_back("lost: " + key + ", content " + hash.substr(0, 12));
  return faults;
}

}  // namespace dl::app

#include "storage/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace dl::storage {
namespace {

constexpr size_t kSector = 512;

// One slash between names, none at the end.
std::string plain(const std::string& path) {
  std::string out;
  for (char c : path)
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

Error no_file(const std::string& path) { return error(Code::kNotFound, path + ": no such file or directory"); }

}  // namespace

// What is synced must be kept aside before bytes of it are written over.
void SimDisk::Node::touch(uint64_t from) {
  if (from < synced_size && !synced) synced = now.substr(0, synced_size);
}

void SimDisk::Node::write(uint64_t offset, BytesView data) {
  touch(offset);
  uint64_t end = offset + data.size();
  if (end > now.size()) now.resize(end);
  std::memcpy(now.data() + offset, data.data(), data.size());
  for (auto it = dropped.begin(); it != dropped.end();) {  // these bytes are dirty again
    auto [from, to] = *it;
    if (to <= offset || from >= end) {
      ++it;
      continue;
    }
    it = dropped.erase(it);
    if (from < offset) dropped[from] = offset;
    if (to > end) dropped[end] = to;
  }
}

Bytes SimDisk::Node::durable() const { return synced ? *synced : now.substr(0, synced_size); }

Bytes SimDisk::Node::reachable() const {
  if (dropped.empty()) return now;
  Bytes out = now, old = durable();
  for (const auto& [from, to] : dropped)
    for (uint64_t i = from; i < std::min<uint64_t>(to, out.size()); i++) out[i] = i < old.size() ? old[i] : '\0';
  return out;
}

void SimDisk::Node::settle() {
  Bytes written = reachable();
  synced.reset();
  synced_size = written.size();
  if (!dropped.empty()) synced = std::move(written);
}

void SimDisk::Node::fail_sync() {
  touch(0);
  Bytes old = durable();
  dropped.clear();
  for (uint64_t i = 0; i < now.size(); i++) {
    if (i < old.size() && now[i] == old[i]) continue;
    uint64_t from = i;
    while (i < now.size() && (i >= old.size() || now[i] != old[i])) i++;
    dropped[from] = i;
  }
}

class SimDisk::Reader : public ReadFile {
 public:
  Reader(SimDisk& disk, NodePtr node, std::string path) : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, char* out, size_t size) const override {
    std::lock_guard lock(disk_.m_);
    DL_OK(disk_.gate_read(path_, Call::kRead));
    if (path_ == disk_.unreadable_) return error(Code::kIo, "reading " + path_ + ": Input/output error");
    const Bytes& all = node_->now;
    if (offset >= all.size()) return size_t{0};
    size_t n = std::min<size_t>(size, all.size() - offset);
    std::memcpy(out, all.data() + offset, n);
    return n;
  }

  Result<uint64_t> size() const override {
    std::lock_guard lock(disk_.m_);
    DL_OK(disk_.gate_read(path_, Call::kLook));
    return uint64_t{node_->now.size()};
  }

 private:
  SimDisk& disk_;
  NodePtr node_;
  std::string path_;
};

class SimDisk::Writer : public WriteFile {
 public:
  Writer(SimDisk& disk, NodePtr node, std::string path) : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<void> write_at(uint64_t offset, BytesView data) override {
    std::lock_guard lock(disk_.m_);
    auto verdict = disk_.gate(path_, Call::kWrite);
    if (verdict.act) node_->write(offset, data);
    return verdict.answer;
  }

  Result<void> append(BytesView data) override {
    std::lock_guard lock(disk_.m_);
    return write_at(node_->now.size(), data);
  }

  Result<void> sync() override {
    std::lock_guard lock(disk_.m_);
    auto verdict = disk_.gate(path_, Call::kSync);
    if (verdict.act) node_->settle();
    if (!verdict.act && !disk_.cut_) node_->fail_sync();
    return verdict.answer;
  }

  Result<void> truncate(uint64_t size) override {
    std::lock_guard lock(disk_.m_);
    auto verdict = disk_.gate(path_, Call::kCut);
    if (verdict.act) {
      node_->touch(size);
      node_->now.resize(size);
    }
    return verdict.answer;
  }

  Result<void> reserve(uint64_t, uint64_t) override {
    std::lock_guard lock(disk_.m_);
    return disk_.gate(path_, Call::kReserve).answer;
  }

  Result<void> punch(uint64_t offset, uint64_t length) override {
    std::lock_guard lock(disk_.m_);
    auto verdict = disk_.gate(path_, Call::kPunch);
    if (!verdict.act || offset >= node_->now.size()) return verdict.answer;
    node_->write(offset, Bytes(std::min<size_t>(length, node_->now.size() - offset), '\0'));
    return verdict.answer;
  }

  Result<uint64_t> size() const override {
    std::lock_guard lock(disk_.m_);
    DL_OK(disk_.gate_read(path_, Call::kLook));
    return uint64_t{node_->now.size()};
  }

 private:
  SimDisk& disk_;
  NodePtr node_;
  std::string path_;
};

class SimDisk::Lock : public FileLock {
 public:
  Lock(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~Lock() override {
    std::lock_guard lock(disk_.m_);
    disk_.locks_.erase(path_);
  }

 private:
  SimDisk& disk_;
  std::string path_;
};

SimDisk::SimDisk(uint64_t seed) : random_(seed) {
  auto root = std::make_shared<Node>();
  root->dir = true;
  live_["/"] = durable_["/"] = root;
}

uint64_t SimDisk::calls() const {
  std::lock_guard lock(m_);
  return calls_;
}

void SimDisk::cut_after(uint64_t nth) {
  std::lock_guard lock(m_);
  cut_at_ = nth == 0 ? 0 : calls_ + nth;
}

bool SimDisk::is_cut() const {
  std::lock_guard lock(m_);
  return cut_;
}

void SimDisk::fail_after(uint64_t nth, uint64_t count, Code code, Reads reads) {
  std::lock_guard lock(m_);
  fail_from_ = seen_ + nth;
  fail_to_ = fail_from_ + count;
  fail_code_ = code;
  fail_number_ = 0;
  fail_reads_ = reads;
}

void SimDisk::fail_nth(uint64_t nth, int number) {
  std::lock_guard lock(m_);
  fail_from_ = seen_ + nth;
  fail_to_ = fail_from_ + 1;
  fail_code_ = number == ENOSPC || number == EDQUOT ? Code::kNoSpace : Code::kIo;
  fail_number_ = number;
  fail_reads_ = Reads::kCounted;
}

void SimDisk::clear_faults() {
  std::lock_guard lock(m_);
  fail_from_ = fail_to_ = 0;
  cut_at_ = 0;
}

uint64_t SimDisk::seen() const {
  std::lock_guard lock(m_);
  return seen_;
}

uint64_t SimDisk::failed() const {
  std::lock_guard lock(m_);
  return failed_;
}

std::string SimDisk::last_hit() const {
  std::lock_guard lock(m_);
  return last_hit_;
}

void SimDisk::set_unreadable(const std::string& path) {
  std::lock_guard lock(m_);
  unreadable_ = path;
}

void SimDisk::set_space(DiskSpace space) {
  std::lock_guard lock(m_);
  space_ = space;
}

SimDisk::Verdict SimDisk::gate(const std::string& path, Call call) {
  calls_++;
  if (cut_) return {false, error(Code::kIo, path + ": the power is off")};
  if (calls_ == cut_at_) {
    cut_ = true;
    return {chance(), error(Code::kIo, path + ": the power went")};
  }
  if (!hit(path, call)) return {};
  return {false, injected(path)};
}

Result<void> SimDisk::gate_read(const std::string& path, Call call) const {
  if (cut_) return error(Code::kIo, path + ": the power is off");
  if (fail_reads_ == Reads::kSpared || !hit(path, call)) return {};
  return injected(path);
}

// Space: what allocates blocks, for data or for a directory's or an extent tree's growth. Descriptors: what opens.
bool SimDisk::may_fail(Call call) const {
  bool space = call == Call::kCreate || call == Call::kWrite || call == Call::kSync || call == Call::kReserve ||
               call == Call::kMakeDir;
  if (fail_number_ == 0) return fail_code_ != Code::kNoSpace || space;
  if (fail_number_ == ENOSPC || fail_number_ == EDQUOT)
    return space || call == Call::kPunch || call == Call::kRename || call == Call::kSyncDir;
  if (fail_number_ == EMFILE)
    return call == Call::kOpen || call == Call::kCreate || call == Call::kList || call == Call::kLock ||
           call == Call::kSyncDir;
  return true;
}

bool SimDisk::hit(const std::string& path, Call call) const {
  constexpr const char* kNames[] = {"open", "create",  "read",  "look",     "list",     "lock",   "write", "sync",
                                    "cut",  "reserve", "punch", "sync-dir", "make-dir", "rename", "remove"};
  if (!may_fail(call)) return false;
  ++seen_;
  if (seen_ < fail_from_ || seen_ >= fail_to_) return false;
  failed_++;
  last_hit_ = std::string(kNames[static_cast<size_t>(call)]) + " " + path;
  return true;
}

Error SimDisk::injected(const std::string& path) const {
  std::string text =
      fail_number_ == 0 ? "an injected error" : std::string(strerrordesc_np(fail_number_)) + " (injected)";
  return error(fail_code_, path + ": " + text);
}

void SimDisk::apply(Tree& tree, const Change& change) {
  if (!change.gone.empty()) tree.erase(change.gone);
  if (change.node) tree[change.path] = change.node;
}

void SimDisk::change(const std::string& dir, Change change) {
  apply(live_, change);
  pending_[dir].push_back(std::move(change));
}

std::string SimDisk::dir_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

SimDisk::NodePtr SimDisk::find(const std::string& path) const {
  auto it = live_.find(path);
  return it == live_.end() ? nullptr : it->second;
}

// What a file that was not synced may hold after the cut: the synced bytes, the new ones, or a mixture.
Bytes SimDisk::torn(const Node& node) {
  Bytes old = node.durable();
  const Bytes now = node.reachable();
  switch (random_.below(5)) {
    case 0:
      return old;
    case 1:
      return now;
    case 2: {  // new size, old bytes where sectors did not arrive
      Bytes mixed = now;
      for (size_t at = 0; at < mixed.size(); at += kSector) {
        if (chance()) continue;
        size_t n = std::min(kSector, mixed.size() - at);
        for (size_t i = at; i < at + n; i++) mixed[i] = i < old.size() ? old[i] : '\0';
      }
      return mixed;
    }
    case 3: {  // the tail is missing
      if (now.size() <= old.size()) return old;
      Bytes cut = now.substr(0, old.size() + random_.below(now.size() - old.size() + 1));
      std::memcpy(cut.data(), old.data(), old.size());
      return cut;
    }
    default: {  // the tail is zeros
      if (now.size() <= old.size()) return now;
      Bytes zeroed = now;
      size_t from = old.size() + random_.below(now.size() - old.size() + 1);
      std::fill(zeroed.begin() + static_cast<ptrdiff_t>(from), zeroed.end(), '\0');
      return zeroed;
    }
  }
}

void SimDisk::crash() {
  std::lock_guard lock(m_);
  for (auto& [dir, changes] : pending_) {
    bool in_order = chance();
    size_t kept = random_.below(changes.size() + 1);
    for (size_t i = 0; i < changes.size(); i++)
      if (in_order ? i < kept : chance()) apply(durable_, changes[i]);
  }
  pending_.clear();
  for (auto it = durable_.begin(); it != durable_.end();) {  // parents come before children
    bool orphan = it->first != "/" && !durable_.contains(dir_of(it->first));
    it = orphan ? durable_.erase(it) : std::next(it);
  }
  for (auto& [path, node] : durable_) {
    if (node->dir) continue;
    auto after = std::make_shared<Node>();
    after->now = torn(*node);
    after->settle();
    node = std::move(after);
  }
  live_ = durable_;
  locks_.clear();
  cut_ = false;
  clear_faults();
}

std::vector<std::string> SimDisk::files() const {
  std::lock_guard lock(m_);
  std::vector<std::string> out;
  for (const auto& [path, node] : live_)
    if (!node->dir) out.push_back(path);
  return out;
}

uint64_t SimDisk::bytes_in(std::string_view part) const {
  std::lock_guard lock(m_);
  uint64_t sum = 0;
  for (const auto& [path, node] : live_)
    if (!node->dir && path.find(part) != std::string::npos) sum += node->now.size();
  return sum;
}

Bytes SimDisk::content(const std::string& path) const {
  std::lock_guard lock(m_);
  auto node = find(path);
  DL_REQUIRE(node && !node->dir, "no file " + path);
  return node->now;
}

void SimDisk::set_content(const std::string& path, Bytes content) {
  std::lock_guard lock(m_);
  auto node = std::make_shared<Node>();
  node->now = std::move(content);
  node->settle();
  live_[path] = durable_[path] = std::move(node);
}

std::unique_ptr<SimDisk> SimDisk::copy(uint64_t seed) const {
  std::lock_guard lock(m_);
  auto out = std::make_unique<SimDisk>(seed);
  std::map<const Node*, NodePtr> copies;
  auto copied = [&](const NodePtr& node) {
    auto& mine = copies[node.get()];
    if (!mine) mine = std::make_shared<Node>(*node);
    return mine;
  };
  for (const auto& [path, node] : live_) out->live_[path] = copied(node);
  for (const auto& [path, node] : durable_) out->durable_[path] = copied(node);
  for (const auto& [dir, changes] : pending_)
    for (const auto& one : changes)
      out->pending_[dir].push_back({one.gone, one.path, one.node ? copied(one.node) : nullptr});
  out->space_ = space_;
  return out;
}

Result<std::unique_ptr<ReadFile>> SimDisk::open_read(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kOpen));
  auto node = find(path);
  if (!node) return no_file(path);
  if (node->dir) return error(Code::kIo, path + " is a directory");
  return std::unique_ptr<ReadFile>(std::make_unique<Reader>(*this, node, path));
}

Result<std::unique_ptr<WriteFile>> SimDisk::open_write(const std::string& given, OpenMode mode, unsigned) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  auto node = find(path);
  if (mode == OpenMode::kExisting) {
    DL_OK(gate_read(path, Call::kOpen));
    if (!node) return no_file(path);
    return std::unique_ptr<WriteFile>(std::make_unique<Writer>(*this, node, path));
  }
  if (mode == OpenMode::kCreateNew && node) return error(Code::kExists, path + " exists");
  auto parent = find(dir_of(path));
  if (!parent || !parent->dir) return no_file(dir_of(path));
  auto verdict = gate(path, Call::kCreate);
  if (verdict.act && node) {
    node->touch(0);
    node->now.clear();
    node->dropped.clear();
  } else if (verdict.act) {
    node = std::make_shared<Node>();
    change(dir_of(path), {"", path, node});
  }
  if (!verdict.answer.ok()) return std::move(verdict.answer).error();
  return std::unique_ptr<WriteFile>(std::make_unique<Writer>(*this, node, path));
}

Result<void> SimDisk::sync_dir(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  if (!find(path)) return no_file(path);
  auto verdict = gate(path, Call::kSyncDir);
  if (verdict.act) {
    for (const auto& one : pending_[path]) apply(durable_, one);
    pending_.erase(path);
  }
  return verdict.answer;
}

Result<void> SimDisk::make_dir(const std::string& given, unsigned) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  if (find(path)) return error(Code::kExists, path + " exists");
  if (!find(dir_of(path))) return no_file(dir_of(path));
  auto verdict = gate(path, Call::kMakeDir);
  if (verdict.act) {
    auto node = std::make_shared<Node>();
    node->dir = true;
    change(dir_of(path), {"", path, node});
  }
  return verdict.answer;
}

Result<void> SimDisk::rename(const std::string& given_from, const std::string& given_to) {
  std::lock_guard lock(m_);
  const std::string from = plain(given_from), to = plain(given_to);
  auto node = find(from);
  if (!node) return no_file(from);
  DL_REQUIRE(!node->dir && dir_of(from) == dir_of(to), "only files are renamed, within a directory");
  auto verdict = gate(to, Call::kRename);
  if (verdict.act) change(dir_of(to), {from, to, node});
  return verdict.answer;
}

Result<void> SimDisk::remove(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  if (!find(path)) return no_file(path);
  auto verdict = gate(path, Call::kRemove);
  if (verdict.act) change(dir_of(path), {path, "", nullptr});
  return verdict.answer;
}

Result<void> SimDisk::remove_dir(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_TRY(auto names, list(path));
  if (!names.empty()) return error(Code::kIo, path + ": directory not empty");
  return remove(path);
}

Result<bool> SimDisk::exists(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kLook));
  return find(path) != nullptr;
}

Result<bool> SimDisk::is_dir(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kLook));
  auto node = find(path);
  return node && node->dir;
}

Result<uint64_t> SimDisk::file_size(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kLook));
  auto node = find(path);
  if (!node) return no_file(path);
  return uint64_t{node->now.size()};
}

Result<uint64_t> SimDisk::modified_millis(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kLook));
  if (!find(path)) return no_file(path);
  return uint64_t{0};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string dir = plain(given);
  DL_OK(gate_read(dir, Call::kList));
  auto node = find(dir);
  if (!node || !node->dir) return no_file(dir);
  std::string prefix = dir == "/" ? dir : dir + "/";
  std::vector<std::string> names;
  for (auto it = live_.lower_bound(prefix); it != live_.end() && it->first.starts_with(prefix); ++it) {
    std::string name = it->first.substr(prefix.size());
    if (!name.empty() && name.find('/') == std::string::npos) names.push_back(std::move(name));
  }
  return names;
}

Result<std::unique_ptr<FileLock>> SimDisk::lock(const std::string& given) {
  std::lock_guard lock(m_);
  const std::string path = plain(given);
  DL_OK(gate_read(path, Call::kLock));
  if (!find(dir_of(path))) return no_file(dir_of(path));
  if (!locks_.insert(path).second) return error(Code::kConflict, path + " is held by another process");
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, path));
}

Result<DiskSpace> SimDisk::disk_space(const std::string& path) {
  std::lock_guard lock(m_);
  if (fail_number_ != 0) DL_OK(gate_read(path, Call::kLook));
  return space_;
}

}  // namespace dl::storage

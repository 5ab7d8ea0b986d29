#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/file_system.h"

namespace dl::storage {

// A disk in memory that behaves as badly as a real one may: what was not synced can be lost, torn or zeroed by a power
// cut, an entry of a directory that was not synced can be undone, every call can fail. For tests and the simulator.
// Thread-safe. Counts the calls that change something: each one is a point where the power can go. A sync that fails
// leaves what was dirty marked clean, as the kernel does: it is still read, a later sync succeeds and writes none of
// it.
class SimDisk : public FileSystem {
 public:
  explicit SimDisk(uint64_t seed);

  // --- faults
  uint64_t calls() const;  // mutating calls so far
  // The power goes at the nth mutating call from now (1: the next). Every later call fails with kIo until crash().
  void cut_after(uint64_t nth);
  bool is_cut() const;
  // Calls n .. n + count - 1 from now fail with `code` (kIo or kNoSpace). kNoSpace hits only calls that need space.
  enum class Reads { kCounted, kSpared };
  void fail_after(uint64_t nth, uint64_t count, Code code, Reads reads = Reads::kSpared);
  // The nth call from now that the system may answer with this errno (ENOSPC, EDQUOT, EIO, EMFILE) is answered so; only
  // such calls are counted, reads and questions among them.
  void fail_nth(uint64_t nth, int number);
  void clear_faults();
  uint64_t seen() const;         // calls that could have been hit
  uint64_t failed() const;       // calls that an injected error hit
  std::string last_hit() const;  // "sync /data/kv/default/000004.log", or empty
  // The power comes back: the disk is what one of the many allowed outcomes leaves. No file may be open.
  void crash();
  void set_space(DiskSpace space);

  // --- damage
  // Every read of this file's content fails with kIo, as from bad sectors, until it is called with an empty path.
  void set_unreadable(const std::string& path);
  std::vector<std::string> files() const;
  // Of all files whose path has `part` in it, at one moment.
  uint64_t bytes_in(std::string_view part) const;
  Bytes content(const std::string& path) const;
  void set_content(const std::string& path, Bytes content);  // durable at once
  std::unique_ptr<SimDisk> copy(uint64_t seed) const;        // of what is durable and what is not, faults cleared

  Result<std::unique_ptr<ReadFile>> open_read(const std::string& path) override;
  Result<std::unique_ptr<WriteFile>> open_write(const std::string& path, OpenMode mode, unsigned permissions) override;
  Result<void> sync_dir(const std::string& path) override;
  Result<void> make_dir(const std::string& path, unsigned permissions) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_dir(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<bool> is_dir(const std::string& path) override;
  Result<uint64_t> file_size(const std::string& path) override;
  Result<uint64_t> modified_millis(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<DiskSpace> disk_space(const std::string& path) override;

 private:
  struct Node {  // a file or, without content, a directory
    bool dir = false;
    Bytes now;
    uint64_t synced_size = 0;
    std::optional<Bytes> synced;  // set when synced bytes were written over; else the first synced_size of `now`
    // Where a failed sync left bytes of `now` that no later one writes: [from, to), until they are written again.
    std::map<uint64_t, uint64_t> dropped;
    void touch(uint64_t from);
    void write(uint64_t offset, BytesView data);
    void settle();
    void fail_sync();
    Bytes durable() const;    // what was synced
    Bytes reachable() const;  // what a sync would make durable now
  };
  using NodePtr = std::shared_ptr<Node>;
  using Tree = std::map<std::string, NodePtr>;
  struct Change {  // of one directory's entries, not synced yet
    std::string gone;
    std::string path;
    NodePtr node;
  };
  class Reader;
  class Writer;
  class Lock;

  // The kinds of calls; which errors the system may answer them with is in may_fail().
  enum class Call {
    kOpen,
    kCreate,
    kRead,
    kLook,
    kList,
    kLock,
    kWrite,
    kSync,
    kCut,
    kReserve,
    kPunch,
    kSyncDir,
    kMakeDir,
    kRename,
    kRemove
  };
  // Whether the call is done, and what is answered: at the moment of the cut a call may be done and yet fail.
  struct Verdict {
    bool act = true;
    Result<void> answer;
  };
  Verdict gate(const std::string& path, Call call);
  Result<void> gate_read(const std::string& path, Call call) const;
  bool may_fail(Call call) const;
  bool hit(const std::string& path, Call call) const;
  Error injected(const std::string& path) const;
  bool chance() { return random_.below(2) == 1; }
  static void apply(Tree& tree, const Change& change);
  void change(const std::string& dir, Change change);
  static std::string dir_of(const std::string& path);
  Bytes torn(const Node& node);
  NodePtr find(const std::string& path) const;

  mutable std::recursive_mutex m_;
  SeededRandom random_;
  Tree live_;
  Tree durable_;
  std::map<std::string, std::vector<Change>> pending_;
  std::set<std::string> locks_;
  uint64_t calls_ = 0;
  uint64_t cut_at_ = 0;
  bool cut_ = false;
  mutable uint64_t seen_ = 0;  // calls that fail_after counts
  uint64_t fail_from_ = 0, fail_to_ = 0;
  Code fail_code_ = Code::kIo;
  int fail_number_ = 0;  // of fail_nth; 0: the fault is fail_after's
  Reads fail_reads_ = Reads::kSpared;
  mutable uint64_t failed_ = 0;
  mutable std::string last_hit_;
  std::string unreadable_;
  DiskSpace space_{2ull << 30, 2ull << 30};  // never so much that a store would believe it for a moment
};

}  // namespace dl::storage

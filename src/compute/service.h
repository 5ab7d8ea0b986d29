#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/author.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "compute/launch.h"
#include "compute/limits.h"
#include "compute/log_file.h"
#include "compute/reconcile.h"
#include "compute/request.h"
#include "compute/workload_table.h"

namespace dl::compute {

struct ComputeSettings {
  std::string dir;      // DIR/workloads
  std::string node;     // the node's name: workloads for others are left alone
  std::string boot_id;  // empty: the kernel's
  size_t workers = 2;   // launches and collections at the same time
  uint64_t max_log_bytes = kDefaultMaxLogBytes;
  Millis tick{200};  // between two looks at what runs
  ReconcileRules rules = default_rules();
};

// A piece of what a workload printed.
struct LogPage {
  std::vector<LogLine> lines;
  uint64_t next = 0;  // the cursor to go on with
  bool end = false;   // it has ended, and this is the last of it
  bool gap = false;   // what stood before is kept no longer
};

// Makes what is wanted true on this node: one loop that looks and decides (reconcile), a pool that does the slow parts.
// Containers run on when it stops or dies; the next start() finds them again. All methods are thread-safe and block;
// references must outlive the service.
class ComputeService {
 public:
  ComputeService(WorkloadTable& table, registry::ImageStore& images, Runtime& runtime, ObjectAccess& objects,
                 storage::FileSystem& fs, const Clock& clock, Random& random, ComputeSettings settings);
  ~ComputeService();  // stop()

  Result<void> start();
  // Ends loop and pool, not the containers. Idempotent.
  void stop();
  // The table was changed by somebody else.
  void poke();

  // Errors: kInvalid, kTooLarge, kExists (the name is in use).
  Result<Workload> submit(const audit::Author& by, const RunRequest& request);
  Result<std::vector<Workload>> list() const;
  // By name (the newest of that name) or by a start of the id of at least 8 digits. Errors: kNotFound, kConflict.
  Result<Workload> find(std::string_view reference) const;
  // Asks it to end; it is Cancelled once it has. An ended one: nothing to do.
  Result<Workload> cancel(const audit::Author& by, std::string_view reference);
  // Ends it and forgets it with its log.
  Result<Workload> remove(const audit::Author& by, std::string_view reference);
  // Cursor 0: from the beginning of the present attempt's log; else a `next`, which goes over to the attempts that
  // follow. About max_bytes of the file a page.
  Result<LogPage> logs(std::string_view reference, uint64_t cursor, size_t max_bytes) const;
  // True while a workload that has not ended runs or may run from that image (ImageStore::remove asks).
  Result<bool> uses_image(const Sha256& digest) const;

 private:
  struct Entry;
  struct Finished {
    WorkloadId id;
    TaskOutcome outcome;
  };
  bool is_mine(const format::WorkloadSpec& spec) const { return spec.node.empty() || spec.node == settings_.node; }
  void run();
  Result<void> reload();
  void take_outcomes();
  bool look_at(Entry& entry);
  Result<void> advance(Entry& entry);
  Result<void> act(Entry& entry, Action action);
  void start_task(Entry& entry, TaskKind kind);
  TaskOutcome do_task(TaskKind kind, const format::WorkloadSpec& spec, uint32_t attempt,
                      const std::atomic<bool>& stop) const;
  Result<void> forget(Entry& entry);
  Result<Workload> change(const audit::Author& by, std::string_view reference, bool format::WorkloadSpec::* wish);

  WorkloadTable& table_;
  registry::ImageStore& images_;
  Runtime& runtime_;
  const Clock& clock_;
  Random& random_;
  ComputeSettings settings_;
  WorkPlace place_;

  std::map<WorkloadId, std::unique_ptr<Entry>> entries_;  // the loop's own
  std::mutex m_;
  std::vector<Finished> finished_;
  std::mutex submit_;  // one at a time: names are looked up, then taken
  std::atomic<bool> reload_{true};
  StopSignal signal_;
  std::unique_ptr<ThreadPool> pool_;
  Thread loop_;
};

}  // namespace dl::compute

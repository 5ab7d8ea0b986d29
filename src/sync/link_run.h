#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/task_fwd.h"
#include "format/frames.h"
#include "net/runtime.h"
#include "net/tls_stream.h"
#include "sync/spaces.h"

namespace dl::sync {

using Frames = std::vector<format::Frame>;

// A session machine, as the hull drives it: each call blocks, one at a time, on the pool.
class Machine {
 public:
  struct Work {
    Frames frames;               // what came, in order
    std::set<BucketId> changed;  // what moved here
    bool all_changed = false;
    std::vector<std::pair<BucketId, RecordHash>> hurried;  // bodies that a person waits for
  };
  virtual ~Machine() = default;
  virtual Result<Frames> start() = 0;
  virtual Result<Frames> work(Work work) = 0;
};

struct LinkCounters {
  std::atomic<uint64_t> sent{0}, received{0};
};

// One connection and its machine: reads, wakes the machine, writes, pings; ends with the first error of either side.
// Shared by the coroutine that runs it and by those who poke it (any thread).
class LinkRun : public std::enable_shared_from_this<LinkRun> {
 public:
  LinkRun(net::Runtime& runtime, std::shared_ptr<net::Stream> stream, std::unique_ptr<Machine> machine,
          std::string peer, std::shared_ptr<LinkCounters> counters);

  // Until the session ends; always an Error (kClosed for an orderly end). `first`: frames read already.
  Task<void> run(Frames first, format::FrameReader reader);
  void changed(const BucketId& space);
  void changed_all();
  void hurry(const BucketId& space, const RecordHash& record);
  void close();  // from any thread; run() then ends

 private:
  static Task<void> read_loop(std::shared_ptr<LinkRun> self);
  Task<void> work_loop();
  Task<void> write_out(Frames frames);
  Machine::Work take_work();

  net::Runtime& runtime_;
  std::shared_ptr<net::Stream> stream_;
  std::unique_ptr<Machine> machine_;
  const std::string peer_;
  std::shared_ptr<LinkCounters> counters_;
  net::Wakeup wake_, room_, reader_ended_;
  format::FrameReader reader_;

  std::mutex m_;
  Machine::Work waiting_;
  size_t waiting_bytes_ = 0;
  bool closed_ = false;
  std::optional<Error> ended_;  // why reading ended
  bool reader_done_ = false;
};

}  // namespace dl::sync

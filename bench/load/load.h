#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/options.h"
#include "bench/load/plan.h"

namespace dl::bench {

struct Measured {
  size_t answered = 0;  // good ones
  size_t errors = 0;    // bad answers, connections that broke off, scheduled requests that were never sent
  std::map<std::string, size_t> faults;
  std::string last_refusal;  // what a server said with the last answer that was no good
  size_t reconnects = 0;
  size_t keys = 0;
  double seconds = 0;
  double server_cpu_us = 0;
  double own_cpu_us = 0;
  bool is_complete = true;  // false: a counted work was cut short
  std::string cipher;
  std::vector<float> latencies_ms;
};

// Drives all connections from one thread until the time or the count is over. Requests before the end of the warm-up
// are made and not counted; the clock starts with the first answer after it.
class Load {
 public:
  Load(const Options& options, Plan& plan);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Once. Exits when the server is gone or silent.
  Measured run();

 private:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  struct Slot {
    Connection connection;
    Job job;
    Time since;  // when the request was sent, or was due
    bool is_busy = false;
  };

  void start_more();
  bool take_turn(Time now, Time& since);
  bool is_ending(Time now) const;
  void drive(size_t number);
  void finish(Slot& slot, size_t number, const std::string& fault);
  void renew(Slot& slot, size_t number);
  void watch(size_t number);
  void wait();
  void begin_measuring(Time now);
  void count_unsent();
  Time due(size_t n) const;

  const Options& o_;
  Plan& plan_;
  SSL_CTX* tls_ = nullptr;
  int epoll_ = -1;
  std::vector<Slot> slots_;
  std::deque<size_t> idle_;
  size_t busy_ = 0;
  size_t scheduled_ = 0;
  bool is_measuring_ = false;
  Time begun_;
  Time measure_from_;
  Time end_;
  Time last_answer_;
  double server_cpu_start_ = 0;
  double own_cpu_start_ = 0;
  size_t keys_start_ = 0;
  Measured measured_;
};

}  // namespace dl::bench

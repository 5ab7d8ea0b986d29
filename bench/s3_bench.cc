// Load on one S3 server over plain HTTP on loopback: `s3_bench --help`. One thread drives all connections, each with
// one request under way; prints one JSON line with rate, latency and what a request cost the server in CPU time.

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/hex.h"
#include "bench/s3_client.h"
#include "crypto/hash.h"

namespace dl::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kHelp = R"(s3_bench --op put|get|fill|bucket --address A:P --credentials FILE --bucket NAME
  put     writes new objects for --seconds
  get     reads random ones of the --objects that `fill` made, for --seconds
  fill    writes --objects objects
  bucket  makes the bucket
Also: --size BYTES (4096) --connections N (16) --seconds N (10) --warm-up N (1) --objects N (5000) --region R (us-east-1)
      --run NAME (prefix of the keys of put) --pid PID (the server's, for its CPU time) --seed N (1)
Keys come from the file only. Prints one JSON line.
)";

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "s3_bench: {}\n", why);
  std::exit(1);
}

struct Options {
  std::string op;
  Target target;
  std::string bucket;
  std::string run = "run";
  size_t size = 4096;
  size_t connections = 16;
  size_t seconds = 10;
  size_t warm_up = 1;
  size_t objects = 5000;
  size_t seed = 1;
  int pid = 0;
};

size_t number(const std::string& name, const std::string& text) {
  size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) fail("--" + name + " needs a number, got " + text);
  return value;
}

Options parse_options(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help") {
      std::fputs(kHelp, stdout);
      std::exit(0);
    }
    if (!name.starts_with("--") || i + 1 == argc) fail("a pair `--name value` is needed at " + name + "; see --help");
    given[name.substr(2)] = argv[++i];
  }
  Options o;
  o.target.region = "us-east-1";
  std::string address;
  for (const auto& [name, value] : given) {
    if (name == "op")
      o.op = value;
    else if (name == "address")
      address = value;
    else if (name == "credentials")
      read_credentials(value, o.target);
    else if (name == "bucket")
      o.bucket = value;
    else if (name == "region")
      o.target.region = value;
    else if (name == "run")
      o.run = value;
    else if (name == "size")
      o.size = number(name, value);
    else if (name == "connections")
      o.connections = std::max<size_t>(1, number(name, value));
    else if (name == "seconds")
      o.seconds = number(name, value);
    else if (name == "warm-up")
      o.warm_up = number(name, value);
    else if (name == "objects")
      o.objects = std::max<size_t>(1, number(name, value));
    else if (name == "seed")
      o.seed = number(name, value);
    else if (name == "pid")
      o.pid = static_cast<int>(number(name, value));
    else
      fail("no option --" + name + "; see --help");
  }
  size_t colon = address.rfind(':');
  if (colon == std::string::npos || o.bucket.empty() || o.target.access_key.empty())
    fail("--address A:P, --bucket and --credentials are needed; see --help");
  o.target.host = address.substr(0, colon);
  o.target.port = static_cast<uint16_t>(number("address", address.substr(colon + 1)));
  return o;
}

// User and system time of a process and all its threads so far, in microseconds; 0 when no process was named.
double cpu_us(int pid) {
  if (pid == 0) return 0;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::stringstream whole;
  whole << file.rdbuf();
  std::string text = whole.str();
  size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) fail("no process " + std::to_string(pid));
  std::istringstream fields(text.substr(after_name + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; fields >> field && i <= 15; ++i)
    if (i >= 14) ticks += std::stod(field);
  return ticks * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// What is sent next: method, path and body of the n-th request.
class Plan {
 public:
  explicit Plan(const Options& o) : o_(o), random_(o.seed) {
    for (Bytes& body : bodies_) {
      body.resize(o.size);
      for (char& c : body) c = static_cast<char>(random_());
    }
    for (size_t i = 0; i < kBodies; ++i) hashes_[i] = crypto::sha256(bodies_[i]).hex();
    empty_hash_ = crypto::sha256(Bytes()).hex();
  }

  void start(Connection& connection, Signer& signer) {
    size_t n = next_++;
    if (o_.op == "get") {
      std::string path = fmt::format("/{}/fill/{:08}", o_.bucket, random_() % o_.objects);
      connection.send(signer.head("GET", path, empty_hash_, 0), {});
      return;
    }
    std::string path = o_.op == "fill" ? fmt::format("/{}/fill/{:08}", o_.bucket, n)
                                       : fmt::format("/{}/put/{}/{:08}", o_.bucket, o_.run, n);
    connection.send(signer.head("PUT", path, hashes_[n % kBodies], o_.size), bodies_[n % kBodies]);
  }

  size_t started() const { return next_; }

 private:
  static constexpr size_t kBodies = 64;
  const Options& o_;
  std::mt19937_64 random_;
  size_t next_ = 0;
  std::array<Bytes, kBodies> bodies_;
  std::array<std::string, kBodies> hashes_;
  std::string empty_hash_;
};

struct Measured {
  size_t requests = 0;
  size_t errors = 0;
  int last_error_status = 0;
  double seconds = 0;
  double server_cpu_us = 0;
  std::vector<double> latencies_ms;
};

// Drives all connections until the time (put, get) or the count (fill) is over.
class Load {
 public:
  explicit Load(const Options& o) : o_(o), plan_(o), signer_(o.target) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < o.connections; ++i) slots_.push_back({Connection(o.target), {}, false});
  }
  ~Load() { ::close(epoll_); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Measured run() {
    measure_from_ = Clock::now() + std::chrono::seconds(is_counted() ? 0 : o_.warm_up);
    end_ = is_counted() ? Clock::time_point::max() : measure_from_ + std::chrono::seconds(o_.seconds);
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, slots_[i].connection.fd(), &event);
      drive(slots_[i]);
    }
    while (busy_ > 0) wait();
    if (!is_measuring_) fail("no request was answered in the time that is measured");
    measured_.server_cpu_us = cpu_us(o_.pid) - cpu_start_;
    measured_.seconds = std::chrono::duration<double>(Clock::now() - measure_from_).count();
    return std::move(measured_);
  }

 private:
  struct Slot {
    Connection connection;
    Clock::time_point started;
    bool is_busy = false;
  };

  bool is_counted() const { return o_.op == "fill"; }
  bool is_over() const { return is_counted() ? plan_.started() >= o_.objects : Clock::now() >= end_; }

  void wait() {
    epoll_event events[64];
    int count = ::epoll_wait(epoll_, events, 64, 30000);
    if (count == 0) fail("the server answered nothing for 30 s");
    for (int i = 0; i < count; ++i) drive(slots_[events[i].data.u32]);
  }

  // Takes a connection as far as it goes without waiting; one request after the other until the run is over.
  void drive(Slot& slot) {
    while (true) {
      if (!slot.is_busy) {
        if (is_over()) return;
        plan_.start(slot.connection, signer_);
        slot.started = Clock::now();
        slot.is_busy = true;
        ++busy_;
      }
      Connection::State state = slot.connection.advance();
      if (state == Connection::State::kBusy) return;
      if (state == Connection::State::kBroken)
        fail(fmt::format("the connection broke off in a request (last status {})", slot.connection.status()));
      finish(slot);
    }
  }

  void finish(Slot& slot) {
    slot.is_busy = false;
    --busy_;
    Clock::time_point now = Clock::now();
    if (now < measure_from_) return;
    if (!is_measuring_) {
      // The clock starts with an answer: what comes after it is counted, and its CPU time.
      is_measuring_ = true;
      measure_from_ = now;
      cpu_start_ = cpu_us(o_.pid);
      return;
    }
    bool is_good = slot.connection.status() == 200 && (o_.op != "get" || slot.connection.body_bytes() == o_.size);
    (is_good ? measured_.requests : measured_.errors) += 1;
    if (!is_good) measured_.last_error_status = slot.connection.status();
    measured_.latencies_ms.push_back(std::chrono::duration<double, std::milli>(now - slot.started).count());
  }

  const Options& o_;
  Plan plan_;
  Signer signer_;
  int epoll_ = -1;
  std::vector<Slot> slots_;
  size_t busy_ = 0;
  bool is_measuring_ = false;
  Clock::time_point measure_from_;
  Clock::time_point end_;
  double cpu_start_ = 0;
  Measured measured_;
};

// Tries for up to 30 s: a server that just started may answer 503.
int make_bucket(const Options& o) {
  Signer signer(o.target);
  int status = 0;
  for (int tries = 0; tries < 300; ++tries) {
    Connection connection(o.target);
    connection.send(signer.head("PUT", "/" + o.bucket, crypto::sha256(Bytes()).hex(), 0), {});
    Connection::State state = Connection::State::kBusy;
    for (int i = 0; i < 30000 && state == Connection::State::kBusy; ++i) {
      ::usleep(1000);
      state = connection.advance();
    }
    status = state == Connection::State::kDone ? connection.status() : 0;
    if (status == 200) return 0;
    if (status != 503) break;
    ::usleep(100000);
  }
  fail(fmt::format("making the bucket gave status {}", status));
}

double percentile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

int report(const Options& o, Measured m) {
  std::sort(m.latencies_ms.begin(), m.latencies_ms.end());
  double count = std::max<double>(1, static_cast<double>(m.requests + m.errors));
  fmt::print(R"({{"op":"{}","size":{},"connections":{},"requests":{},"errors":{},"seconds":{:.3f},"rate":{:.1f},)"
             R"("p50_ms":{:.3f},"p99_ms":{:.3f},"server_cpu_us":{:.1f}}})"
             "\n",
             o.op, o.size, o.connections, m.requests, m.errors, m.seconds, static_cast<double>(m.requests) / m.seconds,
             percentile(m.latencies_ms, 0.50), percentile(m.latencies_ms, 0.99), m.server_cpu_us / count);
  if (m.errors == 0) return 0;
  fmt::print(stderr, "s3_bench: {} requests failed, the last with status {}\n", m.errors, m.last_error_status);
  return 1;
}

int run(int argc, char** argv) {
  Options o = parse_options(argc, argv);
  if (o.op == "bucket") return make_bucket(o);
  if (o.op != "put" && o.op != "get" && o.op != "fill") fail("no --op '" + o.op + "'; see --help");
  return report(o, Load(o).run());
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) { return dl::bench::run(argc, argv); }

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Numbers about a running node, in Prometheus' text format 0.0.4. Counting is an atomic operation; only making a new
// series takes a lock, so keep the reference.
namespace dl {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Threads count in shards, so that event loops do not pass one cache line to and fro.
inline constexpr unsigned kMetricShards = 4;
// The calling thread's; threads are dealt out in the order of their first counting.
unsigned metric_shard();

// Only grows. Thread-safe.
class Counter {
 public:
  void add(uint64_t n = 1) { cells_[metric_shard()].value.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const {
    uint64_t sum = 0;
    for (const auto& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(64) Cell {
    std::atomic<uint64_t> value = 0;
  };
  std::array<Cell, kMetricShards> cells_;
};

// Thread-safe.
class Gauge {
 public:
  void set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Counts observations into buckets. Thread-safe; a scrape may see an observation in its bucket before it is in the sum.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double v);
  // Observations so far.
  uint64_t count() const;

 private:
  friend class Metrics;
  std::vector<double> bounds_;  // upper, ascending; +Inf is implied
  uint64_t bucket(size_t at) const;
  double sum() const;
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, 8> words{};
  };
  // A shard: the buckets, then the sum's bits, in whole lines.
  size_t lines_;
  std::unique_ptr<Line[]> shards_;
  std::atomic<uint64_t>& word(unsigned shard, size_t at) const {
    return shards_[shard * lines_ + at / 8].words[at % 8];
  }
};

// Bounds for seconds of a request, 1 ms to 60 s.
std::vector<double> latency_bounds();

// Bounds for seconds of a step within the node, 50 us to 10 s.
std::vector<double> fine_latency_bounds();

// All series of one process. Series live as long as it does. Preconditions of all that make one: name and label names
// are of Prometheus' grammar; one name has one kind, one help and one set of bounds. A name has at most 1,000 series:
// what comes after shares one, labelled overflow="true".
class Metrics {
 public:
  static constexpr size_t kMaxSeries = 1000;
  Metrics();
  ~Metrics();
  Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  // A histogram that somebody else owns and fills; it outlives this.
  void show(std::string_view name, std::string_view help, const MetricLabels& labels, const Histogram& histogram);
  Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                       const MetricLabels& labels = {});
  // A gauge that is asked when somebody looks. `read` is called on the scraping thread and must not block; it must not
  // be called any more when what it reads is gone: forget() then.
  void watch(std::string_view name, std::string_view help, const MetricLabels& labels, std::function<double()> read);
  void forget(std::string_view name, const MetricLabels& labels);

  // The text that /metrics answers with.
  std::string exposition() const;

 private:
  struct Family;
  struct Series;
  Series& series(std::string_view name, std::string_view help, int kind, const MetricLabels& labels);
  mutable std::mutex m_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace dl

#include "base/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "base/assert.h"

namespace dl {
namespace {

enum Kind : int { kCounterKind, kGaugeKind, kHistogramKind, kWatchKind };

bool is_metric_name(std::string_view name, bool colon) {
  for (size_t i = 0; i < name.size(); i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return !name.empty();
}

std::string escape(std::string_view text, bool quote) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || (quote && c == '"')) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// `name="value",...` without braces: the series' identity and what is printed.
std::string label_text(const MetricLabels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    DL_REQUIRE(is_metric_name(name, false), "a label's name");
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escape(value, true));
  }
  return out;
}

std::string number_text(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", v);
}

void line(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
          std::string_view more, std::string_view value) {
  out.append(name).append(suffix);
  if (!labels.empty() || !more.empty())
    out.append("{").append(labels).append(labels.empty() || more.empty() ? "" : ",").append(more).append("}");
  out.append(" ").append(value).append("\n");
}

}  // namespace

struct Metrics::Series {
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
  const Histogram* shown = nullptr;  // histogram's, or somebody else's
  std::function<double()> read;
};

struct Metrics::Family {
  int kind;
  std::string help;
  std::vector<double> bounds;
  std::map<std::string, std::unique_ptr<Series>, std::less<>> series;
};

unsigned metric_shard() {
  static std::atomic<unsigned> next{0};
  thread_local const unsigned mine = next.fetch_add(1, std::memory_order_relaxed) % kMetricShards;
  return mine;
}

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      lines_((bounds_.size() + 2 + 7) / 8),
      shards_(std::make_unique<Line[]>(kMetricShards * lines_)) {
  DL_REQUIRE(std::is_sorted(bounds_.begin(), bounds_.end()), "bounds ascend");
}

void Histogram::observe(double v) {
  auto at = std::lower_bound(bounds_.begin(), bounds_.end(), v) - bounds_.begin();
  const unsigned shard = metric_shard();
  word(shard, static_cast<size_t>(at)).fetch_add(1, std::memory_order_relaxed);
  auto& sum = word(shard, bounds_.size() + 1);
  uint64_t before = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(before, std::bit_cast<uint64_t>(std::bit_cast<double>(before) + v),
                                    std::memory_order_relaxed)) {
  }
}

uint64_t Histogram::bucket(size_t at) const {
  uint64_t n = 0;
  for (unsigned shard = 0; shard < kMetricShards; shard++) n += word(shard, at).load(std::memory_order_relaxed);
  return n;
}

double Histogram::sum() const {
  double out = 0;
  for (unsigned shard = 0; shard < kMetricShards; shard++)
    out += std::bit_cast<double>(word(shard, bounds_.size() + 1).load(std::memory_order_relaxed));
  return out;
}

uint64_t Histogram::count() const {
  uint64_t n = 0;
  for (size_t i = 0; i <= bounds_.size(); i++) n += bucket(i);
  return n;
}

std::vector<double> latency_bounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

std::vector<double> fine_latency_bounds() {
  return {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Series& Metrics::series(std::string_view name, std::string_view help, int kind, const MetricLabels& labels) {
  DL_REQUIRE(is_metric_name(name, true), "a metric's name: " + std::string(name));
  auto& family = families_[std::string(name)];
  if (!family) family = std::make_unique<Family>(Family{kind, std::string(help), {}, {}});
  DL_REQUIRE(family->kind == kind && family->help == help, "one name, one kind, one help: " + std::string(name));
  std::string text = label_text(labels);
  if (!family->series.contains(text) && family->series.size() >= kMaxSeries) text = "overflow=\"true\"";
  auto& found = family->series[text];
  if (!found) found = std::make_unique<Series>();
  return *found;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, const MetricLabels& labels) {
  std::lock_guard lock(m_);
  return series(name, help, kCounterKind, labels).counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
  std::lock_guard lock(m_);
  return series(name, help, kGaugeKind, labels).gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                              const MetricLabels& labels) {
  std::lock_guard lock(m_);
  Series& s = series(name, help, kHistogramKind, labels);
  auto& family = *families_.find(name)->second;
  if (family.bounds.empty()) family.bounds = bounds;
  DL_REQUIRE(family.bounds == bounds, "one name, one set of bounds: " + std::string(name));
  if (!s.histogram) s.histogram = std::make_unique<Histogram>(std::move(bounds));
  s.shown = s.histogram.get();
  return *s.histogram;
}

void Metrics::show(std::string_view name, std::string_view help, const MetricLabels& labels,
                   const Histogram& histogram) {
  std::lock_guard lock(m_);
  series(name, help, kHistogramKind, labels).shown = &histogram;
}

void Metrics::watch(std::string_view name, std::string_view help, const MetricLabels& labels,
                    std::function<double()> read) {
  std::lock_guard lock(m_);
  series(name, help, kWatchKind, labels).read = std::move(read);
}

void Metrics::forget(std::string_view name, const MetricLabels& labels) {
  std::lock_guard lock(m_);
  auto family = families_.find(name);
  if (family != families_.end() && family->second->kind == kWatchKind) family->second->series.erase(label_text(labels));
}

std::string Metrics::exposition() const {
  static constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram", "gauge"};
  std::string out;
  std::lock_guard lock(m_);
  for (const auto& [name, family] : families_) {
    if (family->series.empty()) continue;
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(family->help, false), name, kKinds[family->kind]);
    for (const auto& [labels, s] : family->series) {
      if (family->kind == kCounterKind) line(out, name, "", labels, "", std::to_string(s->counter.value()));
      if (family->kind == kGaugeKind) line(out, name, "", labels, "", std::to_string(s->gauge.value()));
      if (family->kind == kWatchKind) line(out, name, "", labels, "", number_text(s->read()));
      if (family->kind != kHistogramKind) continue;
      const Histogram& h = *s->shown;
      uint64_t count = 0;
      for (size_t i = 0; i <= h.bounds_.size(); i++) {
        count += h.bucket(i);
        double bound = i < h.bounds_.size() ? h.bounds_[i] : HUGE_VAL;
        line(out, name, "_bucket", labels, "le=\"" + number_text(bound) + "\"", std::to_string(count));
      }
      line(out, name, "_sum", labels, "", number_text(h.sum()));
      line(out, name, "_count", labels, "", std::to_string(count));
    }
  }
  return out;
}

}  // namespace dl

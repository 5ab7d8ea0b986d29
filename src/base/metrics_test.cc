#include "base/metrics.h"

#include <doctest/doctest.h>

#include "base/thread.h"

using namespace dl;

TEST_CASE("metrics are shown in Prometheus' text format") {
  Metrics m;
  m.counter("requests_total", "Requests.", {{"code", "200"}}).add(3);
  m.counter("requests_total", "Requests.", {{"code", "say \"\\\n"}}).add();
  m.gauge("open", "Open\nones.").set(-2);
  auto& h = m.histogram("seconds", "How long.", {0.1, 1}, {{"op", "get"}});
  for (double v : {0.05, 0.1, 0.5, 7.0}) h.observe(v);
  m.watch("level", "Asked.", {}, [] { return 0.5; });
  CHECK(m.exposition() ==
        "# HELP level Asked.\n# TYPE level gauge\nlevel 0.5\n"
        "# HELP open Open\\nones.\n# TYPE open gauge\nopen -2\n"
        "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
        "requests_total{code=\"200\"} 3\nrequests_total{code=\"say \\\"\\\\\\n\"} 1\n"
        "# HELP seconds How long.\n# TYPE seconds histogram\n"
        "seconds_bucket{op=\"get\",le=\"0.1\"} 2\nseconds_bucket{op=\"get\",le=\"1\"} 3\n"
        "seconds_bucket{op=\"get\",le=\"+Inf\"} 4\nseconds_sum{op=\"get\"} 7.65\nseconds_count{op=\"get\"} 4\n");
  m.forget("level", {});
  CHECK(m.exposition().find("level") == std::string::npos);
}

TEST_CASE("a histogram that somebody else owns is shown with the others of its name") {
  Metrics m;
  Histogram own({1, 2});
  m.show("h", "H.", {{"of", "a"}}, own);
  own.observe(1.5);
  CHECK(m.exposition() ==
        "# HELP h H.\n# TYPE h histogram\nh_bucket{of=\"a\",le=\"1\"} 0\nh_bucket{of=\"a\",le=\"2\"} 1\n"
        "h_bucket{of=\"a\",le=\"+Inf\"} 1\nh_sum{of=\"a\"} 1.5\nh_count{of=\"a\"} 1\n");
}

TEST_CASE("a name's series are bounded: those past the limit share one") {
  Metrics m;
  for (size_t i = 0; i < Metrics::kMaxSeries + 5; i++) m.counter("c", "C.", {{"i", std::to_string(i)}}).add();
  CHECK(m.counter("c", "C.", {{"i", "0"}}).value() == 1);
  CHECK(m.counter("c", "C.", {{"i", "more"}}).value() == 5);
}

TEST_CASE("counting from many threads loses nothing") {
  Metrics m;
  {
    std::vector<Thread> threads;
    for (int t = 0; t < 4; t++)
      threads.emplace_back("count", [&] {
        for (int i = 0; i < 10'000; i++) m.counter("c", "C.").add();
        for (int i = 0; i < 10'000; i++) m.histogram("h", "H.", latency_bounds()).observe(0.01);
      });
  }
  CHECK(m.counter("c", "C.").value() == 40'000);
  CHECK(m.histogram("h", "H.", latency_bounds()).count() == 40'000);
}

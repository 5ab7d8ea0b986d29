// Load on one S3 server over loopback: `s3_bench --help`. One thread drives all connections, each with at most one
// request under way; prints one JSON line with rate, latency and what a request cost the server in CPU time.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/load/connection.h"
#include "bench/load/fail.h"
#include "bench/load/load.h"
#include "bench/load/options.h"
#include "bench/load/plan.h"
#include "crypto/hash.h"

namespace dl::bench {
namespace {

// Tries for up to 30 s: a server that just started may answer 503.
int make_bucket(const Options& o) {
  Signer signer(o.target);
  SSL_CTX* tls = o.target.is_tls ? make_tls() : nullptr;
  std::string path = "/" + o.bucket, hash = crypto::sha256("").hex();
  int status = 0;
  for (int tries = 0; tries < 300; ++tries) {
    Connection connection(o.target, tls);
    connection.send(signer.head({.method = "PUT", .path = path, .payload_hash = hash}), {}, {});
    Connection::State state = Connection::State::kBusy;
    for (int i = 0; i < 30000 && state == Connection::State::kBusy; ++i) {
      ::usleep(1000);
      state = connection.advance();
    }
    status = state == Connection::State::kDone ? connection.answer().status() : 0;
    if (status == 200) return 0;
    if (status != 503) break;
    ::usleep(100000);
  }
  fail(fmt::format("making the bucket gave status {}", status));
}

// The files that the connections need, as far as this user may.
void allow_files(size_t connections) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < connections + 32)
    fail(fmt::format("{} connections need more open files than the {} that are allowed here (ulimit -Hn)", connections,
                     files.rlim_cur));
}

double percentile(const std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text.substr(0, 300)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < ' ' || c > '~' ? ' ' : static_cast<char>(c);
  }
  return out + "\"";
}

int report(const Options& o, Measured m) {
  std::sort(m.latencies_ms.begin(), m.latencies_ms.end());
  double count = std::max<double>(1, static_cast<double>(m.latencies_ms.size()));
  std::string faults;
  for (const auto& [what, times] : m.faults)
    faults += fmt::format("{}{}:{}", faults.empty() ? "" : ",", quoted(what), times);
  fmt::print(R"({{"op":"{}","size":{},"connections":{},"in_flight":{},"loop":"{}","requests":{},"errors":{},)"
             R"("faults":{{{}}},"refusal":{},"reconnects":{},"complete":{},"seconds":{:.3f},"rate":{:.1f},)"
             R"("p50_ms":{:.3f},"p99_ms":{:.3f},"p999_ms":{:.3f},"max_ms":{:.3f},"server_cpu_us":{:.2f},)"
             R"("server_cpu_s":{:.3f},"client_cpu_us":{:.2f},"keys":{},"cipher":"{}"}})"
             "\n",
             o.op, o.size, o.connections, o.in_flight, o.rate > 0 ? "open" : "closed", m.answered, m.errors, faults,
             quoted(m.last_refusal), m.reconnects, m.is_complete, m.seconds,
             static_cast<double>(m.answered) / std::max(1e-9, m.seconds), percentile(m.latencies_ms, 0.50),
             percentile(m.latencies_ms, 0.99), percentile(m.latencies_ms, 0.999), percentile(m.latencies_ms, 1),
             m.server_cpu_us / count, m.server_cpu_us / 1e6, m.own_cpu_us / count, m.keys, m.cipher);
  return m.errors == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  Options o = parse_options(argc, argv);
  if (o.op == "bucket") return make_bucket(o);
  allow_files(o.connections);
  Signer signer(o.target);
  std::unique_ptr<Plan> plan = make_object_plan(o, signer);
  if (!plan) plan = make_list_plan(o, signer);
  if (!plan) fail("no --op '" + o.op + "'; see --help");
  return report(o, Load(o, *plan).run());
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) { return dl::bench::run(argc, argv); }

// The least that our HTTP server costs: `bench_echo A:P` reads every request and its body and answers GET with 4 KiB
// and all else with nothing. No signature, no store. Prints "ready A:P"; SIGTERM or SIGINT ends it.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/task.h"
#include "net/http_server.h"

namespace {

constexpr size_t kAnswer = 4096;

dl::Task<void> answer(dl::net::HttpExchange& e) {
  char buffer[16 * 1024];
  while (true) {
    DL_CO_TRY(size_t n, co_await e.body.read(buffer, sizeof buffer));
    if (n == 0) break;
  }
  dl::net::HttpResponse response;
  if (e.request.method == "GET" || e.request.method == "HEAD") response.body = dl::Bytes(kAnswer, 'x');
  co_return co_await e.response.send(std::move(response));
}

int complain(const std::string& why) {
  fmt::print(stderr, "bench_echo: {}\n", why);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto address = dl::net::parse_host_port(argc == 2 ? argv[1] : "");
  if (!address.ok()) return complain("bench_echo A:P");
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  dl::net::Runtime runtime(std::max(1u, std::thread::hardware_concurrency()), 1);
  runtime.start();
  dl::net::HttpServerOptions options;
  options.max_connections = 20'000;
  dl::net::HttpServer server(runtime, dl::system_clock(), answer, options);
  auto bound = server.listen_plain(*address);
  if (!bound.ok()) return complain(bound.error().message);
  fmt::print("ready {}\n", dl::net::format_host_port(*bound));
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server.stop();
  runtime.stop();
  return 0;
}

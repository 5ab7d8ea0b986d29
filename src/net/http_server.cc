#include "net/http_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "net/http_connection.h"
#include "net/listen.h"
#include "net/text.h"

namespace dl::net {
namespace {

using Ec = boost::system::error_code;
using Unix = asio::local::stream_protocol;
using asio::ip::tcp;

constexpr std::string_view kOverLimit =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

Accepted describe(tcp::socket socket) {
  Ec ec;
  socket.set_option(tcp::no_delay(true), ec);
  auto remote = socket.remote_endpoint(ec);
  std::string peer = ec ? "unknown" : format_host_port({remote.address().to_string(), remote.port()});
  return {std::move(socket), nullptr, std::move(peer), std::nullopt};
}

Accepted describe(Unix::socket socket) {
  ucred who{};
  socklen_t size = sizeof who;
  std::optional<uint32_t> uid;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) uid = who.uid;
  return {std::move(socket), nullptr, "unix", uid};
}

void turn_away(ServerCore& core, Accepted accepted, bool tls) {
  core.over_limit++;
  Ec ignored;
  accepted.socket.non_blocking(true, ignored);
  if (!tls) accepted.socket.send(asio::buffer(kOverLimit), 0, ignored);
  accepted.socket.shutdown(ByteStream::Socket::shutdown_both, ignored);
}

void take_connection(const std::shared_ptr<ServerCore>& core, size_t loop, Accepted accepted, const TlsSlot* slot) {
  core->accepted++;
  if (core->open >= core->options.max_connections) return turn_away(*core, std::move(accepted), slot != nullptr);
  if (slot) accepted.tls = slot->get();
  serve_connection(core, loop, std::move(accepted));
}

Result<HostPort> listen_tcp(std::shared_ptr<ServerCore> core, const HostPort& address, std::shared_ptr<TlsSlot> slot) {
  size_t loop = core->runtime().next_loop();
  auto acceptor = std::make_shared<tcp::acceptor>(core->runtime().loop(loop).io);
  DL_TRY(HostPort bound, open_acceptor(*acceptor, address));
  core->serve<tcp>(acceptor, loop, [core, slot = std::move(slot)](size_t at, tcp::socket socket) {
    take_connection(core, at, describe(std::move(socket)), slot.get());
  });
  return bound;
}

}  // namespace

const std::string& ServerLoop::date_line(WallTime now) {
  auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second == date_second) return date;
  date_second = second;
  date = "Date: " + http_date(now) + "\r\n";
  return date;
}

HttpServer::HttpServer(Runtime& runtime, const Clock& clock, HttpHandler handler, HttpServerOptions options)
    : core_(std::make_shared<ServerCore>(runtime, clock, std::move(handler), options)) {}

HttpServer::~HttpServer() { stop(); }

Result<HostPort> HttpServer::listen_plain(HostPort address) { return listen_tcp(core_, address, nullptr); }

Result<HostPort> HttpServer::listen_tls(HostPort address, std::shared_ptr<TlsSlot> slot) {
  DL_REQUIRE(slot && slot->get(), "a TLS listener has a context");
  return listen_tcp(core_, address, std::move(slot));
}

Result<void> HttpServer::listen_unix(std::string path) {
  size_t loop = core_->runtime().next_loop();
  auto acceptor = std::make_shared<Unix::acceptor>(core_->runtime().loop(loop).io);
  DL_OK(open_unix_acceptor(*acceptor, path));
  core_->serve<Unix>(acceptor, loop, [core = core_](size_t at, Unix::socket socket) {
    take_connection(core, at, describe(std::move(socket)), nullptr);
  });
  return {};
}

void HttpServer::stop() {
  core_->close_listeners();
  for (size_t i = 0; i < core_->loops.size(); i++)
    asio::post(core_->runtime().loop(i).io, [core = core_, i] {
      auto living = core->loops[i].connections;
      for (ServerConnection* c : living) c->drain();
    });
  if (core_->wait_empty(core_->options.drain_deadline)) return;
  log_warn("net", "{} connections are cut: their requests did not end in time", core_->open.load());
  do core_->cancel_all();
  while (!core_->wait_empty(Millis(100)));
}

HttpServer::Counters HttpServer::counters() const {
  return {core_->open, core_->accepted, core_->over_limit, core_->requests, core_->refused};
}

void serve_connection(std::shared_ptr<ServerCore> core, size_t loop, Accepted accepted) {
  core->open++;
  struct State {
    Accepted accepted;
    std::unique_ptr<ServerConnection> connection;
  };
  auto state = std::make_shared<State>(State{std::move(accepted), nullptr});
  // The connection is made and ended on its own loop.
  core->spawn(
      loop,
      [core, loop, state] {
        state->connection = std::make_unique<ServerConnection>(core, loop, std::move(state->accepted));
        if (core->stopping()) state->connection->drain();
        return state->connection->run();
      },
      [core, state](Result<void> r) {
        if (!r.ok()) log_debug("net", "a connection ended: {}", r.error().message);
        state->connection.reset();
        core->open--;
      });
}

}  // namespace dl::net

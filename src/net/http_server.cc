#include "net/http_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

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

template <class Protocol>
struct HttpListener {
  HttpListener(std::shared_ptr<ServerCore> c, asio::io_context& io) : core(std::move(c)), acceptor(io) {}
  std::shared_ptr<ServerCore> core;
  asio::basic_socket_acceptor<Protocol> acceptor;
  std::shared_ptr<TlsSlot> slot;
};

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

template <class Protocol>
Task<void> accept_loop(std::shared_ptr<HttpListener<Protocol>> listener) {
  ServerCore& core = *listener->core;
  auto& runtime = core.runtime.impl();
  while (!core.draining) {
    size_t loop = runtime.next_loop();
    auto [ec, socket] =
        co_await listener->acceptor.async_accept(runtime.loop(loop).io, asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) break;
    if (ec) {
      // Mostly: no file descriptors left. Those that wait are served as soon as some come back.
      log_warn("net", "cannot accept a connection: {}", ec.message());
      if (!(co_await sleep_for(Millis(100))).ok()) break;
      continue;
    }
    core.accepted++;
    Accepted accepted = describe(std::move(socket));
    if (core.open >= core.options.max_connections) {
      turn_away(core, std::move(accepted), listener->slot != nullptr);
      continue;
    }
    if (listener->slot) accepted.tls = listener->slot->get();
    serve_connection(listener->core, loop, std::move(accepted));
  }
  Ec ignored;
  listener->acceptor.close(ignored);
  co_return Result<void>();
}

template <class Protocol>
void serve_listener(std::shared_ptr<HttpListener<Protocol>> listener, size_t loop) {
  auto core = listener->core;
  auto& runtime = core->runtime.impl();
  core->enter();
  {
    std::lock_guard lock(core->m);
    core->closers.push_back([listener, &io = runtime.loop(loop).io] {
      asio::post(io, [listener] {
        Ec ignored;
        listener->acceptor.close(ignored);
      });
    });
  }
  runtime.spawn_on(
      loop, [listener] { return accept_loop(listener); },
      [core](Result<void> r) {
        if (!r.ok() && r.error().code != Code::kCancelled) log_error("net", "a listener ended: {}", r.error().message);
        core->leave();
      });
}

Result<HostPort> listen_tcp(std::shared_ptr<ServerCore> core, const HostPort& address, std::shared_ptr<TlsSlot> slot) {
  size_t loop = core->runtime.impl().next_loop();
  auto listener = std::make_shared<HttpListener<tcp>>(core, core->runtime.impl().loop(loop).io);
  listener->slot = std::move(slot);
  DL_TRY(HostPort bound, open_acceptor(listener->acceptor, address));
  serve_listener(listener, loop);
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

ServerCore::ServerCore(Runtime& r, const Clock& c, HttpHandler h, HttpServerOptions o)
    : runtime(r), clock(c), handler(std::move(h)), options(o), loops(r.loops()) {}

void ServerCore::enter() {
  std::lock_guard lock(m);
  alive++;
}

void ServerCore::leave() {
  std::lock_guard lock(m);
  alive--;
  left.notify_all();
}

bool ServerCore::wait_empty(Millis deadline) {
  std::unique_lock lock(m);
  return left.wait_for(lock, deadline, [&] { return alive == 0; });
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
  size_t loop = core_->runtime.impl().next_loop();
  auto listener = std::make_shared<HttpListener<Unix>>(core_, core_->runtime.impl().loop(loop).io);
  DL_OK(open_unix_acceptor(listener->acceptor, path));
  serve_listener(listener, loop);
  return {};
}

void HttpServer::stop() {
  DL_REQUIRE(!core_->runtime.impl().on_a_loop(), "a server is stopped from a thread that is no loop");
  core_->draining = true;
  std::vector<std::function<void()>> closers;
  {
    std::lock_guard lock(core_->m);
    closers.swap(core_->closers);
  }
  for (auto& close : closers) close();
  auto& runtime = core_->runtime.impl();
  auto everywhere = [&](void (ServerConnection::*action)()) {
    for (size_t i = 0; i < core_->loops.size(); i++)
      asio::post(runtime.loop(i).io, [core = core_, i, action] {
        auto living = core->loops[i].connections;
        for (ServerConnection* c : living) (c->*action)();
      });
  };
  everywhere(&ServerConnection::drain);
  if (core_->wait_empty(core_->options.drain_deadline)) return;
  log_warn("net", "{} connections are cut: their requests did not end in time", core_->open.load());
  while (!core_->wait_empty(Millis(100))) everywhere(&ServerConnection::cut);
}

HttpServer::Counters HttpServer::counters() const {
  return {core_->open, core_->accepted, core_->over_limit, core_->requests, core_->refused};
}

void serve_connection(std::shared_ptr<ServerCore> core, size_t loop, Accepted accepted) {
  core->enter();
  core->open++;
  struct State {
    Accepted accepted;
    std::unique_ptr<ServerConnection> connection;
  };
  auto state = std::make_shared<State>(State{std::move(accepted), nullptr});
  // The connection is made and ended on its own loop.
  auto scope = core->runtime.impl().spawn_on(
      loop,
      [core, loop, state] {
        state->connection = std::make_unique<ServerConnection>(core, loop, std::move(state->accepted));
        if (core->draining) state->connection->drain();
        return state->connection->run();
      },
      [core, state](Result<void> r) {
        if (!r.ok()) log_debug("net", "a connection ended: {}", r.error().message);
        state->connection.reset();
        core->open--;
        core->leave();
      });
  asio::post(core->runtime.impl().loop(loop).io, [state, weak = std::weak_ptr(scope)] {
    if (state->connection) state->connection->set_scope(weak);
  });
}

}  // namespace dl::net

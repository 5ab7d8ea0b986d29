#include "net/dial.h"

#include <algorithm>
#include <tuple>

#include <sys/un.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dl::net {
namespace {

using Ec = boost::system::error_code;
using asio::ip::tcp;
using Unix = asio::local::stream_protocol;

// Cancels a step of dialling when the time is over. Its timer may fire after it is gone: then it finds no object.
template <class Object>
class DialWatch {
 public:
  DialWatch(Object& object, Millis deadline)
      : timer_(object.get_executor(), deadline), state_(std::make_shared<State>(State{&object, false})) {
    timer_.async_wait([state = state_](const Ec& ec) {
      if (ec || !state->object) return;
      state->late = true;
      state->object->cancel();
    });
  }
  ~DialWatch() { state_->object = nullptr; }
  DialWatch(const DialWatch&) = delete;
  DialWatch& operator=(const DialWatch&) = delete;
  bool late() const { return state_->late; }

 private:
  struct State {
    Object* object;
    bool late;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

Error dial_error(const Ec& ec, bool late, const std::string& where) {
  std::string doing = "cannot reach " + where;
  if (late) return error(Code::kUnavailable, doing + ": no answer in time", "Check the address and the network.");
  if (ec == asio::error::operation_aborted) return cancelled_error();
  return socket_error(ec, doing);
}

Task<std::vector<tcp::endpoint>> resolve(HostPort address, Millis deadline) {
  std::vector<tcp::endpoint> out;
  Ec ec;
  std::string host = address.host.empty() ? "127.0.0.1" : address.host;
  auto literal = asio::ip::make_address(host, ec);
  if (!ec) {
    out.emplace_back(literal, address.port);
    co_return out;
  }
  tcp::resolver resolver(co_await asio::this_coro::executor);
  DialWatch watch(resolver, deadline);
  auto [failed, found] = co_await resolver.async_resolve(
      host, std::to_string(address.port), tcp::resolver::numeric_service, asio::as_tuple(asio::use_awaitable));
  if (failed) {
    auto e = dial_error(failed, watch.late(), format_host_port(address));
    if (e.code == Code::kIo) e.code = Code::kUnavailable;
    co_return e;
  }
  for (const auto& r : found) out.push_back(r.endpoint());
  co_return out;
}

template <class Protocol>
Task<std::shared_ptr<ByteStream>> connect_one(typename Protocol::endpoint endpoint, std::string where,
                                              Millis deadline) {
  typename Protocol::socket socket(co_await asio::this_coro::executor);
  Ec ec;
  socket.open(endpoint.protocol(), ec);
  if (ec) co_return dial_error(ec, false, where);
  bool late = false;
  {
    DialWatch watch(socket, deadline);
    std::tie(ec) = co_await socket.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    late = watch.late();
  }
  if (ec) co_return dial_error(ec, late, where);
  if constexpr (std::is_same_v<Protocol, tcp>) socket.set_option(tcp::no_delay(true), ec);
  co_return std::make_shared<ByteStream>(std::move(socket));
}

}  // namespace

Task<std::shared_ptr<ByteStream>> dial_tcp(HostPort address, Millis deadline) {
  if (co_await cancelled()) co_return cancelled_error();
  MonoTime due = system_clock().mono() + deadline;
  DL_CO_TRY(auto endpoints, co_await resolve(address, deadline));
  Error last = error(Code::kUnavailable, "cannot reach " + format_host_port(address) + ": the name has no address");
  for (const auto& endpoint : endpoints) {
    Millis left = std::chrono::ceil<Millis>(due - system_clock().mono());
    auto stream = co_await connect_one<tcp>(endpoint, format_host_port(address), std::max(left, Millis(1)));
    if (stream.ok() || stream.error().code == Code::kCancelled) co_return stream;
    last = std::move(stream).error();
  }
  co_return last;
}

Task<std::shared_ptr<ByteStream>> dial_unix(std::string path, Millis deadline) {
  if (co_await cancelled()) co_return cancelled_error();
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    co_return error(Code::kInvalid, "the socket's path " + path + " is longer than 107 bytes");
  co_return co_await connect_one<Unix>(Unix::endpoint(path), path, deadline);
}

}  // namespace dl::net

#pragma once

// Internal to the room: what HttpServer, LinkListener and CutProxy have in common. Includes Asio.

#include <unordered_map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "net/loop.h"

namespace dl::net {

// Counts the coroutines of one service, so that its stop() can cancel them and wait for them. Thread-safe.
class Service : public std::enable_shared_from_this<Service> {
 public:
  explicit Service(Runtime& runtime) : runtime_(runtime.impl()) {}
  virtual ~Service() = default;

  // `done` runs on the loop, before the coroutine is counted out.
  void spawn(size_t loop, std::function<Task<void>()> body, std::function<void(Result<void>)> done);
  // Accepts until close_listeners(); deals the sockets to the loops in turn. `take` is called on the acceptor's loop.
  template <class Protocol>
  void serve(std::shared_ptr<asio::basic_socket_acceptor<Protocol>> acceptor, size_t loop,
             std::function<void(size_t loop, typename Protocol::socket socket)> take);

  // From here on nothing new comes.
  void close_listeners();
  void cancel_all();
  // Whether no coroutine was left before the deadline.
  bool wait_empty(Millis deadline);
  bool stopping() const { return stopping_; }
  Runtime::Impl& runtime() { return runtime_; }

 private:
  template <class Protocol>
  static Task<void> accept_loop(std::shared_ptr<Service> service,
                                std::shared_ptr<asio::basic_socket_acceptor<Protocol>> acceptor,
                                std::function<void(size_t loop, typename Protocol::socket socket)> take);
  Runtime::Impl& runtime_;
  std::atomic<bool> stopping_ = false;
  std::mutex m_;
  std::condition_variable left_;
  uint64_t next_id_ = 0;
  std::unordered_map<uint64_t, std::weak_ptr<SpawnScope>> alive_;
  std::vector<std::function<void()>> closers_;
};

template <class Protocol>
Task<void> Service::accept_loop(std::shared_ptr<Service> service,
                                std::shared_ptr<asio::basic_socket_acceptor<Protocol>> acceptor,
                                std::function<void(size_t loop, typename Protocol::socket socket)> take) {
  while (!service->stopping()) {
    size_t loop = service->runtime_.next_loop();
    auto [ec, socket] =
        co_await acceptor->async_accept(service->runtime_.loop(loop).io, asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) break;
    if (!ec) {
      take(loop, std::move(socket));
      continue;
    }
    // Mostly: no file descriptors left. Those that wait are served as soon as some come back.
    log_warn("net", "cannot accept a connection: {}", ec.message());
    if (!(co_await sleep_for(Millis(100))).ok()) break;
  }
  boost::system::error_code ignored;
  acceptor->close(ignored);
  co_return Result<void>();
}

template <class Protocol>
void Service::serve(std::shared_ptr<asio::basic_socket_acceptor<Protocol>> acceptor, size_t loop,
                    std::function<void(size_t loop, typename Protocol::socket socket)> take) {
  {
    std::lock_guard lock(m_);
    closers_.push_back([acceptor, &io = runtime_.loop(loop).io] {
      asio::post(io, [acceptor] {
        boost::system::error_code ignored;
        acceptor->close(ignored);
      });
    });
  }
  spawn(
      loop,
      [self = shared_from_this(), acceptor, take = std::move(take)] {
        return accept_loop<Protocol>(self, acceptor, take);
      },
      [](Result<void> r) {
        if (!r.ok() && r.error().code != Code::kCancelled) log_error("net", "a listener ended: {}", r.error().message);
      });
}

}  // namespace dl::net

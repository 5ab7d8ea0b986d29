#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/address.h"
#include "net/runtime.h"
#include "net/tls.h"

// Bytes both ways under TLS, without HTTP: what the device link runs on.
namespace dl::net {

struct StreamOptions {
  Millis connect_deadline{10'000};  // name and connection
  Millis handshake_deadline{10'000};
  Millis read_deadline{60'000};   // read_some() without a byte: kTimeout. A session that may be silent pings
  Millis write_deadline{60'000};  // write_all() without the peer taking a byte
};

// One connection. All calls on its loop; one read and one write may wait at the same time (spawn_here() in runtime.h
// starts the second coroutine). TCP_NODELAY, keepalive and, where the kernel has it, BBR are on.
class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte, or 0 after the peer's orderly end. kClosed: cut; kTimeout; kDenied: the other side refused our
  // certificate (with TLS 1.3 a client hears of that only here).
  virtual Task<size_t> read_some(char* out, size_t size) = 0;
  // data is kept by the caller until it returns.
  virtual Task<void> write_all(BytesView data) = 0;
  // Says farewell and closes; the peer reads 0.
  virtual Task<void> finish() = 0;
  // At once; waits in progress end with kClosed.
  virtual void close() = 0;
  virtual Bytes peer_certificate_der() const = 0;  // leaf; empty without one
  virtual std::string peer() const = 0;            // "10.0.0.5:7445"
};

// kUnavailable: nobody there; kForeign: we refuse the other side's certificate; kDenied: it refuses ours.
Task<std::shared_ptr<Stream>> connect_tls(HostPort address, std::shared_ptr<TlsContext> context,
                                          StreamOptions options = {});

// Called on the connection's loop after the handshake. When it ends the stream is closed.
using StreamHandler = std::function<Task<void>(std::shared_ptr<Stream>)>;

// Accepts TLS connections; each runs the handler on a loop of its own choosing. Thread-safe, stop() not on a loop.
class LinkListener {
 public:
  // runtime is started and outlives it; the handler lives until stop() returned.
  LinkListener(Runtime& runtime, StreamHandler handler, StreamOptions options = {}, size_t max_connections = 4096);
  ~LinkListener();  // stop()
  LinkListener(const LinkListener&) = delete;
  LinkListener& operator=(const LinkListener&) = delete;
  // As HttpServer::listen_tls().
  Result<HostPort> listen(HostPort address, std::shared_ptr<TlsSlot> slot);
  size_t open_connections() const;
  // Closes all, cancels the handlers, waits for them.
  void stop();

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace dl::net

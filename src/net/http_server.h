#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "net/address.h"
#include "net/http.h"
#include "net/runtime.h"
#include "net/tls.h"

namespace dl::net {

struct HttpServerOptions {
  size_t max_connections = 4096;      // further ones get 503 and are closed
  Millis handshake_deadline{10'000};  // TLS
  Millis header_deadline{10'000};     // from a request's first byte to the end of its head
  Millis body_deadline{60'000};       // without a byte of the body while a handler reads it
  Millis write_deadline{60'000};      // without the peer taking a byte
  Millis idle_deadline{75'000};       // between requests
  Millis drain_deadline{10'000};      // stop(): what running requests are granted
};

// An HTTP/1.1 server (RFC 9112): one handler behind any number of listeners. Each listener has one accepting socket
// (no SO_REUSEPORT: a second program on the port is an error, not a thief); connections are dealt to the loops in turn
// and stay there. Listeners serve from the call on. Thread-safe, but for stop() (not on a loop, once).
class HttpServer {
 public:
  struct Counters {
    uint64_t open = 0, accepted = 0, over_limit = 0, requests = 0, refused = 0;
  };

  // runtime and clock outlive the server; the runtime is started. The handler lives until stop() returned.
  HttpServer(Runtime& runtime, const Clock& clock, HttpHandler handler, HttpServerOptions options = {});
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The address really bound (port 0 picks one). kInvalid: no such address here; kConflict: the port is taken; kDenied.
  // Whether a plain listener off loopback is allowed is the caller's decision.
  Result<HostPort> listen_plain(HostPort address);
  // New connections use the slot's context of that moment. Its ALPN should be "http/1.1".
  Result<HostPort> listen_tls(HostPort address, std::shared_ptr<TlsSlot> slot);
  // A socket file of mode 0600; a socket left behind there is replaced (the caller holds the directory's lock). Its
  // requests have peer "unix" and peer_uid.
  Result<void> listen_unix(std::string path);

  // Closes listeners and idle connections, lets running requests end (their answers say "Connection: close"), cuts
  // what is left at the drain deadline, and waits until no coroutine of the server is left.
  void stop();
  Counters counters() const;

 private:
  std::shared_ptr<struct ServerCore> core_;
};

}  // namespace dl::net

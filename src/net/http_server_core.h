#pragma once

// Internal to the room: what the listeners and connections of one HttpServer share.

#include <atomic>
#include <unordered_set>

#include "net/byte_stream.h"
#include "net/http_server.h"
#include "net/service.h"

namespace dl::net {

class ServerConnection;

// Touched on its loop only.
struct ServerLoop {
  std::unordered_set<ServerConnection*> connections;
  int64_t date_second = -1;
  std::string date;
  // "Date: ..." with its line end, made once a second (RFC 9110 section 5.6.7).
  const std::string& date_line(WallTime now);
};

struct ServerCore : Service {
  ServerCore(Runtime& r, const Clock& c, HttpHandler h, HttpServerOptions o)
      : Service(r), clock(c), handler(std::move(h)), options(o), loops(r.loops()) {}
  std::shared_ptr<ServerCore> self() { return std::static_pointer_cast<ServerCore>(shared_from_this()); }
  const Clock& clock;
  HttpHandler handler;
  HttpServerOptions options;
  std::vector<ServerLoop> loops;
  std::atomic<uint64_t> open = 0, accepted = 0, over_limit = 0, requests = 0, refused = 0;
};

struct Accepted {
  ByteStream::Socket socket;
  std::shared_ptr<TlsContext> tls;  // nullptr: plain
  std::string peer;
  std::optional<uint32_t> uid;
};

// Serves one connection on its loop until it ends.
void serve_connection(std::shared_ptr<ServerCore> core, size_t loop, Accepted accepted);

}  // namespace dl::net

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task_fwd.h"

// HTTP/1.1 (RFC 9112) as the front doors see it; nothing here knows S3. Coroutines of one connection run on that
// connection's event loop and never at the same time; blocking work goes to the pool (net/runtime.h).
namespace dl::net {

struct HttpHeader {
  std::string name;   // as received; compare without case
  std::string value;  // without surrounding blanks
};

// A list that keeps order and repeats.
class HttpHeaders {
 public:
  void add(std::string name, std::string value) { list_.push_back({std::move(name), std::move(value)}); }
  void set(std::string name, std::string value);  // replaces all of that name
  // First value of that name, without case; nullopt when absent.
  std::optional<std::string_view> find(std::string_view name) const;
  size_t count(std::string_view name) const;
  const std::vector<HttpHeader>& list() const { return list_; }

 private:
  std::vector<HttpHeader> list_;
};

struct HttpRequest {
  std::string method;
  std::string target;  // raw, as on the request line: origin form, starts with '/', or "*"
  HttpHeaders headers;
  std::optional<uint64_t> content_length;  // nullopt with chunked transfer coding; 0 without a body
  bool chunked = false;
  bool tls = false;
  std::string peer;                  // address of the other side, "127.0.0.1:5000"; "unix" on the local socket
  std::optional<uint32_t> peer_uid;  // local socket only, by SO_PEERCRED
  // The part of target before '?', undecoded; and after it, without '?'.
  std::string_view raw_path() const;
  std::string_view raw_query() const;
};

// The body, pulled: the peer is not read further than what was asked for plus 64 KiB. The first read sends "100
// Continue" when the client waits for it. Errors: kClosed, kTimeout, kInvalid (bad chunk framing). After an error the
// connection is closed.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Up to size bytes into out (which the caller keeps alive); 0 at the end.
  virtual Task<size_t> read(char* out, size_t size) = 0;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // Content-Length, Date, Connection are the server's
  Bytes body;
};

// The answer. Either send(), or start() then write()... then end() of the coroutine; 1xx and the order are the server's
// affair.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  // One gathered write. For HEAD the body is left out but its length is told, unless content_length says otherwise.
  virtual Task<void> send(HttpResponse response, std::optional<uint64_t> content_length = {}) = 0;
  // Streams: headers now, exactly content_length bytes by write(), or chunked when nullopt. Fewer bytes: the connection
  // is closed, so that the client sees that the body is cut.
  virtual Task<void> start(int status, HttpHeaders headers, std::optional<uint64_t> content_length) = 0;
  virtual Task<void> write(BytesView data) = 0;  // data is kept by the caller until it returns
  virtual bool started() const = 0;
};

struct HttpExchange {
  HttpRequest request;
  BodyReader& body;
  ResponseWriter& response;
};

// Called for each well-formed request, in order. An Error ends the connection after a bare 500 (when nothing was sent
// yet). Body left unread: up to 1 MiB is drained, else the connection is closed.
using HttpHandler = std::function<Task<void>(HttpExchange&)>;

}  // namespace dl::net

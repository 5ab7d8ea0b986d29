#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/address.h"
#include "net/http_parse.h"
#include "net/runtime.h"
#include "net/tls.h"

namespace dl::net {

struct HttpEndpoint {
  HostPort address;                 // where to connect; also the Host header
  std::shared_ptr<TlsContext> tls;  // nullptr: plain. It says which CA holds and which name is expected
  std::string socket_path;          // not empty: this local socket instead of the address

  static HttpEndpoint plain(HostPort address) { return {std::move(address), nullptr, {}}; }
  static HttpEndpoint secure(HostPort address, std::shared_ptr<TlsContext> tls) {
    return {std::move(address), std::move(tls), {}};
  }
  static HttpEndpoint local(std::string path) { return {{"localhost", 0}, nullptr, std::move(path)}; }
};

struct HttpClientOptions {
  Millis connect_deadline{10'000};  // name, connection and TLS handshake, each
  Millis answer_deadline{60'000};   // from the request's last byte to the head of the answer
  Millis read_deadline{60'000};     // without a byte of the answer's body
  Millis write_deadline{60'000};    // without the server taking a byte
  Millis continue_deadline{1'000};  // then the body is sent unasked
};

// Gives the next bytes of a request's body; 0 ends it. `out` is valid until the task ends.
using HttpBodySource = std::function<Task<size_t>(char* out, size_t size)>;
// From a plain function, which may block its loop for as long as a file read takes.
HttpBodySource blocking_source(std::function<Result<size_t>(char* out, size_t size)> read);

struct HttpClientRequest {
  std::string method = "GET";
  std::string target = "/";  // origin form, already encoded
  HttpHeaders headers;       // Host is added when absent; Content-Length and Transfer-Encoding are the client's
  Bytes body;
  HttpBodySource source;                  // instead of body
  std::optional<uint64_t> source_length;  // nullopt: sent chunked. A source that ends earlier is an error
  bool expect_continue = false;           // ask before the body is sent
};

// One connection, one request at a time; all on the loop of the coroutine that opened it.
class HttpClientConnection {
 public:
  // kUnavailable: nobody there; kForeign, kDenied: TLS refused on our or the other side.
  static Task<std::shared_ptr<HttpClientConnection>> open(HttpEndpoint endpoint, HttpClientOptions options = {});
  ~HttpClientConnection();
  // Sends all, returns when the answer's head is there (1xx are skipped). An answer that comes before the body was
  // taken whole is returned; the connection is then not reusable. Precondition: the last answer was read to its end.
  Task<HttpResponseHead> send(HttpClientRequest request);
  // The answer's body; 0 at the end. kClosed when it is cut.
  Task<size_t> read(char* out, size_t size);
  // Whether another request may be sent: the last body was read whole and the server keeps the connection.
  bool reusable() const;
  void close();

  struct Impl;
  explicit HttpClientConnection(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Blocking, for command line, tests and benchmarks: keeps one connection and opens it again when it is gone. Not
// thread-safe. The runtime is started and outlives it.
class HttpClient {
 public:
  static constexpr size_t kMaxAnswer = 64ull << 20;
  struct Answer {
    HttpResponseHead head;
    Bytes body;
  };
  HttpClient(Runtime& runtime, HttpEndpoint endpoint, HttpClientOptions options = {});
  ~HttpClient();
  // The whole body in memory; kTooLarge over `most`.
  Result<Answer> request(HttpClientRequest request, size_t most = kMaxAnswer);
  // The body piece by piece. `sink` may refuse: its error is returned. `head` is called before the first piece.
  Result<HttpResponseHead> stream(HttpClientRequest request, std::function<Result<void>(const HttpResponseHead&)> head,
                                  std::function<Result<void>(BytesView)> sink);

 private:
  struct State;
  static Task<void> exchange(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace dl::net

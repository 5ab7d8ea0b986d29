#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/runtime.h"

namespace dl::net::testing {

// A running server for tests, on a free loopback port, with a small vocabulary:
//   /echo        answers with the body it got          /stream?N  N bytes, length told
//   /chunked?N   N bytes in chunks of 1000             /short     promises 10 bytes, gives 3
//   /ignore      answers 403 without reading           /fail      ends with an Error before any answer
//   /hold        answers when release() is called      /evil      an answer with a line break in a header
//   /slurp       reads only after release()            /marker    must never be asked for; counted
//   /who         peer, uid and tls                     anything else: 200 with "METHOD target"
class EchoServer {
 public:
  explicit EchoServer(HttpServerOptions options = {}, unsigned loops = 2);
  ~EchoServer();
  HostPort address() const { return address_; }
  HttpServer& server() { return *server_; }
  Runtime& runtime() { return runtime_; }
  void release();
  // Waits until that many requests hang in /hold or /slurp.
  void await_held(size_t n);
  size_t markers() const;

  struct Story;

 private:
  std::shared_ptr<Story> story_;
  Runtime runtime_;
  std::unique_ptr<HttpServer> server_;
  HostPort address_;
};

}  // namespace dl::net::testing

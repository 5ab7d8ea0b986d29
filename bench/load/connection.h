#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/load/answer.h"
#include "bench/load/target.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace dl::bench {

// One keep-alive connection over loopback, plain or TLS, with at most one request under way. Non-blocking but for
// opening. Not thread-safe; the owner waits on `fd()` for either direction, edge-triggered.
class Connection {
 public:
  enum class State : uint8_t { kBusy, kDone, kBroken };

  // Opens it; exits when nobody listens there. `tls` (null: plain) outlives the connection.
  Connection(const Target& target, SSL_CTX* tls);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  int fd() const { return fd_; }
  // Precondition: none is under way. `body` lives until the request is done.
  void send(std::string head, std::string_view body, Answer::Want want);
  // Goes on with what the socket allows. kDone: `answer()` is whole; kBroken: make a new connection.
  State advance();
  const Answer& answer() const { return answer_; }
  std::string cipher() const;  // empty: plain

 private:
  enum class Io : uint8_t { kDone, kWait, kBroken };
  Io write_some();
  State read_some();
  long read_bytes(char* to, size_t size);
  long write_bytes();

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string head_;
  std::string_view body_;
  size_t sent_ = 0;
  Answer answer_;
};

// Settings of TLS for all connections: 1.3, OpenSSL's ciphers in their order, certificates are not checked. The caller
// frees it, after the last connection.
SSL_CTX* make_tls();

}  // namespace dl::bench

#include "bench/load/connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/ssl.h>

#include "bench/load/fail.h"

namespace dl::bench {
namespace {

constexpr long kWait = -1, kBroken = -2;     // beside counts of bytes
constexpr size_t kSentTogether = 16 * 1024;  // a body up to this goes with its head, in one call

long plain_result(ssize_t n) {
  if (n > 0) return n;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? kWait : kBroken;
}

long tls_result(SSL* ssl, int n) {
  if (n > 0) return n;
  int error = SSL_get_error(ssl, n);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? kWait : kBroken;
}

}  // namespace

SSL_CTX* make_tls() {
  SSL_CTX* tls = SSL_CTX_new(TLS_client_method());
  if (tls == nullptr || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1) fail("OpenSSL has no TLS 1.3");
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return tls;
}

Connection::Connection(const Target& target, SSL_CTX* tls) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail(std::string("no socket: ") + std::strerror(errno));
  addrinfo how{}, *to = nullptr;
  how.ai_family = AF_INET;
  how.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  if (::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &how, &to) != 0)
    fail("not an IPv4 address: " + target.host);
  const int refused = ::connect(fd_, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
  ::freeaddrinfo(to);
  if (refused != 0) fail("no connection to " + target.address() + ": " + std::strerror(refused));
  int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls != nullptr) {
    ssl_ = SSL_new(tls);
    if (ssl_ == nullptr || SSL_set_fd(ssl_, fd_) != 1 || SSL_connect(ssl_) != 1)
      fail("no TLS with " + target.address());
  }
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

Connection::~Connection() {
  SSL_free(ssl_);
  if (fd_ >= 0) ::close(fd_);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      head_(std::move(other.head_)),
      body_(other.body_),
      sent_(other.sent_),
      answer_(std::move(other.answer_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(ssl_, other.ssl_);
  std::swap(head_, other.head_);
  std::swap(body_, other.body_);
  std::swap(sent_, other.sent_);
  std::swap(answer_, other.answer_);
  return *this;
}

std::string Connection::cipher() const { return ssl_ == nullptr ? "" : SSL_get_cipher_name(ssl_); }

void Connection::send(std::string head, std::string_view body, Answer::Want want) {
  head_ = std::move(head);
  body_ = body;
  if (body.size() <= kSentTogether) {
    head_ += body;
    body_ = {};
  }
  sent_ = 0;
  answer_.begin(want);
}

// What is left of head and body; a count of bytes, kWait or kBroken.
long Connection::write_bytes() {
  const bool in_head = sent_ < head_.size();
  std::string_view part = in_head ? std::string_view(head_).substr(sent_) : body_.substr(sent_ - head_.size());
  if (ssl_ != nullptr) return tls_result(ssl_, SSL_write(ssl_, part.data(), static_cast<int>(part.size())));
  const int more = in_head && !body_.empty() ? MSG_MORE : 0;
  return plain_result(::send(fd_, part.data(), part.size(), MSG_NOSIGNAL | more));
}

Connection::Io Connection::write_some() {
  while (sent_ < head_.size() + body_.size()) {
    long n = write_bytes();
    if (n == kBroken) return Io::kBroken;
    if (n == kWait) return Io::kWait;
    sent_ += static_cast<size_t>(n);
  }
  return Io::kDone;
}

long Connection::read_bytes(char* to, size_t size) {
  if (ssl_ != nullptr) return tls_result(ssl_, SSL_read(ssl_, to, static_cast<int>(size)));
  ssize_t n = ::recv(fd_, to, size, 0);
  return n == 0 ? 0 : plain_result(n);
}

Connection::State Connection::read_some() {
  static char buffer[256 * 1024];
  // Until the socket is empty, also after a short read: the end of a connection may come together with its last bytes.
  while (true) {
    long n = read_bytes(buffer, sizeof buffer);
    if (n == kWait) return State::kBusy;
    Answer::State state = n > 0 ? answer_.feed({buffer, static_cast<size_t>(n)}) : answer_.end();
    if (state == Answer::State::kBad) return State::kBroken;
    // An answer before the whole request was taken leaves a connection that cannot be used again.
    if (state == Answer::State::kDone && sent_ < head_.size() + body_.size()) return State::kBroken;
    if (state == Answer::State::kDone) return State::kDone;
  }
}

Connection::State Connection::advance() {
  // A server that refuses may close while we write: what it said is still to be read.
  Io io = write_some();
  State state = read_some();
  return io == Io::kBroken && state == State::kBusy ? State::kBroken : state;
}

}  // namespace dl::bench

#include "net/testing/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace dl::net::testing {
namespace {

constexpr int kWaitMillis = 20'000;

}  // namespace

RawClient::RawClient(const HostPort& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  DL_ASSERT(::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) == 1, "an IPv4 address");
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  DL_ASSERT(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, std::strerror(errno));
}

RawClient::RawClient(const std::string& socket_path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  DL_ASSERT(socket_path.size() < sizeof to.sun_path, "a short path");
  std::memcpy(to.sun_path, socket_path.data(), socket_path.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  DL_ASSERT(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, std::strerror(errno));
}

RawClient::~RawClient() { ::close(fd_); }

bool RawClient::send(BytesView bytes) {
  while (!bytes.empty()) {
    pollfd waiting{fd_, POLLOUT, 0};
    if (::poll(&waiting, 1, kWaitMillis) <= 0) return false;
    ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void RawClient::shutdown_send() { ::shutdown(fd_, SHUT_WR); }

std::string RawClient::read_until(std::string_view until) {
  for (;;) {
    size_t at = until.empty() ? std::string::npos : pending_.find(until);
    if (at != std::string::npos) {
      std::string out = pending_.substr(0, at + until.size());
      pending_.erase(0, at + until.size());
      return out;
    }
    pollfd waiting{fd_, POLLIN, 0};
    char buffer[16 * 1024];
    ssize_t n = ::poll(&waiting, 1, kWaitMillis) > 0 ? ::recv(fd_, buffer, sizeof buffer, 0) : -1;
    if (n <= 0) {
      ended_clean_ = n == 0;
      return std::exchange(pending_, {});
    }
    pending_.append(buffer, static_cast<size_t>(n));
  }
}

size_t RawClient::send_until_full(BytesView piece, size_t most) {
  size_t sent = 0;
  while (sent < most) {
    // Full is: nothing taken for a while. The wait bounds the test, it decides nothing that should be there.
    pollfd waiting{fd_, POLLOUT, 0};
    if (::poll(&waiting, 1, 300) <= 0) break;
    ssize_t n = ::send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  return sent;
}

void RawClient::set_send_buffer(int size) { ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); }

}  // namespace dl::net::testing

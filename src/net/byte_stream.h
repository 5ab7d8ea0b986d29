#pragma once

// Internal to the room: one connected socket, plain or TLS, with deadlines. Includes Asio.

#include <array>
#include <memory>
#include <optional>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "base/bytes.h"
#include "net/loop.h"
#include "net/tls_impl.h"

namespace dl::net {

enum class TlsRole { kServer, kClient };
// Bytes of one gathered write; empty pieces are skipped.
using Pieces = std::array<BytesView, 3>;

// What a socket's error means. kUnavailable: nobody there; kClosed: the peer went away; kTimeout; kIo otherwise.
Error socket_error(const boost::system::error_code& ec, std::string_view doing);

// All calls on the loop of its socket. One read and one write may wait at the same time. After an error only close(),
// reset() and finish().
class ByteStream : public std::enable_shared_from_this<ByteStream> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  explicit ByteStream(Socket socket);
  ~ByteStream();

  Task<void> handshake(std::shared_ptr<TlsContext> context, TlsRole role, Millis deadline);
  // At least one byte, or 0 at the peer's orderly end. A TLS connection that ends without farewell is kClosed.
  Task<size_t> read_some(char* out, size_t size, Millis deadline);
  // All of it. The deadline is for progress: it starts anew with each piece that the kernel takes.
  Task<void> write(Pieces pieces, Millis deadline);
  // Says farewell, then reads off up to `drain` bytes so that what we sent is not destroyed by a reset; closes.
  Task<void> finish(size_t drain, Millis deadline);
  // Waits in progress end with kClosed.
  void close();
  // Closes so that the peer sees a reset, never a clean end.
  void reset();
  bool is_tls() const { return tls_ != nullptr; }
  Bytes peer_certificate() const;
  Socket& socket() { return socket_; }

 private:
  Task<void> write_plain(Pieces pieces, Millis deadline);
  Task<void> write_tls(Pieces pieces, Millis deadline);
  Task<void> reason_for(Error write_failure);
  void arm(MonoTime& due, Millis deadline);
  void watch(MonoTime at);
  void check_due();
  Error failed(const boost::system::error_code& ec, std::string_view doing);

  using TlsStream = asio::ssl::stream<Socket&>;
  Socket socket_;
  std::shared_ptr<TlsContext> context_;
  std::optional<Error> refusal_;
  std::unique_ptr<TlsStream> tls_;
  Bytes scratch_;
  asio::steady_timer watchdog_;
  MonoTime read_due_ = MonoTime::max(), write_due_ = MonoTime::max(), watched_ = MonoTime::max();
  bool timed_out_ = false, closed_ = false;
};

}  // namespace dl::net

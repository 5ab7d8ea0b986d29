#include "net/byte_stream.h"

#include <algorithm>
#include <tuple>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "net/limits.h"

namespace dl::net {
namespace {

constexpr Millis kReasonDeadline{1'000};
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
using Ec = boost::system::error_code;

bool is_cancelled(const asio::cancellation_state& state) { return state.cancelled() != asio::cancellation_type::none; }

}  // namespace

Error socket_error(const Ec& ec, std::string_view doing) {
  std::string message = std::string(doing) + ": " + ec.message();
  if (ec == asio::error::connection_refused || ec == asio::error::host_unreachable ||
      ec == asio::error::network_unreachable || ec == asio::error::timed_out || ec == asio::error::network_down ||
      ec == asio::error::host_not_found || ec == asio::error::host_not_found_try_again || ec.value() == ENOENT)
    return error(Code::kUnavailable, message, "Check that the other side runs and that its address is right.");
  if (ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
      ec == asio::error::connection_aborted || ec == asio::error::bad_descriptor || ec == asio::error::not_connected ||
      ec == asio::error::operation_aborted)
    return error(Code::kClosed, message, "Try again.");
  if (ec == asio::error::access_denied) return error(Code::kDenied, message);
  return error(Code::kIo, message);
}

ByteStream::ByteStream(Socket socket) : socket_(std::move(socket)), watchdog_(socket_.get_executor()) {}
ByteStream::~ByteStream() = default;

void ByteStream::arm(MonoTime& due, Millis deadline) {
  timed_out_ = false;
  due = system_clock().mono() + deadline;
  if (due < watched_) watch(due);
}

void ByteStream::watch(MonoTime at) {
  watched_ = at;
  watchdog_.expires_at(at);
  watchdog_.async_wait([weak = weak_from_this()](const Ec& ec) {
    auto self = weak.lock();
    if (!ec && self) self->check_due();
  });
}

// One lazy timer a connection: it looks again instead of being set for every read.
void ByteStream::check_due() {
  watched_ = MonoTime::max();
  MonoTime next = std::min(read_due_, write_due_);
  if (next == MonoTime::max()) return;
  if (next > system_clock().mono()) return watch(next);
  timed_out_ = true;
  Ec ignored;
  socket_.cancel(ignored);
}

Error ByteStream::failed(const Ec& ec, std::string_view doing) {
  if (timed_out_) return error(Code::kTimeout, std::string(doing) + ": the other side was too slow", "Try again.");
  if (ec == asio::error::operation_aborted && !closed_) return cancelled_error();
  if (refusal_ || ec.category() == asio::error::get_ssl_category() ||
      ec.category() == asio::ssl::error::get_stream_category())
    return tls_error(ec, refusal_);
  return socket_error(ec, doing);
}

Task<void> ByteStream::handshake(std::shared_ptr<TlsContext> context, TlsRole role, Millis deadline) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return cancelled_error();
  context_ = std::move(context);
  tls_ = std::make_unique<TlsStream>(socket_, context_->impl().context);
  tls_prepare(tls_->native_handle(), context_->impl().options, &refusal_);
  arm(read_due_, deadline);
  auto type = role == TlsRole::kServer ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
  auto [ec] = co_await tls_->async_handshake(type, kTuple);
  read_due_ = MonoTime::max();
  if (ec) co_return failed(ec, "TLS handshake");
  co_return Result<void>();
}

Task<size_t> ByteStream::read_some(char* out, size_t size, Millis deadline) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return cancelled_error();
  arm(read_due_, deadline);
  Ec ec;
  size_t n = 0;
  if (tls_) {
    std::tie(ec, n) = co_await tls_->async_read_some(asio::buffer(out, size), kTuple);
  } else {
    std::tie(ec, n) = co_await socket_.async_read_some(asio::buffer(out, size), kTuple);
  }
  read_due_ = MonoTime::max();
  if (!ec) co_return n;
  if (ec == asio::error::eof) co_return size_t{0};
  co_return failed(ec, "reading from the network");
}

Task<void> ByteStream::write(Pieces pieces, Millis deadline) {
  return tls_ ? write_tls(pieces, deadline) : write_plain(pieces, deadline);
}

Task<void> ByteStream::write_plain(Pieces pieces, Millis deadline) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return cancelled_error();
  size_t left = pieces[0].size() + pieces[1].size() + pieces[2].size();
  while (left > 0) {
    std::array<asio::const_buffer, 3> buffers;
    for (size_t i = 0; i < 3; i++) buffers[i] = asio::buffer(pieces[i].data(), pieces[i].size());
    arm(write_due_, deadline);
    auto [ec, n] = co_await socket_.async_write_some(buffers, kTuple);
    write_due_ = MonoTime::max();
    if (ec) co_return failed(ec, "writing to the network");
    left -= n;
    for (auto& piece : pieces) {
      size_t from_this = std::min(n, piece.size());
      piece.remove_prefix(from_this);
      n -= from_this;
    }
  }
  co_return Result<void>();
}

// Small pieces share a record with what follows: a record a piece would cost a system call and a packet each.
Task<void> ByteStream::write_tls(Pieces pieces, Millis deadline) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return cancelled_error();
  size_t at = 0;
  while (at < pieces.size()) {
    BytesView record = pieces[at].substr(0, limits::kTlsRecordBytes);
    if (record.size() == pieces[at].size() && at + 1 < pieces.size()) {
      scratch_.clear();
      for (size_t i = at; i < pieces.size() && scratch_.size() < limits::kTlsRecordBytes; i++)
        scratch_.append(pieces[i].substr(0, limits::kTlsRecordBytes - scratch_.size()));
      record = scratch_;
    }
    if (record.empty()) break;
    arm(write_due_, deadline);
    auto [ec, n] = co_await tls_->async_write_some(asio::buffer(record.data(), record.size()), kTuple);
    write_due_ = MonoTime::max();
    if (ec) co_return co_await reason_for(failed(ec, "writing to the network"));
    for (size_t left = n; left > 0;) {
      size_t from_this = std::min(left, pieces[at].size());
      pieces[at].remove_prefix(from_this);
      left -= from_this;
      if (pieces[at].empty() && at + 1 < pieces.size()) at++;
    }
    while (at < pieces.size() && pieces[at].empty()) at++;
  }
  co_return Result<void>();
}

// A peer that refuses us says why and closes: a write then fails while the reason waits to be read.
Task<void> ByteStream::reason_for(Error write_failure) {
  bool reader = read_due_ != MonoTime::max();
  if (write_failure.code != Code::kClosed || reader || closed_) co_return write_failure;
  char sink[256];
  auto last = co_await read_some(sink, sizeof sink, kReasonDeadline);
  if (!last.ok() && last.error().code == Code::kDenied) co_return std::move(last).error();
  co_return write_failure;
}

Task<void> ByteStream::finish(size_t drain, Millis deadline) {
  // The farewell is a courtesy: whether the peer takes it changes nothing.
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) {
    close();
    co_return cancelled_error();
  }
  if (tls_ && !refusal_) {
    arm(read_due_, deadline);
    co_await tls_->async_shutdown(kTuple);
  }
  Ec ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  char sink[4096];
  arm(read_due_, deadline);
  while (!ec && !timed_out_ && drain > 0) {
    size_t n = 0;
    std::tie(ec, n) = co_await socket_.async_read_some(asio::buffer(sink, std::min(drain, sizeof sink)), kTuple);
    drain -= n;
  }
  close();
  co_return Result<void>();
}

void ByteStream::close() {
  closed_ = true;
  Ec ignored;
  socket_.close(ignored);
  watchdog_.cancel();
}

void ByteStream::reset() {
  Ec ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

Bytes ByteStream::peer_certificate() const { return tls_ ? tls_peer_certificate(tls_->native_handle()) : Bytes(); }

}  // namespace dl::net

#include "net/http_connection.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "net/limits.h"
#include "net/text.h"

namespace dl::net {
namespace {

constexpr size_t kFirstBuffer = 8 * 1024;
constexpr Millis kFinishDeadline{2'000};

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerCore> core, size_t loop, Accepted accepted)
    : core_(std::move(core)),
      loop_(core_->loops[loop]),
      stream_(std::make_shared<ByteStream>(std::move(accepted.socket))),
      accepted_(std::move(accepted)) {
  loop_.connections.insert(this);
}

ServerConnection::~ServerConnection() {
  loop_.connections.erase(this);
  stream_->close();
}

void ServerConnection::drain() {
  if (idle_) stream_->close();
}

Task<void> ServerConnection::run() {
  if (accepted_.tls) {
    auto shaken = co_await stream_->handshake(accepted_.tls, TlsRole::kServer, core_->options.handshake_deadline);
    if (!shaken.ok()) {
      // The alert that tells why must not be destroyed by a reset.
      log_debug("net", "connection from {} ended: {}", accepted_.peer, shaken.error().message);
      co_return co_await stream_->finish(limits::kReadAheadBytes, kFinishDeadline);
    }
  }
  buffer_.resize(kFirstBuffer);
  auto served = co_await serve();
  if (!served.ok()) log_debug("net", "connection from {} ended: {}", accepted_.peer, served.error().message);
  co_return Result<void>();
}

Task<void> ServerConnection::serve() {
  for (;;) {
    DL_CO_TRY(Head head, co_await read_head());
    if (head == Head::kEnd) co_return co_await stream_->finish(0, kFinishDeadline);
    if (head == Head::kRefused) co_return co_await refuse(parser_.refusal());
    DL_CO_TRY(After after, co_await serve_one());
    if (after == After::kCut) {
      stream_->reset();
      co_return Result<void>();
    }
    if (after == After::kClose) {
      // Even behind the last request something may wait; unread, it would turn our end into a reset.
      size_t unread = body_finished() ? limits::kReadAheadBytes : limits::kMaxDrainBytes;
      co_return co_await stream_->finish(unread, kFinishDeadline);
    }
    parser_.reset();
  }
}

void ServerConnection::consume(size_t n) {
  begin_ += n;
  if (begin_ == end_) begin_ = end_ = 0;
}

Task<size_t> ServerConnection::fill(Millis deadline) {
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else {
      buffer_.resize(std::min(buffer_.size() * 2, limits::kReadAheadBytes));
    }
  }
  DL_ASSERT(end_ < buffer_.size(), "a head may not fill the whole buffer");
  DL_CO_TRY(size_t n, co_await stream_->read_some(buffer_.data() + end_, buffer_.size() - end_, deadline));
  end_ += n;
  co_return n;
}

Task<ServerConnection::Head> ServerConnection::read_head() {
  MonoTime due{};
  for (;;) {
    idle_ = begin_ == end_;
    if (!idle_) {
      if (due == MonoTime{}) due = system_clock().mono() + core_->options.header_deadline;
      auto state = parser_.feed(buffered());
      if (state == RequestParser::State::kRefused) co_return Head::kRefused;
      if (state == RequestParser::State::kDone) {
        consume(parser_.consumed());
        co_return Head::kRequest;
      }
    } else if (core_->stopping()) {
      co_return Head::kEnd;
    }
    Millis wait = core_->options.idle_deadline;
    if (!idle_) wait = std::chrono::ceil<Millis>(due - system_clock().mono());
    auto n = co_await fill(std::max(wait, Millis(0)));
    if (!n.ok() && n.error().code == Code::kTimeout && !idle_) {
      DL_CO_OK(co_await refuse({408, "the request's head did not come in time"}));
      co_return std::move(n).error();
    }
    if (!n.ok()) co_return std::move(n).error();
    if (*n == 0) co_return Head::kEnd;
  }
}

Task<void> ServerConnection::refuse(HttpRefusal refusal) {
  core_->refused++;
  log_debug("net", "request from {} refused with {}: {}", accepted_.peer, refusal.status, refusal.reason);
  close_ = true;
  auto sent = co_await bare(refusal.status);
  if (!sent.ok()) co_return sent;
  co_return co_await stream_->finish(limits::kMaxDrainBytes, kFinishDeadline);
}

Task<void> ServerConnection::bare(int status) {
  close_ = true;
  DL_CO_OK(make_head(status, {}, 0, false));
  co_return co_await stream_->write({head_, {}, {}}, core_->options.write_deadline);
}

Task<ServerConnection::After> ServerConnection::serve_one() {
  core_->requests++;
  HttpRequest& parsed = parser_.request();
  parsed.tls = stream_->is_tls();
  parsed.peer = accepted_.peer;
  parsed.peer_uid = accepted_.uid;
  chunks_ = ChunkDecoder();
  request_chunked_ = parsed.chunked;
  body_left_ = parsed.content_length.value_or(0);
  head_request_ = parsed.method == "HEAD";
  continue_due_ = parser_.expects_continue();
  close_ = !parser_.keep_alive();
  started_ = head_pending_ = answer_chunked_ = bodiless_ = until_close_ = body_failed_ = false;
  answer_left_ = 0;
  HttpExchange exchange{std::move(parsed), *this, *this};
  Result<void> handled;
  try {
    handled = co_await core_->handler(exchange);
  } catch (const std::exception& e) {
    handled = error(Code::kInternal, std::string("a handler failed: ") + e.what());
  }
  if (handled.ok() && !started_) handled = error(Code::kInternal, "a handler gave no answer");
  if (!handled.ok()) {
    const Error& e = handled.error();
    bool gone = e.code == Code::kClosed || e.code == Code::kTimeout || e.code == Code::kCancelled || body_failed_;
    log_line(gone ? LogLevel::kDebug : LogLevel::kWarn, "net", "a request ended early: " + e.message);
  }
  co_return co_await end_response(std::move(handled));
}

Task<ServerConnection::After> ServerConnection::end_response(Result<void> handled) {
  if (!handled.ok()) {
    if (started_ && !head_pending_) co_return After::kCut;
    // A malformed or late body is the client's fault, and said so.
    Code code = handled.error().code;
    int fault = code == Code::kInvalid ? 400 : code == Code::kTimeout ? 408 : 500;
    DL_CO_OK(co_await bare(body_failed_ ? fault : 500));
    co_return After::kClose;
  }
  if (!bodiless_ && answer_left_ > 0) {
    log_warn("net", "an answer ended {} bytes short", answer_left_);
    co_return After::kCut;
  }
  if (head_pending_) DL_CO_OK(co_await stream_->write({head_, {}, {}}, core_->options.write_deadline));
  if (answer_chunked_) DL_CO_OK(co_await stream_->write({"0\r\n\r\n", {}, {}}, core_->options.write_deadline));
  if (close_ || core_->stopping() || body_failed_) co_return After::kClose;
  co_return co_await drain_body();
}

// Reads off what a handler left of the body, so that the next request is found.
Task<ServerConnection::After> ServerConnection::drain_body() {
  char sink[8 * 1024];
  size_t drained = 0;
  while (!body_finished()) {
    if (drained > limits::kMaxDrainBytes) co_return After::kClose;
    auto n = co_await read(sink, sizeof sink);
    if (!n.ok()) co_return After::kClose;
    drained += *n;
  }
  co_return After::kKeep;
}

Task<size_t> ServerConnection::read(char* out, size_t size) {
  if (size == 0 || body_finished()) co_return size_t{0};
  if (continue_due_) {
    continue_due_ = false;
    if (!started_ && begin_ == end_)
      DL_CO_OK(co_await stream_->write({"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}, core_->options.write_deadline));
  }
  auto n = request_chunked_ ? co_await read_chunked(out, size) : co_await read_plain(out, size);
  body_failed_ = body_failed_ || !n.ok();
  co_return n;
}

Task<size_t> ServerConnection::read_plain(char* out, size_t size) {
  size = static_cast<size_t>(std::min<uint64_t>(size, body_left_));
  size_t n = std::min(size, end_ - begin_);
  if (n > 0) {
    std::memcpy(out, buffer_.data() + begin_, n);
    consume(n);
  } else {
    DL_CO_TRY(n, co_await stream_->read_some(out, size, core_->options.body_deadline));
    if (n == 0) co_return error(Code::kClosed, "the client ended the connection within the body");
  }
  body_left_ -= n;
  co_return n;
}

Task<size_t> ServerConnection::read_chunked(char* out, size_t size) {
  for (;;) {
    size_t used = 0;
    DL_CO_TRY(size_t n, chunks_.decode(buffered(), used, out, size));
    consume(used);
    if (n > 0 || chunks_.done()) co_return n;
    if (chunks_.chunk_left() > 0) {
      // Within a chunk: straight into the caller's memory.
      size_t most = static_cast<size_t>(std::min<uint64_t>(size, chunks_.chunk_left()));
      DL_CO_TRY(n, co_await stream_->read_some(out, most, core_->options.body_deadline));
      chunks_.took(n);
      if (n == 0) co_return error(Code::kClosed, "the client ended the connection within the body");
      co_return n;
    }
    DL_CO_TRY(n, co_await fill(core_->options.body_deadline));
    if (n == 0) co_return error(Code::kClosed, "the client ended the connection within the body");
  }
}

}  // namespace dl::net

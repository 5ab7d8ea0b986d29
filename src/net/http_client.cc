#include "net/http_client.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "net/dial.h"
#include "net/limits.h"
#include "net/text.h"

namespace dl::net {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

Task<size_t> read_blocking(std::shared_ptr<std::function<Result<size_t>(char*, size_t)>> read, char* out, size_t size) {
  co_return (*read)(out, size);
}

}  // namespace

HttpBodySource blocking_source(std::function<Result<size_t>(char* out, size_t size)> read) {
  auto shared = std::make_shared<std::function<Result<size_t>(char*, size_t)>>(std::move(read));
  return [shared](char* out, size_t size) { return read_blocking(shared, out, size); };
}

struct HttpClientConnection::Impl {
  HttpEndpoint endpoint;
  HttpClientOptions options;
  std::shared_ptr<ByteStream> stream;
  Bytes buffer = Bytes(16 * 1024, 0);  // received and unused: [begin, end)
  size_t begin = 0, end = 0;
  Bytes piece;  // of a body under way
  // The answer under way.
  ChunkDecoder chunks;
  bool chunked = false, until_close = false, keep = true, ended = true;
  uint64_t left = 0;
  bool fresh = true;  // no byte of an answer was ever received

  BytesView buffered() const { return BytesView(buffer).substr(begin, end - begin); }
  void consume(size_t n) {
    begin += n;
    if (begin == end) begin = end = 0;
  }
  Task<size_t> fill(Millis deadline);
  Result<Bytes> make_head(const HttpClientRequest& request) const;
  Task<HttpResponseHead> read_head(Millis deadline, bool skip_informational);
  Task<void> send_body(const HttpClientRequest& request, Bytes head);
  Task<void> send_source(const HttpClientRequest& request, Bytes head);
  Task<size_t> read(char* out, size_t size);
  void begin_answer(const HttpResponseHead& head, bool to_head);
};

Task<size_t> HttpClientConnection::Impl::fill(Millis deadline) {
  if (end == buffer.size() && begin > 0) {
    std::memmove(buffer.data(), buffer.data() + begin, end - begin);
    end -= begin;
    begin = 0;
  }
  if (end == buffer.size()) buffer.resize(std::min(buffer.size() * 2, limits::kReadAheadBytes));
  DL_ASSERT(end < buffer.size(), "a head may not fill the whole buffer");
  DL_CO_TRY(size_t n, co_await stream->read_some(buffer.data() + end, buffer.size() - end, deadline));
  end += n;
  co_return n;
}

Result<Bytes> HttpClientConnection::Impl::make_head(const HttpClientRequest& request) const {
  auto bad = [](const std::string& what) { return error(Code::kInvalid, "the request's " + what + " is malformed"); };
  if (!is_token(request.method)) return bad("method");
  for (char c : request.target)
    if (c <= 0x20 || c >= 0x7f) return bad("target");
  Bytes head = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.find("Host")) head += "Host: " + format_host_port(endpoint.address) + "\r\n";
  for (const auto& h : request.headers.list()) {
    if (!is_token(h.name) || !is_header_value(h.value)) return bad("header " + h.name.substr(0, 40));
    if (equal_no_case(h.name, "Content-Length") || equal_no_case(h.name, "Transfer-Encoding")) continue;
    head.append(h.name).append(": ").append(h.value).append("\r\n");
  }
  bool wants_length = !request.body.empty() || request.method == "PUT" || request.method == "POST";
  if (request.source && !request.source_length) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (request.source) {
    head += fmt::format("Content-Length: {}\r\n", *request.source_length);
  } else if (wants_length) {
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  if (request.expect_continue) head += "Expect: 100-continue\r\n";
  return head + "\r\n";
}

Task<HttpResponseHead> HttpClientConnection::Impl::read_head(Millis deadline, bool skip_informational) {
  MonoTime due = system_clock().mono() + deadline;
  for (;;) {
    size_t used = 0;
    DL_CO_TRY(auto head, parse_response_head(buffered(), used));
    if (head) {
      consume(used);
      if (head->status >= 200 || !skip_informational) co_return std::move(*head);
      continue;
    }
    Millis wait = std::chrono::ceil<Millis>(due - system_clock().mono());
    DL_CO_TRY(size_t n, co_await fill(std::max(wait, Millis(1))));
    if (n == 0) co_return error(Code::kClosed, "the server ended the connection without an answer", "Try again.");
    fresh = false;
  }
}

Task<void> HttpClientConnection::Impl::send_source(const HttpClientRequest& request, Bytes head) {
  bool in_chunks = !request.source_length;
  uint64_t remaining = request.source_length.value_or(0);
  piece.resize(kPieceBytes);
  for (;;) {
    size_t most = in_chunks ? piece.size() : static_cast<size_t>(std::min<uint64_t>(piece.size(), remaining));
    size_t n = 0;
    if (most > 0) {
      DL_CO_TRY(n, co_await request.source(piece.data(), most));
    }
    if (!in_chunks && n == 0 && remaining > 0)
      co_return error(Code::kInvalid, "the body's source ended before its length", "Was the file changed meanwhile?");
    remaining -= in_chunks ? 0 : n;
    if (in_chunks) head += n ? fmt::format("{:x}\r\n", n) : "0\r\n";
    DL_CO_OK(
        co_await stream->write({head, BytesView(piece).substr(0, n), in_chunks ? "\r\n" : ""}, options.write_deadline));
    head.clear();
    if (n == 0 || (!in_chunks && remaining == 0)) co_return Result<void>();
  }
}

Task<void> HttpClientConnection::Impl::send_body(const HttpClientRequest& request, Bytes head) {
  if (request.source) co_return co_await send_source(request, std::move(head));
  co_return co_await stream->write({head, request.body, {}}, options.write_deadline);
}

void HttpClientConnection::Impl::begin_answer(const HttpResponseHead& head, bool to_head) {
  bool body = head.has_body && !to_head;
  chunks = ChunkDecoder();
  chunked = body && head.chunked;
  until_close = body && !head.chunked && !head.content_length;
  left = body ? head.content_length.value_or(0) : 0;
  ended = !chunked && !until_close && left == 0;
  keep = keep && head.keep_alive && !until_close;
}

HttpClientConnection::HttpClientConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClientConnection::~HttpClientConnection() { close(); }

Task<std::shared_ptr<HttpClientConnection>> HttpClientConnection::open(HttpEndpoint endpoint,
                                                                       HttpClientOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->endpoint = std::move(endpoint);
  impl->options = options;
  const HttpEndpoint& to = impl->endpoint;
  DL_CO_TRY(impl->stream, to.socket_path.empty() ? co_await dial_tcp(to.address, options.connect_deadline)
                                                 : co_await dial_unix(to.socket_path, options.connect_deadline));
  if (to.tls) DL_CO_OK(co_await impl->stream->handshake(to.tls, TlsRole::kClient, options.connect_deadline));
  co_return std::make_shared<HttpClientConnection>(std::move(impl));
}

Task<HttpResponseHead> HttpClientConnection::send(HttpClientRequest request) {
  Impl& c = *impl_;
  DL_REQUIRE(reusable(), "the last answer is read to its end before the next request");
  DL_CO_TRY(Bytes head, c.make_head(request));
  c.fresh = true;
  bool to_head = request.method == "HEAD";
  if (request.expect_continue) {
    DL_CO_OK(co_await c.stream->write({head, {}, {}}, c.options.write_deadline));
    head.clear();
    auto word = co_await c.read_head(c.options.continue_deadline, false);
    if (!word.ok() && word.error().code != Code::kTimeout) co_return word;
    if (word.ok() && word->status >= 200) {
      c.begin_answer(*word, to_head);
      c.keep = false;
      co_return word;
    }
  }
  auto sent = co_await c.send_body(request, std::move(head));
  auto answer = sent.ok() || sent.error().code == Code::kClosed ? co_await c.read_head(c.options.answer_deadline, true)
                                                                : Result<HttpResponseHead>(sent.error());
  if (!sent.ok() || !answer.ok()) c.keep = false;
  if (!sent.ok() && !answer.ok()) co_return std::move(sent).error();
  if (answer.ok()) c.begin_answer(*answer, to_head);
  co_return answer;
}

Task<size_t> HttpClientConnection::Impl::read(char* out, size_t size) {
  auto cut = [] { return error(Code::kClosed, "the answer was cut within its body", "Try again."); };
  while (!ended && size > 0) {
    size_t n = 0, used = 0;
    if (chunked) {
      DL_CO_TRY(n, chunks.decode(buffered(), used, out, size));
      consume(used);
      ended = chunks.done();
    } else {
      n = std::min(size, end - begin);
      if (!until_close) n = static_cast<size_t>(std::min<uint64_t>(n, left));
      std::memcpy(out, buffer.data() + begin, n);
      consume(n);
    }
    if (n == 0 && !ended && begin == end) {
      uint64_t direct = chunked ? chunks.chunk_left() : until_close ? size : left;
      size_t most = static_cast<size_t>(std::min<uint64_t>(direct, size));
      if (most == 0) {
        DL_CO_TRY(size_t more, co_await fill(options.read_deadline));
        if (more == 0) co_return cut();
        continue;
      }
      DL_CO_TRY(n, co_await stream->read_some(out, most, options.read_deadline));
      if (n == 0 && !until_close) co_return cut();
      if (n == 0) ended = true;
      if (chunked) chunks.took(n);
    }
    if (!chunked && !until_close) {
      left -= n;
      ended = left == 0;
    }
    if (n > 0) co_return n;
  }
  co_return size_t{0};
}

Task<size_t> HttpClientConnection::read(char* out, size_t size) {
  auto n = co_await impl_->read(out, size);
  if (!n.ok()) impl_->keep = false;
  co_return n;
}

bool HttpClientConnection::reusable() const { return impl_->ended && impl_->keep && impl_->begin == impl_->end; }
void HttpClientConnection::close() { impl_->stream->close(); }

struct HttpClient::State {
  Runtime& runtime;
  HttpEndpoint endpoint;
  HttpClientOptions options;
  size_t loop;
  std::shared_ptr<HttpClientConnection> connection;
  // The exchange under way.
  HttpClientRequest request;
  std::optional<HttpResponseHead> head;
  std::function<Result<void>(const HttpResponseHead&)> on_head;
  std::function<Result<void>(BytesView)> sink;
};

HttpClient::HttpClient(Runtime& runtime, HttpEndpoint endpoint, HttpClientOptions options)
    : state_(std::make_shared<State>(
          State{runtime, std::move(endpoint), options, runtime.impl().next_loop(), nullptr, {}, {}, {}, {}})) {}

HttpClient::~HttpClient() {
  // The connection is closed where it lives.
  asio::post(state_->runtime.impl().loop(state_->loop).io, [state = state_] { state->connection = nullptr; });
}

Task<void> HttpClient::exchange(std::shared_ptr<State> s) {
  bool repeatable = !s->request.source && s->request.method != "POST";
  Result<HttpResponseHead> head = error(Code::kClosed, "no connection");
  bool reused = s->connection && s->connection->reusable();
  if (reused) head = co_await s->connection->send(s->request);
  // A kept connection may have been closed by the server at any time: only then, and only what may be done twice.
  if (!reused || (!head.ok() && head.error().code == Code::kClosed && repeatable)) {
    s->connection = nullptr;
    DL_CO_TRY(s->connection, co_await HttpClientConnection::open(s->endpoint, s->options));
    head = co_await s->connection->send(s->request);
  }
  if (!head.ok()) co_return std::move(head).error();
  s->head = *head;
  if (s->on_head) DL_CO_OK(s->on_head(*head));
  Bytes buffer(kPieceBytes, 0);
  for (;;) {
    DL_CO_TRY(size_t n, co_await s->connection->read(buffer.data(), buffer.size()));
    if (n == 0) co_return Result<void>();
    DL_CO_OK(s->sink(BytesView(buffer).substr(0, n)));
  }
}

Result<HttpResponseHead> HttpClient::stream(HttpClientRequest request,
                                            std::function<Result<void>(const HttpResponseHead&)> head,
                                            std::function<Result<void>(BytesView)> sink) {
  state_->request = std::move(request);
  state_->on_head = std::move(head);
  state_->sink = std::move(sink);
  struct Outcome {
    std::mutex m;
    std::condition_variable cv;
    std::optional<Result<void>> result;
  };
  auto outcome = std::make_shared<Outcome>();
  state_->runtime.impl().spawn_on(
      state_->loop, [state = state_] { return exchange(state); },
      [outcome, state = state_](Result<void> r) {
        if (!r.ok()) state->connection = nullptr;
        std::lock_guard lock(outcome->m);
        outcome->result = std::move(r);
        outcome->cv.notify_all();
      });
  std::unique_lock lock(outcome->m);
  outcome->cv.wait(lock, [&] { return outcome->result.has_value(); });
  DL_OK(std::move(*outcome->result));
  return std::move(*state_->head);
}

Result<HttpClient::Answer> HttpClient::request(HttpClientRequest request, size_t most) {
  Answer answer;
  auto head = stream(std::move(request), nullptr, [&](BytesView piece) -> Result<void> {
    if (answer.body.size() + piece.size() > most)
      return error(Code::kTooLarge, "the answer is larger than " + std::to_string(most) + " bytes");
    answer.body += piece;
    return {};
  });
  if (!head.ok()) return std::move(head).error();
  answer.head = std::move(head).value();
  return answer;
}

}  // namespace dl::net

#include "net/testing/echo_server.h"

#include <algorithm>
#include <condition_variable>

#include "base/task.h"

namespace dl::net::testing {

struct EchoServer::Story {
  std::atomic<size_t> markers = 0;
  std::mutex m;
  std::condition_variable changed;
  std::vector<std::function<void(Result<void>)>> held;
};

namespace {

Task<Bytes> read_body(BodyReader& body) {
  Bytes all, buffer(10'000, 0);
  for (;;) {
    DL_CO_TRY(size_t n, co_await body.read(buffer.data(), buffer.size()));
    if (n == 0) co_return all;
    all.append(buffer, 0, n);
  }
}

Task<void> answer(HttpExchange& e, Bytes body, int status = 200) {
  HttpResponse r;
  r.status = status;
  r.body = std::move(body);
  co_return co_await e.response.send(std::move(r));
}

Task<void> stream(HttpExchange& e, bool told) {
  size_t left = std::stoul(std::string(e.request.raw_query()));
  DL_CO_OK(co_await e.response.start(200, {}, told ? std::optional<uint64_t>(left) : std::nullopt));
  Bytes piece(1000, 'x');
  for (; left > 0; left -= std::min(left, piece.size()))
    DL_CO_OK(co_await e.response.write(BytesView(piece).substr(0, std::min(left, piece.size()))));
  co_return Result<void>();
}

}  // namespace

// Static coroutines with the story as an argument: a capturing lambda would not outlive its first wait.
struct EchoScript {
  static Task<void> wait(std::shared_ptr<EchoServer::Story> story) {
    co_return co_await await_callback(
        [story](std::function<void(Result<void>)> done) {
          std::lock_guard lock(story->m);
          story->held.push_back(std::move(done));
          story->changed.notify_all();
        },
        Millis(20'000));
  }

  static Task<void> serve(std::shared_ptr<EchoServer::Story> story, HttpExchange& e) {
    std::string_view path = e.request.raw_path();
    if (path == "/marker") story->markers++;
    if (path == "/echo") {
      DL_CO_TRY(Bytes body, co_await read_body(e.body));
      co_return co_await answer(e, std::move(body));
    }
    if (path == "/stream" || path == "/chunked") co_return co_await stream(e, path == "/stream");
    if (path == "/short") {
      DL_CO_OK(co_await e.response.start(200, {}, 10));
      co_return co_await e.response.write("abc");
    }
    if (path == "/ignore") co_return co_await answer(e, "no", 403);
    if (path == "/fail") co_return error(Code::kIo, "the disk is gone");
    if (path == "/evil") {
      HttpResponse r;
      r.headers.add("X-A", "b\r\nSet-Cookie: c");
      co_return co_await e.response.send(std::move(r));
    }
    if (path == "/hold") DL_CO_OK(co_await wait(story));
    if (path == "/slurp") {
      DL_CO_OK(co_await wait(story));
      DL_CO_TRY(Bytes body, co_await read_body(e.body));
      co_return co_await answer(e, std::to_string(body.size()));
    }
    if (path == "/who") {
      std::string uid = e.request.peer_uid ? std::to_string(*e.request.peer_uid) : "none";
      co_return co_await answer(e, e.request.peer.substr(0, 10) + " " + uid + (e.request.tls ? " tls" : " plain"));
    }
    co_return co_await answer(e, e.request.method + " " + e.request.target);
  }
};

EchoServer::EchoServer(HttpServerOptions options, unsigned loops)
    : story_(std::make_shared<Story>()), runtime_(loops, 2) {
  runtime_.start();
  server_ = std::make_unique<HttpServer>(
      runtime_, system_clock(), [story = story_](HttpExchange& e) { return EchoScript::serve(story, e); }, options);
  address_ = server_->listen_plain({"127.0.0.1", 0}).value();
}

EchoServer::~EchoServer() {
  release();
  server_->stop();
  runtime_.stop();
}

void EchoServer::release() {
  std::lock_guard lock(story_->m);
  for (auto& done : story_->held) done({});
  story_->held.clear();
}

void EchoServer::await_held(size_t n) {
  std::unique_lock lock(story_->m);
  bool there = story_->changed.wait_for(lock, std::chrono::seconds(20), [&] { return story_->held.size() >= n; });
  DL_ASSERT(there, "the expected requests came");
}

size_t EchoServer::markers() const { return story_->markers; }

}  // namespace dl::net::testing

#include "net/cut_proxy.h"

#include <algorithm>
#include <atomic>

#include <boost/asio/co_spawn.hpp>

#include "net/dial.h"
#include "net/listen.h"
#include "net/service.h"

namespace dl::net {
namespace {

using asio::ip::tcp;

constexpr Millis kDialDeadline{5'000};
constexpr Millis kNoDeadline{std::chrono::hours(24)};
constexpr Millis kFrozenLook{20};

enum class LinkState { kWhole, kFrozen, kCut };

}  // namespace

// One direction's budget under a rate limit: the time at which the next byte may pass.
struct Pace {
  std::mutex m;
  MonoTime next{};
  Millis take(uint64_t rate, size_t bytes) {
    if (rate == 0) return Millis(0);
    std::lock_guard lock(m);
    MonoTime now = system_clock().mono();
    next = std::max(next, now) + std::chrono::nanoseconds(bytes * 1'000'000'000 / rate);
    return std::chrono::ceil<Millis>(next - now);
  }
};

struct CutProxy::Core : Service {
  Core(Runtime& r, HostPort to) : Service(r), target(std::move(to)) {}
  std::mutex m;
  HostPort target, address;
  std::atomic<LinkState> link = LinkState::kWhole;
  std::atomic<uint64_t> rate = 0, to_target = 0, from_target = 0, connections = 0, open = 0;
  Pace pace_to, pace_from;

  struct Pair {
    std::shared_ptr<ByteStream> near, far;
    void reset() const {
      near->reset();
      if (far) far->reset();
    }
  };
  std::mutex pairs_m;
  std::unordered_map<uint64_t, std::pair<size_t, std::shared_ptr<Pair>>> pairs;  // by connection; with its loop

  static Task<void> pump(std::shared_ptr<Core> core, std::shared_ptr<Pair> pair, bool outward);
  static Task<void> run(std::shared_ptr<Core> core, std::shared_ptr<Pair> pair, size_t loop);
  static void take(std::shared_ptr<Core> core, size_t loop, tcp::socket socket);
  HostPort present_target() {
    std::lock_guard lock(m);
    return target;
  }
};

Task<void> CutProxy::Core::pump(std::shared_ptr<Core> core, std::shared_ptr<Pair> pair, bool outward) {
  auto from = outward ? pair->near : pair->far, to = outward ? pair->far : pair->near;
  Bytes buffer(32 * 1024, 0);
  for (;;) {
    DL_CO_TRY(size_t n, co_await from->read_some(buffer.data(), buffer.size(), kNoDeadline));
    Millis wait = (outward ? core->pace_to : core->pace_from).take(core->rate, n);
    if (wait > Millis(0)) DL_CO_OK(co_await sleep_for(wait));
    while (core->link == LinkState::kFrozen) DL_CO_OK(co_await sleep_for(kFrozenLook));
    if (core->link == LinkState::kCut) co_return error(Code::kClosed, "the link is cut");
    if (n == 0) {
      boost::system::error_code ignored;
      to->socket().shutdown(ByteStream::Socket::shutdown_send, ignored);
      co_return Result<void>();
    }
    (outward ? core->to_target : core->from_target) += n;
    DL_CO_OK(co_await to->write({BytesView(buffer).substr(0, n), {}, {}}, kNoDeadline));
  }
}

Task<void> CutProxy::Core::run(std::shared_ptr<Core> core, std::shared_ptr<Pair> pair, size_t loop) {
  while (core->link == LinkState::kFrozen) DL_CO_OK(co_await sleep_for(kFrozenLook));
  if (core->link == LinkState::kCut) co_return error(Code::kClosed, "the link is cut");
  DL_CO_TRY(pair->far, co_await dial_tcp(core->present_target(), kDialDeadline));
  if (core->link == LinkState::kCut) co_return error(Code::kClosed, "the link is cut");
  // The way back is a coroutine of its own; when one direction breaks, both end.
  struct Back {
    explicit Back(const asio::any_io_executor& executor) : ended(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer ended;
    std::optional<Result<void>> result;
  };
  auto back = std::make_shared<Back>(co_await asio::this_coro::executor);
  core->spawn(
      loop, [core, pair] { return pump(core, pair, false); },
      [back, pair](Result<void> r) {
        if (!r.ok()) pair->reset();
        back->result = std::move(r);
        back->ended.cancel();
      });
  auto there = co_await pump(core, pair, true);
  if (!there.ok()) pair->reset();
  while (!back->result) co_await back->ended.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return there.ok() ? std::move(*back->result) : there;
}

void CutProxy::Core::take(std::shared_ptr<Core> core, size_t loop, tcp::socket socket) {
  uint64_t id = core->connections++;
  auto pair = std::make_shared<Pair>();
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  pair->near = std::make_shared<ByteStream>(std::move(socket));
  core->open++;
  {
    std::lock_guard lock(core->pairs_m);
    core->pairs[id] = {loop, pair};
  }
  core->spawn(
      loop, [core, pair, loop] { return run(core, pair, loop); },
      [core, pair, id](Result<void> r) {
        if (r.ok()) {
          pair->near->close();
          pair->far->close();
        } else {
          pair->reset();
        }
        std::lock_guard lock(core->pairs_m);
        core->pairs.erase(id);
        core->open--;
      });
}

CutProxy::CutProxy(std::shared_ptr<Core> core) : core_(std::move(core)) {}
CutProxy::~CutProxy() { stop(); }

Result<std::unique_ptr<CutProxy>> CutProxy::open(Runtime& runtime, HostPort target, uint16_t port) {
  auto core = std::make_shared<Core>(runtime, std::move(target));
  size_t loop = core->runtime().next_loop();
  auto acceptor = std::make_shared<tcp::acceptor>(core->runtime().loop(loop).io);
  DL_TRY(core->address, open_acceptor(*acceptor, {"127.0.0.1", port}));
  core->serve<tcp>(acceptor, loop, [core](size_t at, tcp::socket socket) { Core::take(core, at, std::move(socket)); });
  return std::unique_ptr<CutProxy>(new CutProxy(core));
}

HostPort CutProxy::address() const { return core_->address; }

void CutProxy::set_target(HostPort target) {
  std::lock_guard lock(core_->m);
  core_->target = std::move(target);
}

void CutProxy::cut() {
  core_->link = LinkState::kCut;
  // On each connection's loop, behind whatever passes there at this moment; this thread waits for all of them.
  struct Latch {
    std::mutex m;
    std::condition_variable cv;
    size_t left = 0;
  };
  auto latch = std::make_shared<Latch>();
  {
    std::lock_guard lock(core_->pairs_m);
    latch->left = core_->pairs.size();
    for (auto& [id, entry] : core_->pairs)
      asio::post(core_->runtime().loop(entry.first).io, [latch, pair = entry.second] {
        pair->reset();
        std::lock_guard guard(latch->m);
        latch->left--;
        latch->cv.notify_all();
      });
  }
  if (core_->runtime().on_a_loop()) return;
  std::unique_lock lock(latch->m);
  latch->cv.wait_for(lock, kDialDeadline, [&] { return latch->left == 0; });
}

void CutProxy::mend() { core_->link = LinkState::kWhole; }
bool CutProxy::is_cut() const { return core_->link == LinkState::kCut; }
void CutProxy::freeze() { core_->link = LinkState::kFrozen; }
void CutProxy::set_rate(uint64_t bytes_per_second) { core_->rate = bytes_per_second; }

CutProxy::Counters CutProxy::counters() const {
  return {core_->to_target, core_->from_target, core_->connections, core_->open};
}

void CutProxy::stop() {
  core_->close_listeners();
  do core_->cancel_all();
  while (!core_->wait_empty(Millis(100)));
}

}  // namespace dl::net

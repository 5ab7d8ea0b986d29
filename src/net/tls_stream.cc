#include "net/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/dial.h"
#include "net/limits.h"
#include "net/listen.h"
#include "net/service.h"

namespace dl::net {
namespace {

using Ec = boost::system::error_code;
using asio::ip::tcp;

constexpr Millis kFarewell{1'000};

// A dead link is noticed within a minute or so even when the session is silent. BBR keeps its rate on lossy links; a
// kernel without it keeps its own default.
void tune(int fd) {
  int on = 1, idle = 30, interval = 10, probes = 3;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3);
}

class TlsStream final : public Stream {
 public:
  TlsStream(std::shared_ptr<ByteStream> stream, StreamOptions options, std::string peer)
      : stream_(std::move(stream)), options_(options), peer_(std::move(peer)) {}
  ~TlsStream() override { stream_->close(); }
  Task<size_t> read_some(char* out, size_t size) override {
    return stream_->read_some(out, size, options_.read_deadline);
  }
  Task<void> write_all(BytesView data) override { return stream_->write({data, {}, {}}, options_.write_deadline); }
  Task<void> finish() override { return stream_->finish(limits::kReadAheadBytes, kFarewell); }
  void close() override { stream_->close(); }
  Bytes peer_certificate_der() const override { return stream_->peer_certificate(); }
  std::string peer() const override { return peer_; }

 private:
  std::shared_ptr<ByteStream> stream_;
  StreamOptions options_;
  std::string peer_;
};

}  // namespace

Task<std::shared_ptr<Stream>> connect_tls(HostPort address, std::shared_ptr<TlsContext> context,
                                          StreamOptions options) {
  DL_CO_TRY(auto stream, co_await dial_tcp(address, options.connect_deadline));
  tune(stream->socket().native_handle());
  DL_CO_OK(co_await stream->handshake(std::move(context), TlsRole::kClient, options.handshake_deadline));
  co_return std::shared_ptr<Stream>(std::make_shared<TlsStream>(stream, options, format_host_port(address)));
}

struct LinkListener::Core : Service {
  Core(Runtime& runtime, StreamHandler h, StreamOptions o, size_t most)
      : Service(runtime), handler(std::move(h)), options(o), max_connections(most) {}
  StreamHandler handler;
  StreamOptions options;
  size_t max_connections;
  std::atomic<size_t> open = 0;

  static Task<void> run(std::shared_ptr<Core> core, std::shared_ptr<TlsContext> context,
                        std::shared_ptr<ByteStream> stream, std::string peer);
  static void take(std::shared_ptr<Core> core, std::shared_ptr<TlsContext> context, size_t loop, tcp::socket socket);
};

Task<void> LinkListener::Core::run(std::shared_ptr<Core> core, std::shared_ptr<TlsContext> context,
                                   std::shared_ptr<ByteStream> stream, std::string peer) {
  auto shaken = co_await stream->handshake(std::move(context), TlsRole::kServer, core->options.handshake_deadline);
  if (!shaken.ok()) {
    log_info("net", "link from {} refused: {}", peer, shaken.error().message);
    // So that the alert which says why arrives instead of a reset.
    co_return co_await stream->finish(limits::kReadAheadBytes, kFarewell);
  }
  auto link = std::make_shared<TlsStream>(stream, core->options, peer);
  auto result = co_await core->handler(link);
  link->close();
  co_return result;
}

void LinkListener::Core::take(std::shared_ptr<Core> core, std::shared_ptr<TlsContext> context, size_t loop,
                              tcp::socket socket) {
  if (core->open >= core->max_connections) {
    log_warn("net", "a link is turned away: {} are open", core->open.load());
    return;
  }
  core->open++;
  Ec ec;
  tune(socket.native_handle());
  auto remote = socket.remote_endpoint(ec);
  std::string peer = ec ? "unknown" : format_host_port({remote.address().to_string(), remote.port()});
  auto stream = std::make_shared<ByteStream>(std::move(socket));
  core->spawn(
      loop, [core, context, stream, peer] { return run(core, context, stream, peer); },
      [core, peer, stream](Result<void> r) {
        if (!r.ok()) log_info("net", "link from {} ended: {}", peer, r.error().message);
        stream->close();
        core->open--;
      });
}

LinkListener::LinkListener(Runtime& runtime, StreamHandler handler, StreamOptions options, size_t max_connections)
    : core_(std::make_shared<Core>(runtime, std::move(handler), options, max_connections)) {}

LinkListener::~LinkListener() { stop(); }

Result<HostPort> LinkListener::listen(HostPort address, std::shared_ptr<TlsSlot> slot) {
  DL_REQUIRE(slot && slot->get(), "a TLS listener has a context");
  size_t loop = core_->runtime().next_loop();
  auto acceptor = std::make_shared<tcp::acceptor>(core_->runtime().loop(loop).io);
  DL_TRY(HostPort bound, open_acceptor(*acceptor, address));
  core_->serve<tcp>(acceptor, loop, [core = core_, slot](size_t at, tcp::socket socket) {
    Core::take(core, slot->get(), at, std::move(socket));
  });
  return bound;
}

size_t LinkListener::open_connections() const { return core_->open; }

void LinkListener::stop() {
  core_->close_listeners();
  do core_->cancel_all();
  while (!core_->wait_empty(Millis(100)));
}

}  // namespace dl::net

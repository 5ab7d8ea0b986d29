#include <atomic>

#include "net/tls_stream.h"

#include <doctest/doctest.h>
#include <sched.h>

#include "base/log.h"
#include "base/task.h"
#include "base/thread.h"
#include "net/cut_proxy.h"
#include "net/testing/certificates.h"

using namespace dl;
using namespace dl::net;
using namespace dl::net::testing;

namespace {

Task<void> echo(std::shared_ptr<Stream> stream) {
  Bytes buffer(20'000, 0);
  for (;;) {
    DL_CO_TRY(size_t n, co_await stream->read_some(buffer.data(), buffer.size()));
    if (n == 0) co_return Result<void>();
    DL_CO_OK(co_await stream->write_all(BytesView(buffer).substr(0, n)));
  }
}

Task<void> expect_back(std::shared_ptr<Stream> stream, Bytes data) {
  Bytes back(data.size(), 0);
  DL_CO_OK(co_await stream->write_all(data));
  for (size_t at = 0; at < back.size();) {
    DL_CO_TRY(size_t n, co_await stream->read_some(back.data() + at, back.size() - at));
    if (n == 0) co_return error(Code::kClosed, "ended early");
    at += n;
  }
  co_return back == data ? Result<void>() : error(Code::kCorrupt, "other bytes came back");
}

Task<void> dial_and_echo(HostPort address, std::shared_ptr<TlsContext> context, StreamOptions options) {
  DL_CO_TRY(auto stream, co_await connect_tls(address, context, options));
  DL_CO_OK(co_await expect_back(stream, "hello"));
  co_return co_await stream->finish();
}

// A device and a hub with certificates of two CAs, as on the link.
struct Link {
  Link() : runtime(2, 1) { runtime.start(); }
  ~Link() {
    if (listener) listener->stop();
    runtime.stop();
  }

  void listen(PeerCertificate peer, std::function<Result<void>(BytesView)> verify) {
    TlsOptions o;
    o.identity = hub_ca.issue({"hub", "DNS:hub"});
    o.versions = TlsVersions::k13Only;
    o.peer = peer;
    o.verify = std::move(verify);
    listener = std::make_unique<LinkListener>(runtime, [](std::shared_ptr<Stream> s) { return echo(s); }, options);
    address = listener->listen({"127.0.0.1", 0}, std::make_shared<TlsSlot>(TlsContext::server(o).value())).value();
  }

  TlsOptions client(bool with_certificate, bool expired = false) {
    TlsOptions o;
    o.versions = TlsVersions::k13Only;
    o.ca_pem = hub_ca.pem();
    o.name = "hub";
    if (with_certificate) o.identity = device_ca.issue({"device", "", expired, true});
    return o;
  }

  Result<void> talk(TlsOptions o) {
    auto context = TlsContext::client(std::move(o)).value();
    return runtime.run([&] { return dial_and_echo(address, context, options); });
  }

  TestCa hub_ca{"hub CA"}, device_ca{"device CA"};
  Runtime runtime;
  StreamOptions options;
  std::unique_ptr<LinkListener> listener;
  HostPort address;
};

}  // namespace

TEST_CASE("a link gives the peer's certificate to whoever decides, whatever its dates say") {
  Link link;
  Bytes seen;
  std::mutex m;
  link.listen(PeerCertificate::kRequired, [&](BytesView der) -> Result<void> {
    std::lock_guard lock(m);
    seen = der;
    return {};
  });
  CHECK(link.talk(link.client(true)).ok());
  CHECK(!seen.empty());
  CHECK(link.talk(link.client(true, true)).ok());
}

TEST_CASE("a refused device hears that it was refused") {
  Link link;
  link.listen(PeerCertificate::kRequired,
              [](BytesView) -> Result<void> { return error(Code::kDenied, "the device is suspended"); });
  CHECK(link.talk(link.client(true)).error().code == Code::kDenied);
  CHECK(link.talk(link.client(false)).error().code == Code::kDenied);
}

TEST_CASE("where the certificate is optional, both kinds of devices come in") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  CHECK(link.talk(link.client(true)).ok());
  CHECK(link.talk(link.client(false)).ok());
}

TEST_CASE("a hub that is not the one we know is refused on our side") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  auto other = link.client(false);
  other.ca_pem = link.device_ca.pem();
  CHECK(link.talk(other).error().code == Code::kForeign);
  auto by_word = link.client(false);
  by_word.ca_pem.clear();
  by_word.name.clear();
  by_word.verify = [](BytesView) -> Result<void> { return error(Code::kForeign, "another fingerprint"); };
  auto refused = link.talk(by_word).error();
  CHECK(refused.code == Code::kForeign);
  CHECK(refused.message.find("another fingerprint") != std::string::npos);
  auto old = link.client(false);
  old.versions = TlsVersions::k12And13;
  CHECK(link.talk(old).ok());
}

TEST_CASE("large data comes back whole over a link, and both directions run at once") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  auto context = TlsContext::client(link.client(false)).value();
  struct Duplex {
    static Task<void> write(std::shared_ptr<Stream> stream, Bytes data) { co_return co_await stream->write_all(data); }
    static Task<void> run(Link& link, std::shared_ptr<TlsContext> context, Bytes data) {
      DL_CO_TRY(auto stream, co_await connect_tls(link.address, context));
      DL_CO_OK(co_await spawn_here(link.runtime, [=] { return write(stream, data); }, [](Result<void>) {}));
      Bytes back(data.size(), 0);
      for (size_t at = 0; at < back.size();) {
        DL_CO_TRY(size_t n, co_await stream->read_some(back.data() + at, back.size() - at));
        if (n == 0) co_return error(Code::kClosed, "ended early");
        at += n;
      }
      co_return back == data ? Result<void>() : error(Code::kCorrupt, "other bytes came back");
    }
  };
  Bytes data(8'000'000, 0);
  for (size_t i = 0; i < data.size(); i++) data[i] = static_cast<char>(i * 131 >> 7);
  CHECK(link.runtime.run([&] { return Duplex::run(link, context, data); }).ok());
}

TEST_CASE("a silent peer ends the read by its deadline, a missing one the dial") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  auto context = TlsContext::client(link.client(false)).value();
  StreamOptions quick;
  quick.read_deadline = Millis(100);
  struct Silent {
    static Task<void> run(HostPort address, std::shared_ptr<TlsContext> context, StreamOptions options) {
      DL_CO_TRY(auto stream, co_await connect_tls(address, context, options));
      char byte;
      DL_CO_OK(co_await stream->read_some(&byte, 1));
      co_return Result<void>();
    }
  };
  CHECK(link.runtime.run([&] { return Silent::run(link.address, context, quick); }).error().code == Code::kTimeout);
  link.listener->stop();
  CHECK(link.runtime.run([&] { return Silent::run(link.address, context, quick); }).error().code == Code::kUnavailable);
}

TEST_CASE("a cut link ends the session at once, a mended one carries the next") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  auto context = TlsContext::client(link.client(false)).value();
  auto proxy = CutProxy::open(link.runtime, link.address).value();
  struct Session {
    static Task<void> run(HostPort address, std::shared_ptr<TlsContext> context, CutProxy& proxy, bool cut) {
      DL_CO_TRY(auto stream, co_await connect_tls(address, context));
      DL_CO_OK(co_await expect_back(stream, "before"));
      if (cut) proxy.cut();
      co_return co_await expect_back(stream, "after");
    }
  };
  auto session = [&](bool cut) {
    return link.runtime.run([&] { return Session::run(proxy->address(), context, *proxy, cut); });
  };
  CHECK(session(false).ok());
  CHECK(proxy->counters().to_target > 11);
  CHECK(proxy->counters().from_target > 11);
  CHECK(session(true).error().code == Code::kClosed);
  CHECK(session(false).error().code == Code::kClosed);
  proxy->mend();
  CHECK(session(false).ok());
  proxy->set_target({"127.0.0.1", 1});
  CHECK(session(false).error().code == Code::kClosed);
}

TEST_CASE("a frozen link passes nothing and loses nothing") {
  Link link;
  link.listen(PeerCertificate::kOptional, [](BytesView) -> Result<void> { return {}; });
  auto context = TlsContext::client(link.client(false)).value();
  auto proxy = CutProxy::open(link.runtime, link.address).value();
  proxy->freeze();
  std::atomic<bool> through = false;
  Result<void> ended;
  {
    Thread talker("talker", [&] {
      ended = link.runtime.run([&] { return dial_and_echo(proxy->address(), context, link.options); });
      through = true;
    });
    while (proxy->counters().connections == 0) ::sched_yield();
    CHECK(proxy->counters().to_target == 0);
    CHECK(!through);
    proxy->mend();
  }
  CHECK(ended.ok());
}

TEST_CASE("a wake-up given early, late or by another thread is heard once") {
  Runtime runtime(1, 1);
  runtime.start();
  struct Waiter {
    static Task<void> run(Wakeup& wakeup, Millis deadline, bool expected) {
      DL_CO_TRY(bool woken, co_await wakeup.wait(deadline));
      co_return woken == expected ? Result<void>() : error(Code::kInternal, "not as expected");
    }
  };
  Wakeup wakeup;
  wakeup.set();
  wakeup.set();
  CHECK(runtime.run([&] { return Waiter::run(wakeup, Millis(10'000), true); }).ok());
  CHECK(runtime.run([&] { return Waiter::run(wakeup, Millis(10), false); }).ok());
  Thread other("other", [&] { wakeup.set(); });
  CHECK(runtime.run([&] { return Waiter::run(wakeup, Millis(10'000), true); }).ok());
  other.join();
  runtime.stop();
}

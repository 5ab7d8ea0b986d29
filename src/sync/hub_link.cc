#include "sync/hub_link.h"

#include <map>

#include "base/log.h"
#include "base/task.h"

namespace dl::sync {

struct HubLink::Core : std::enable_shared_from_this<HubLink::Core> {
  struct Device {
    std::shared_ptr<LinkRun> meta, bodies;
    LinkReport report;
    std::shared_ptr<LinkCounters> counters = std::make_shared<LinkCounters>();
  };

  explicit Core(HubLinkConfig c) : config(std::move(c)) {}

  HubLinkConfig config;
  mutable std::mutex m;
  std::map<std::string, Device> devices;
  bool stopping = false;
  std::unique_ptr<net::LinkListener> listener;

  static Task<void> serve(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream);
  static Task<format::Frame> first_frame(std::shared_ptr<net::Stream> stream, format::FrameReader* reader);
  static Task<void> enroll(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream, Bytes request);
  static Task<void> run_channel(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream, Peer peer,
                                format::HelloFrame hello, format::FrameReader reader);
  static Task<void> refuse(std::shared_ptr<net::Stream> stream, Error why);
  std::unique_ptr<Machine> meta_machine(const Peer& peer);
  std::unique_ptr<Machine> body_machine(const Peer& peer);
  std::vector<std::shared_ptr<LinkRun>> all_runs() const;
};

std::unique_ptr<Machine> HubLink::Core::meta_machine(const Peer& peer) {
  std::weak_ptr<Core> weak = weak_from_this();
  SessionEvents events;
  events.records_arrived = [weak, name = peer.name](const BucketId& space) {
    auto core = weak.lock();
    if (!core) return;
    {
      std::lock_guard lock(core->m);
      if (auto& bodies = core->devices[name].bodies) bodies->changed(space);  // to ask for the new ones
    }
    if (core->config.records_arrived) core->config.records_arrived(space);
  };
  auto report = [weak, name = peer.name](MetaReport r) {
    auto core = weak.lock();
    if (!core) return;
    std::lock_guard lock(core->m);
    auto& state = core->devices[name].report;
    state.in_step = r.in_step;
    state.progress = std::move(r.progress);
    state.last_contact = core->config.clock->wall();
  };
  return std::make_unique<MetaMachine>(*config.clock, *config.spaces, config.self, config.node, peer, std::move(events),
                                       std::move(report));
}

std::unique_ptr<Machine> HubLink::Core::body_machine(const Peer& peer) {
  std::weak_ptr<Core> weak = weak_from_this();
  BodyEvents events;
  events.body_arrived = [weak](const BucketId& space, const RecordHash&) {
    auto core = weak.lock();
    if (core && core->config.records_arrived) core->config.records_arrived(space);  // committed now
  };
  return std::make_unique<BodyMachine>(*config.clock, *config.spaces, config.self, config.node, peer,
                                       std::move(events));
}

Task<format::Frame> HubLink::Core::first_frame(std::shared_ptr<net::Stream> stream, format::FrameReader* reader) {
  Bytes buffer(16 * 1024, '\0');
  for (;;) {
    DL_CO_TRY(auto frame, reader->next());
    if (frame) co_return std::move(*frame);
    DL_CO_TRY(size_t n, co_await stream->read_some(buffer.data(), buffer.size()));
    if (n == 0) co_return error(Code::kClosed, "the other side closed the link");
    reader->feed(BytesView(buffer).substr(0, n));
  }
}

Task<void> HubLink::Core::refuse(std::shared_ptr<net::Stream> stream, Error why) {
  log_info("sync", "{} is refused: {}", stream->peer(), why.message);
  DL_CO_TRY(auto deny, format::encode_frame(deny_of(why)));
  DL_CO_OK(co_await stream->write_all(deny));
  co_return co_await stream->finish();
}

Task<void> HubLink::Core::enroll(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream, Bytes request) {
  auto answer = std::make_shared<Bytes>();
  auto certificate = stream->peer_certificate_der();
  auto done = co_await net::run_blocking(*core->config.runtime, [core, request, certificate, answer]() -> Result<void> {
    DL_TRY(*answer, core->config.enroll(request, certificate));
    return {};
  });
  if (!done.ok()) co_return co_await refuse(stream, std::move(done).error());
  DL_CO_TRY(auto frame, format::encode_frame(format::EnrollAnswerFrame{std::move(*answer)}));
  DL_CO_OK(co_await stream->write_all(frame));
  co_return co_await stream->finish();
}

Task<void> HubLink::Core::serve(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream) {
  format::FrameReader reader;
  auto first = co_await first_frame(stream, &reader);
  if (!first.ok()) co_return co_await refuse(stream, std::move(first).error());
  if (stream->peer_certificate_der().empty())
    co_return co_await refuse(stream, error(Code::kUnauthenticated, "a link needs a client certificate"));
  if (auto* enroll_frame = std::get_if<format::EnrollFrame>(&*first)) {
    Bytes request = std::move(enroll_frame->request);
    co_return co_await enroll(core, stream, std::move(request));
  }
  auto peer = core->config.find_peer(stream->peer_certificate_der());
  if (!peer.ok()) co_return co_await refuse(stream, std::move(peer).error());
  auto* hello = std::get_if<format::HelloFrame>(&*first);
  if (!hello) co_return co_await refuse(stream, error(Code::kInvalid, "a link starts with a hello"));
  co_return co_await run_channel(core, stream, std::move(*peer), std::move(*hello), std::move(reader));
}

Task<void> HubLink::Core::run_channel(std::shared_ptr<Core> core, std::shared_ptr<net::Stream> stream, Peer peer,
                                      format::HelloFrame hello, format::FrameReader reader) {
  bool meta = hello.channel == format::Channel::kMeta;
  std::shared_ptr<LinkRun> run, before;
  {
    std::lock_guard lock(core->m);
    if (core->stopping) co_return error(Code::kCancelled, "the hub stops");
    auto& device = core->devices[peer.name];
    device.report.peer = peer.name;
    run = std::make_shared<LinkRun>(*core->config.runtime, stream,
                                    meta ? core->meta_machine(peer) : core->body_machine(peer), peer.name,
                                    device.counters);
    before = std::exchange(meta ? device.meta : device.bodies, run);
    if (meta) {
      device.report.state = LinkState::kConnected;
      device.report.message.clear();
      device.report.last_contact = core->config.clock->wall();
    }
  }
  if (before) before->close();
  if (meta && core->config.contact) {
    DL_CO_OK(co_await net::run_blocking(*core->config.runtime, [core, peer]() -> Result<void> {
      core->config.contact(peer);
      return {};
    }));
  }
  Frames first;
  first.emplace_back(std::move(hello));
  auto ended = co_await run->run(std::move(first), std::move(reader));
  std::lock_guard lock(core->m);
  auto& device = core->devices[peer.name];
  auto& slot = meta ? device.meta : device.bodies;
  if (slot == run) {
    slot.reset();
    if (meta) {
      device.report.state = LinkState::kDown;
      device.report.in_step = false;
      device.report.message = ended.ok() ? "the link ended" : ended.error().message;
      device.report.last_contact = core->config.clock->wall();
    }
  }
  if (!ended.ok() && ended.error().code == Code::kForeign) log_error("sync", "ALARM: {}", ended.error().message);
  co_return Result<void>();
}

std::vector<std::shared_ptr<LinkRun>> HubLink::Core::all_runs() const {
  std::lock_guard lock(m);
  std::vector<std::shared_ptr<LinkRun>> out;
  for (const auto& [name, device] : devices) {
    if (device.meta) out.push_back(device.meta);
    if (device.bodies) out.push_back(device.bodies);
  }
  return out;
}

HubLink::HubLink(HubLinkConfig config) : core_(std::make_shared<Core>(std::move(config))) {}

HubLink::~HubLink() { stop(); }

Result<net::HostPort> HubLink::listen(net::HostPort address, std::shared_ptr<net::TlsSlot> tls) {
  auto core = core_;
  core_->listener = std::make_unique<net::LinkListener>(
      *core_->config.runtime,
      [core](std::shared_ptr<net::Stream> stream) { return Core::serve(core, std::move(stream)); },
      net::StreamOptions{}, core_->config.max_connections);
  return core_->listener->listen(std::move(address), std::move(tls));
}

void HubLink::stop() {
  {
    std::lock_guard lock(core_->m);
    core_->stopping = true;
  }
  for (const auto& run : core_->all_runs()) run->close();
  if (core_->listener) core_->listener->stop();
  core_->listener.reset();  // its handler holds the core
}

void HubLink::changed(const BucketId& space) {
  std::lock_guard lock(core_->m);
  for (const auto& [name, device] : core_->devices)
    if (device.meta) device.meta->changed(space);
}

void HubLink::changed_all() {
  for (const auto& run : core_->all_runs()) run->changed_all();
}

void HubLink::drop(const std::string& device) {
  std::shared_ptr<LinkRun> a, b;
  {
    std::lock_guard lock(core_->m);
    auto it = core_->devices.find(device);
    if (it == core_->devices.end()) return;
    a = it->second.meta;
    b = it->second.bodies;
  }
  if (a) a->close();
  if (b) b->close();
}

size_t HubLink::open_connections() const { return core_->listener ? core_->listener->open_connections() : 0; }

std::vector<LinkReport> HubLink::report() const {
  std::lock_guard lock(core_->m);
  std::vector<LinkReport> out;
  for (const auto& [name, device] : core_->devices) {
    auto r = device.report;
    r.sent_bytes = device.counters->sent;
    r.received_bytes = device.counters->received;
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace dl::sync

#include "sync/device_link.h"

#include <algorithm>
#include <condition_variable>

#include "base/log.h"
#include "base/task.h"

namespace dl::sync {
namespace {

// A link that comes back is to be used within seconds. A hub that answered and refused is asked less often.
constexpr Millis kFirstBackOff{1'000}, kLongestBackOff{8'000}, kRefusedBackOff{60'000};
constexpr Millis kTick{200};

// For people who look at the link's state: why, and what to do about it.
std::string message_of(const Error& e) { return e.next.empty() ? e.message : e.message + ". " + e.next; }

}  // namespace

struct DeviceLink::Core : std::enable_shared_from_this<DeviceLink::Core> {
  struct Waiter {
    MonoTime until;
    std::function<void(bool, bool)> done;
  };

  explicit Core(DeviceLinkConfig c) : config(std::move(c)), counters(std::make_shared<LinkCounters>()) {}

  DeviceLinkConfig config;
  std::shared_ptr<LinkCounters> counters;
  net::Wakeup wake;

  std::mutex m;
  std::condition_variable ended_one;
  int running = 0;  // coroutines
  bool stopping = false, paused = false, hasten = false, body_loop = false;
  LinkReport state;
  std::shared_ptr<LinkRun> meta, bodies;
  std::multimap<RecordHash, Waiter> waiters;

  bool is_stopping() {
    std::lock_guard lock(m);
    return stopping;
  }
  void spawn(std::function<Task<void>(std::shared_ptr<Core>)> body);
  static Task<void> dial_loop(std::shared_ptr<Core> core);
  static Task<void> waiter_loop(std::shared_ptr<Core> core);
  static Task<void> session(std::shared_ptr<Core> core);
  static Task<void> body_channel(std::shared_ptr<Core> core);
  std::unique_ptr<Machine> meta_machine();
  std::unique_ptr<Machine> body_machine();
  void body_is_here(const BucketId& space, const RecordHash& record);
  void expire(bool all);
  void close_runs();
};

void DeviceLink::Core::spawn(std::function<Task<void>(std::shared_ptr<Core>)> body) {
  auto self = shared_from_this();
  {
    std::lock_guard lock(m);
    running++;
  }
  config.runtime->spawn([self, body] { return body(self); },
                        [self](Result<void>) {
                          std::lock_guard lock(self->m);
                          self->running--;
                          self->ended_one.notify_all();
                        });
}

std::unique_ptr<Machine> DeviceLink::Core::meta_machine() {
  std::weak_ptr<Core> weak = weak_from_this();
  SessionEvents events;
  events.history_arrived = [weak](const BucketId& space) {
    auto core = weak.lock();
    if (!core) return;
    if (core->config.history_arrived) core->config.history_arrived(space);
    std::lock_guard lock(core->m);
    if (core->bodies) core->bodies->changed(space);  // new versions, new bodies to ask for
  };
  events.settled = [weak](const BucketId& space, uint64_t oseq) {
    auto core = weak.lock();
    if (core && core->config.settled) core->config.settled(space, oseq);
  };
  auto report = [weak](MetaReport r) {
    auto core = weak.lock();
    if (!core) return;
    std::lock_guard lock(core->m);
    core->state.in_step = r.in_step;
    core->state.progress = std::move(r.progress);
    if (r.greeted) {
      core->state.state = LinkState::kConnected;
      core->state.message.clear();
      core->state.last_contact = core->config.clock->wall();
    }
  };
  return std::make_unique<MetaMachine>(*config.clock, *config.spaces, config.self, config.node, config.hub,
                                       std::move(events), std::move(report));
}

std::unique_ptr<Machine> DeviceLink::Core::body_machine() {
  std::weak_ptr<Core> weak = weak_from_this();
  BodyEvents events;
  events.body_arrived = [weak](const BucketId& space, const RecordHash& record) {
    if (auto core = weak.lock()) core->body_is_here(space, record);
  };
  return std::make_unique<BodyMachine>(*config.clock, *config.spaces, config.self, config.node, config.hub,
                                       std::move(events));
}

void DeviceLink::Core::body_is_here(const BucketId& space, const RecordHash& record) {
  if (config.body_arrived) config.body_arrived(space, record);
  std::vector<Waiter> ready;
  {
    std::lock_guard lock(m);
    auto [from, to] = waiters.equal_range(record);
    for (auto it = from; it != to; ++it) ready.push_back(std::move(it->second));
    waiters.erase(from, to);
  }
  for (auto& w : ready) w.done(true, true);
}

void DeviceLink::Core::expire(bool all) {
  std::vector<Waiter> late;
  auto now = config.clock->mono();
  {
    std::lock_guard lock(m);
    for (auto it = waiters.begin(); it != waiters.end();) {
      if (!all && it->second.until > now) {
        ++it;
        continue;
      }
      late.push_back(std::move(it->second));
      it = waiters.erase(it);
    }
  }
  for (auto& w : late) w.done(false, !all);
}

Task<void> DeviceLink::Core::waiter_loop(std::shared_ptr<Core> core) {
  while (!core->is_stopping()) {
    DL_CO_OK(co_await net::sleep_for(kTick));
    core->expire(false);
  }
  co_return Result<void>();
}

Task<void> DeviceLink::Core::dial_loop(std::shared_ptr<Core> core) {
  Millis back_off = kFirstBackOff;
  while (!core->is_stopping()) {
    bool paused = false;
    Millis longest = kLongestBackOff;
    {
      std::lock_guard lock(core->m);
      paused = core->paused;
      core->state.state = paused ? LinkState::kPaused : LinkState::kConnecting;
      core->hasten = false;
    }
    if (!paused) {
      auto started = core->config.clock->mono();
      auto ended = co_await session(core);
      core->expire(true);
      bool refused = !ended.ok() && (ended.error().code == Code::kDenied || ended.error().code == Code::kForeign);
      if (refused) longest = kRefusedBackOff;
      if (ended.ok() || core->config.clock->mono() - started > kRefusedBackOff) back_off = kFirstBackOff;
      std::lock_guard lock(core->m);
      if (core->state.last_contact && core->state.state == LinkState::kConnected) back_off = kFirstBackOff;
      core->state.state = LinkState::kDown;
      core->state.in_step = false;
      core->state.message = ended.ok() ? "the link ended" : message_of(ended.error());
    }
    bool hurry = false;
    {
      std::lock_guard lock(core->m);
      hurry = core->hasten;
    }
    if (core->is_stopping()) break;
    if (hurry) continue;
    auto woken = co_await core->wake.wait(paused ? kRefusedBackOff : back_off);
    if (!woken.ok()) co_return std::move(woken).error();
    back_off = *woken ? kFirstBackOff : std::min(back_off * 2, longest);
  }
  co_return Result<void>();
}

Task<void> DeviceLink::Core::session(std::shared_ptr<Core> core) {
  auto& c = core->config;
  DL_CO_TRY(auto stream, co_await net::connect_tls(c.hub_address, c.tls));
  auto run = std::make_shared<LinkRun>(*c.runtime, stream, core->meta_machine(), c.hub.name, core->counters);
  {
    std::lock_guard lock(core->m);
    if (core->stopping || core->paused) co_return error(Code::kCancelled, "the link was closed here");
    core->meta = run;
  }
  core->spawn([](std::shared_ptr<Core> self) { return body_channel(self); });
  auto ended = co_await run->run({}, {});
  std::shared_ptr<LinkRun> bodies;
  {
    std::lock_guard lock(core->m);
    core->meta.reset();
    bodies = core->bodies;
  }
  if (bodies) bodies->close();
  co_return ended;
}

// Follows the metadata channel: ends with it, and is opened again while that lives.
Task<void> DeviceLink::Core::body_channel(std::shared_ptr<Core> core) {
  auto& c = core->config;
  {
    std::lock_guard lock(core->m);
    if (core->body_loop) co_return Result<void>();  // the one of the session before lives on with this one
    core->body_loop = true;
  }
  // Whether to go on; says "no" once, and another loop may start from then on.
  auto alive = [&core] {
    std::lock_guard lock(core->m);
    core->body_loop = core->meta != nullptr && !core->stopping;
    return core->body_loop;
  };
  while (alive()) {
    auto stream = co_await net::connect_tls(c.hub_address, c.tls);
    if (stream.ok()) {
      auto run = std::make_shared<LinkRun>(*c.runtime, *stream, core->body_machine(), c.hub.name, core->counters);
      {
        std::lock_guard lock(core->m);
        core->bodies = run;
      }
      auto ended = co_await run->run({}, {});
      {
        std::lock_guard lock(core->m);
        core->bodies.reset();
      }
      if (!ended.ok()) log_debug("sync", "the body channel ended: {}", ended.error().message);
    }
    if (!alive()) break;
    auto slept = co_await net::sleep_for(kFirstBackOff);
    if (!slept.ok()) {
      std::lock_guard lock(core->m);
      core->body_loop = false;
      co_return std::move(slept).error();
    }
  }
  co_return Result<void>();
}

void DeviceLink::Core::close_runs() {
  std::shared_ptr<LinkRun> a, b;
  {
    std::lock_guard lock(m);
    a = meta;
    b = bodies;
  }
  if (a) a->close();
  if (b) b->close();
}

DeviceLink::DeviceLink(DeviceLinkConfig config) : core_(std::make_shared<Core>(std::move(config))) {
  core_->state.peer = core_->config.hub.name;
}

DeviceLink::~DeviceLink() { stop(); }

void DeviceLink::start() {
  core_->spawn([](std::shared_ptr<Core> core) { return Core::dial_loop(core); });
  core_->spawn([](std::shared_ptr<Core> core) { return Core::waiter_loop(core); });
}

void DeviceLink::stop() {
  {
    std::lock_guard lock(core_->m);
    core_->stopping = true;
  }
  core_->close_runs();
  core_->wake.set();
  {
    std::unique_lock lock(core_->m);
    core_->ended_one.wait_for(lock, std::chrono::seconds(20), [&] { return core_->running == 0; });
  }
  core_->expire(true);
}

void DeviceLink::changed(const BucketId& space) {
  std::shared_ptr<LinkRun> run;
  {
    std::lock_guard lock(core_->m);
    run = core_->meta;
  }
  if (run) run->changed(space);
}

void DeviceLink::changed_all() {
  std::shared_ptr<LinkRun> a, b;
  {
    std::lock_guard lock(core_->m);
    a = core_->meta;
    b = core_->bodies;
  }
  if (a) a->changed_all();
  if (b) b->changed_all();
}

void DeviceLink::now() {
  {
    std::lock_guard lock(core_->m);
    core_->hasten = true;
  }
  core_->wake.set();
  changed_all();
}

void DeviceLink::pause() {
  {
    std::lock_guard lock(core_->m);
    core_->paused = true;
  }
  core_->close_runs();
}

void DeviceLink::resume() {
  {
    std::lock_guard lock(core_->m);
    core_->paused = false;
    core_->hasten = true;
  }
  core_->wake.set();
}

LinkReport DeviceLink::report() const {
  std::lock_guard lock(core_->m);
  auto out = core_->state;
  out.sent_bytes = core_->counters->sent;
  out.received_bytes = core_->counters->received;
  return out;
}

bool DeviceLink::connected() const {
  std::lock_guard lock(core_->m);
  return core_->state.state == LinkState::kConnected;
}

void DeviceLink::want(const BucketId& space, const RecordHash& record, Millis wait,
                      std::function<void(bool, bool)> done) {
  std::shared_ptr<LinkRun> run;
  {
    std::lock_guard lock(core_->m);
    if (core_->state.state == LinkState::kConnected && !core_->stopping) {
      run = core_->bodies;
      core_->waiters.emplace(record, Core::Waiter{core_->config.clock->mono() + wait, std::move(done)});
      done = nullptr;
    }
  }
  if (done) return done(false, false);
  if (run) run->hurry(space, record);
}

}  // namespace dl::sync

#include "bench/load/load.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <openssl/ssl.h>

#include "bench/load/cpu.h"
#include "bench/load/fail.h"

namespace dl::bench {
namespace {

constexpr double kDrainSeconds = 10;  // that requests which are due are still sent after the end

std::chrono::steady_clock::duration to_duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Load::Load(const Options& o, Plan& plan) : o_(o), plan_(plan) {
  if (o.target.is_tls) tls_ = make_tls();
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  slots_.reserve(o.connections);
  for (size_t i = 0; i < o.connections; ++i) {
    slots_.push_back({Connection(o.target, tls_), {}, {}, false});
    watch(i);
    idle_.push_back(i);
  }
  measured_.cipher = slots_[0].connection.cipher();
}

Load::~Load() {
  slots_.clear();
  SSL_CTX_free(tls_);
  ::close(epoll_);
}

void Load::watch(size_t number) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = number}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, slots_[number].connection.fd(), &event);
}

Measured Load::run() {
  begun_ = last_answer_ = Clock::now();
  measure_from_ = begun_ + to_duration(o_.is_counted() ? 0 : o_.warm_up);
  end_ = Time::max();
  if (!o_.is_counted()) end_ = measure_from_ + to_duration(o_.seconds);
  if (o_.is_counted() && o_.limit > 0) end_ = begun_ + to_duration(o_.limit);
  if (o_.is_counted() || o_.warm_up == 0) begin_measuring(begun_);
  start_more();
  while (busy_ > 0 || !is_ending(Clock::now())) {
    wait();
    start_more();
  }
  if (!is_measuring_) fail("no request was answered in the time that is measured");
  count_unsent();
  measured_.is_complete = !o_.is_counted() || plan_.is_over();
  measured_.keys = plan_.keys() - keys_start_;
  measured_.server_cpu_us = process_cpu_us(o_.pid) - server_cpu_start_;
  measured_.own_cpu_us = own_cpu_us() - own_cpu_start_;
  measured_.seconds = std::chrono::duration<double>(Clock::now() - measure_from_).count();
  return std::move(measured_);
}

Load::Time Load::due(size_t n) const { return begun_ + to_duration(static_cast<double>(n) / o_.rate); }

// Whether no request will be started any more.
bool Load::is_ending(Time now) const {
  if (plan_.is_over()) return true;
  if (o_.rate == 0) return now >= end_;
  return due(scheduled_) >= end_ ? true : now >= end_ + to_duration(kDrainSeconds);
}

// Whether a request may be started now, and from when its latency counts.
bool Load::take_turn(Time now, Time& since) {
  if (is_ending(now)) return false;
  since = now;
  if (o_.rate == 0) return true;
  since = due(scheduled_);
  if (since > now) return false;
  ++scheduled_;
  return true;
}

void Load::start_more() {
  // At most one round over the connections, so that a server which answers at once can't keep us from the clock.
  for (size_t i = slots_.size(); i > 0 && !idle_.empty() && busy_ < o_.in_flight; --i) {
    Time since;
    if (!take_turn(Clock::now(), since)) return;
    size_t number = idle_.front();
    Slot& slot = slots_[number];
    if (!plan_.next(number, slot.job)) return;
    idle_.pop_front();
    slot.since = since;
    slot.is_busy = true;
    ++busy_;
    if (!slot.job.own_body.empty()) slot.job.body = slot.job.own_body;
    slot.connection.send(std::move(slot.job.head), slot.job.body, slot.job.want);
    drive(number);
  }
}

void Load::wait() {
  epoll_event events[256];
  double seconds = 1;
  if (o_.rate > 0 && !idle_.empty())
    seconds = std::clamp(std::chrono::duration<double>(due(scheduled_) - Clock::now()).count(), 0.0, 1.0);
  if (o_.rate == 0 && !idle_.empty() && busy_ < o_.in_flight && !is_ending(Clock::now())) seconds = 0;
  timespec timeout{.tv_sec = static_cast<time_t>(seconds),
                   .tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9)};
  int count = ::epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
  for (int i = 0; i < count; ++i) drive(events[i].data.u64);
  if (busy_ > 0 && Clock::now() > last_answer_ + to_duration(o_.patience))
    fail(fmt::format("the server answered nothing for {} s", o_.patience));
  if (busy_ == 0) last_answer_ = Clock::now();
}

// Takes the request of a connection as far as it goes without waiting.
void Load::drive(size_t number) {
  Slot& slot = slots_[number];
  if (!slot.is_busy) return;
  Connection::State state = slot.connection.advance();
  if (state == Connection::State::kBusy) return;
  const Answer& answer = slot.connection.answer();
  if (state == Connection::State::kDone) {
    finish(slot, number, plan_.judge(number, slot.job, answer));
    if (answer.closes()) renew(slot, number);
    return;
  }
  plan_.lost(number, slot.job);
  finish(slot, number, answer.status() >= 300 ? fmt::format("status {}", answer.status()) : "the connection broke off");
  renew(slot, number);
}

void Load::renew(Slot& slot, size_t number) {
  slot.connection = Connection(o_.target, tls_);
  ++measured_.reconnects;
  watch(number);
}

void Load::begin_measuring(Time now) {
  is_measuring_ = true;
  measure_from_ = now;
  server_cpu_start_ = process_cpu_us(o_.pid);
  own_cpu_start_ = own_cpu_us();
  keys_start_ = plan_.keys();
}

void Load::finish(Slot& slot, size_t number, const std::string& fault) {
  slot.is_busy = false;
  --busy_;
  idle_.push_back(number);
  Time now = last_answer_ = Clock::now();
  if (!fault.empty())
    measured_.last_refusal = slot.connection.answer().is_good() ? "" : slot.connection.answer().body();
  if (!is_measuring_ && now >= measure_from_) {
    begin_measuring(now);
    if (fault.empty()) return;
  }
  // A fault counts also in the warm-up: it is a fault all the same.
  if (!fault.empty()) {
    ++measured_.errors;
    ++measured_.faults[fault];
  } else if (is_measuring_) {
    ++measured_.answered;
  }
  if (is_measuring_)
    measured_.latencies_ms.push_back(std::chrono::duration<float, std::milli>(now - slot.since).count());
}

// On a schedule, what was due and never sent is a failure too.
void Load::count_unsent() {
  if (o_.rate == 0) return;
  size_t all = static_cast<size_t>(std::ceil(std::chrono::duration<double>(end_ - begun_).count() * o_.rate));
  if (scheduled_ >= all) return;
  measured_.errors += all - scheduled_;
  measured_.faults["due and never sent"] += all - scheduled_;
}

}  // namespace dl::bench

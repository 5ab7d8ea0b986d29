#include "gate/admission.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::gate {

void Admission::List::push(Pass* pass) {
  pass->before_ = last;
  pass->after_ = nullptr;
  (last ? last->after_ : first) = pass;
  last = pass;
}

void Admission::List::remove(Pass* pass) {
  (pass->before_ ? pass->before_->after_ : first) = pass->after_;
  (pass->after_ ? pass->after_->before_ : last) = pass->before_;
  pass->before_ = pass->after_ = nullptr;
}

Admission::Admission(const Limits& limits, const Clock& clock, std::function<Millis(MonoTime now)> commit_age)
    : limits_(limits), clock_(clock), commit_age_(std::move(commit_age)) {
  DL_REQUIRE(limits_.running > 0, "somebody has to run");
}

Admission::Use Admission::use() const {
  std::lock_guard lock(m_);
  return {running_, waiting_, lasting_, body_bytes_, principals_.size()};
}

Error Admission::refuse(Refused why) {
  static constexpr std::array<const char*, 4> kWhy = {
      "too many requests of this principal wait", "the request waited for its turn too long",
      "bodies of this principal take too much memory", "the disk is behind with what was written before"};
  refused_[static_cast<size_t>(why)].add();
  return error(Code::kBusy, std::string(kWhy[static_cast<size_t>(why)]) + "; nothing was done",
               "Please reduce your request rate");
}

// Those that hold nothing are forgotten when there are many of them.
Admission::Principal& Admission::principal(std::string_view name) {
  auto found = principals_.find(name);
  if (found != principals_.end()) return *found->second;
  if (principals_.size() >= sweep_at_) {
    std::erase_if(principals_, [](const auto& one) { return one.second->held == 0; });
    sweep_at_ = std::max(kRemembered, 2 * principals_.size());
  }
  return *principals_.emplace(name, std::make_unique<Principal>()).first->second;
}

void Admission::run(Pass* pass, MonoTime now) {
  pass->state_ = Pass::State::kRunning;
  pass->since_ = now;
  running_list_.push(pass);
  running_++;
}

void Admission::wait(Pass* pass) {
  pass->state_ = Pass::State::kWaiting;
  if (!pass->who_->queue.first) turns_.push_back(pass->who_);
  pass->who_->queue.push(pass);
  pass->who_->waiting++;
  waiting_++;
}

void Admission::end_leases(MonoTime now) {
  for (Pass* oldest = running_list_.first; oldest && now - oldest->since_ >= limits_.lease;
       oldest = running_list_.first) {
    running_list_.remove(oldest);
    oldest->state_ = Pass::State::kLasting;
    running_--;
    lasting_++;
  }
}

std::deque<Admission::Granted> Admission::grant(MonoTime now) {
  std::deque<Granted> out;
  while (running_ < limits_.running && !turns_.empty()) {
    Principal* who = turns_.front();
    turns_.pop_front();
    Pass* pass = who->queue.first;
    who->queue.remove(pass);
    who->waiting--;
    waiting_--;
    if (who->queue.first) turns_.push_back(who);
    wait_seconds_.observe(std::chrono::duration<double>(now - pass->since_).count());
    run(pass, now);
    if (pass->granted_) out.push_back(std::exchange(pass->granted_, nullptr));
  }
  return out;
}

void Admission::leave(Pass* pass) {
  std::deque<Granted> granted;
  {
    std::lock_guard lock(m_);
    if (pass->state_ == Pass::State::kRunning) {
      running_list_.remove(pass);
      running_--;
    } else if (pass->state_ == Pass::State::kLasting) {
      lasting_--;
    } else {
      pass->who_->queue.remove(pass);
      pass->who_->waiting--;
      waiting_--;
      if (!pass->who_->queue.first) std::erase(turns_, pass->who_);
    }
    pass->state_ = Pass::State::kNone;
    pass->who_->held--;
    pass->who_->body_bytes -= pass->body_;
    body_bytes_ -= pass->body_;
    if (waiting_ > 0) granted = grant(clock_.mono());
  }
  for (auto& one : granted) one({});
}

Result<Turn> Pass::ask(std::string_view principal, Kind kind, uint64_t body, MonoTime now) {
  if (!admission_) return Turn::kRuns;
  DL_REQUIRE(state_ == State::kNone, "a pass asks once");
  Admission& a = *admission_;
  const auto& limits = a.limits_;
  body = std::min(body, Admission::kBodyBytes);
  if (kind == Kind::kWrite && limits.commit_age > Millis(0) && a.commit_age_(now) > limits.commit_age)
    return a.refuse(Admission::Refused::kCommits);
  std::lock_guard lock(a.m_);
  auto& who = a.principal(principal);
  // Bodies of a row's size are no more than what the connection holds anyway.
  if (body >= Admission::kBodyBytes / 16 &&
      !Admission::fits(who.body_bytes + body, a.body_bytes_ + body, limits.body_bytes))
    return a.refuse(Admission::Refused::kBodies);
  if (a.running_ >= limits.running) a.end_leases(now);
  // Nobody waits while turns are free: grant() sees to it whenever one becomes so, and here.
  const bool runs = a.running_ < limits.running && a.waiting_ == 0;
  if (!runs && !Admission::fits(who.waiting + 1, a.waiting_ + 1, limits.waiting))
    return a.refuse(Admission::Refused::kWaitingRoom);
  who_ = &who;
  who.held++;
  body_ = body;
  who.body_bytes += body;
  a.body_bytes_ += body;
  since_ = now;
  if (runs)
    a.run(this, now);
  else
    a.wait(this);
  return runs ? Turn::kRuns : Turn::kWaits;
}

void Pass::when_granted(Admission::Granted granted) {
  {
    std::lock_guard lock(admission_->m_);
    if (state_ == State::kWaiting) {
      granted_ = std::move(granted);
      return;
    }
  }
  granted({});
}

Result<Turn> Pass::look(MonoTime now) {
  std::deque<Admission::Granted> granted;
  Result<Turn> out = Turn::kWaits;
  {
    std::lock_guard lock(admission_->m_);
    admission_->end_leases(now);
    granted = admission_->grant(now);
    if (state_ != State::kWaiting)
      out = Turn::kRuns;
    else if (now - since_ >= admission_->limits_.longest_wait)
      out = admission_->refuse(Admission::Refused::kLongWait);
  }
  for (auto& one : granted) one({});
  return out;
}

void Pass::carry(uint64_t bytes) {
  if (state_ == State::kNone || !admission_) return;
  bytes = std::min(bytes, Admission::kBodyBytes);
  std::lock_guard lock(admission_->m_);
  if (bytes <= body_) return;
  who_->body_bytes += bytes - body_;
  admission_->body_bytes_ += bytes - body_;
  body_ = bytes;
}

}  // namespace dl::gate

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
  return {running_, waiting_, lasting_, body_bytes_, answer_bytes_, principals_.size()};
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

void Admission::drop(Pass* pass) {
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
  pass->who_->answer_bytes -= pass->answer_;
  body_bytes_ -= pass->body_;
  answer_bytes_ -= pass->answer_;
  pass->who_ = nullptr;
}

void Admission::leave(Pass* pass) {
  std::deque<Granted> granted;
  {
    std::lock_guard lock(m_);
    drop(pass);
    if (waiting_ > 0) granted = grant(clock_.mono());
  }
  for (auto& one : granted) one({});
}

Result<Turn> Admission::let_in(Pass* pass, std::string_view name, uint64_t body, MonoTime now) {
  auto& who = principal(name);
  // Bodies of a row's size are no more than what the connection holds anyway.
  if (body >= kBodyBytes / 16 && !fits(who.body_bytes + body, body_bytes_ + body, limits_.body_bytes))
    return refuse(Refused::kBodies);
  const bool runs = running_ < limits_.running;  // nobody waits then: grant() saw to it
  if (!runs && !fits(who.waiting + 1, waiting_ + 1, limits_.waiting)) return refuse(Refused::kWaitingRoom);
  pass->who_ = &who;
  who.held++;
  pass->body_ = body;
  who.body_bytes += body;
  body_bytes_ += body;
  pass->since_ = now;
  if (runs)
    run(pass, now);
  else
    wait(pass);
  return runs ? Turn::kRuns : Turn::kWaits;
}

Result<Turn> Pass::ask(std::string_view principal, Kind kind, uint64_t body) {
  if (!admission_) return Turn::kRuns;
  DL_REQUIRE(!who_, "a pass asks once");
  Admission& a = *admission_;
  const MonoTime now = a.clock_.mono();
  if (kind == Kind::kWrite && a.limits_.commit_age > Millis(0) && a.commit_age_(now) > a.limits_.commit_age)
    return a.refuse(Admission::Refused::kCommits);
  std::deque<Admission::Granted> granted;
  Result<Turn> out = Turn::kWaits;
  {
    std::lock_guard lock(a.m_);
    if (a.running_ >= a.limits_.running) a.end_leases(now);
    if (a.waiting_ > 0) granted = a.grant(now);
    out = a.let_in(this, principal, std::min(body, Admission::kBodyBytes), now);
  }
  for (auto& one : granted) one({});
  return out;
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

Result<Turn> Pass::look() {
  std::deque<Admission::Granted> granted;
  Result<Turn> out = Turn::kWaits;
  {
    const MonoTime now = admission_->clock_.mono();
    std::lock_guard lock(admission_->m_);
    admission_->end_leases(now);
    granted = admission_->grant(now);
    if (state_ != State::kWaiting) {
      out = Turn::kRuns;
    } else if (now - since_ >= admission_->limits_.longest_wait) {
      out = admission_->refuse(Admission::Refused::kLongWait);
      admission_->drop(this);  // or it would be given a turn while its refusal is sent
    }
  }
  for (auto& one : granted) one({});
  return out;
}

Result<void> Pass::carry(uint64_t bytes) {
  if (!who_) return {};
  bytes = std::min(bytes, Admission::kBodyBytes);
  std::lock_guard lock(admission_->m_);
  if (bytes <= answer_) return {};
  const uint64_t more = bytes - answer_;
  if (!Admission::fits(who_->answer_bytes + more, admission_->answer_bytes_ + more, admission_->limits_.body_bytes))
    return admission_->refuse(Admission::Refused::kBodies);
  who_->answer_bytes += more;
  admission_->answer_bytes_ += more;
  answer_ = bytes;
  return {};
}

}  // namespace dl::gate

#include "net/service.h"

namespace dl::net {

void Service::spawn(size_t loop, std::function<Task<void>()> body, std::function<void(Result<void>)> done) {
  uint64_t id = 0;
  {
    std::lock_guard lock(m_);
    id = next_id_++;
    alive_[id];
  }
  auto ended = [self = shared_from_this(), id, done = std::move(done)](Result<void> r) {
    done(std::move(r));
    std::lock_guard lock(self->m_);
    self->alive_.erase(id);
    self->left_.notify_all();
  };
  auto scope = runtime_.spawn_on(loop, std::move(body), std::move(ended));
  std::lock_guard lock(m_);
  auto at = alive_.find(id);
  if (at != alive_.end()) at->second = scope;
}

void Service::close_listeners() {
  stopping_ = true;
  std::vector<std::function<void()>> closers;
  {
    std::lock_guard lock(m_);
    closers.swap(closers_);
  }
  for (auto& close : closers) close();
}

void Service::cancel_all() {
  std::lock_guard lock(m_);
  for (auto& [id, weak] : alive_)
    if (auto scope = weak.lock()) scope->cancel();
}

bool Service::wait_empty(Millis deadline) {
  DL_REQUIRE(!runtime_.on_a_loop(), "a service is stopped from a thread that is no loop");
  std::unique_lock lock(m_);
  return left_.wait_for(lock, deadline, [&] { return alive_.empty(); });
}

}  // namespace dl::net

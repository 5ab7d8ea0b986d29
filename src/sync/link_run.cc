#include "sync/link_run.h"

#include "base/task.h"
#include "sync/limits.h"
#include "sync/meta_session.h"

namespace dl::sync {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kWriteBytes = 256 * 1024;
constexpr size_t kInboxBytes = 2 * kWindowBytes;  // the other side's windows of both classes fit
constexpr Millis kPing{15'000};

size_t weight(const format::Frame& frame) {
  if (const auto* body = std::get_if<format::BodyFrame>(&frame)) return body->data.size() + body->manifest.size() + 128;
  if (const auto* history = std::get_if<format::HistoryFrame>(&frame)) return history->data.size() + 128;
  return 1024;
}

}  // namespace

LinkRun::LinkRun(net::Runtime& runtime, std::shared_ptr<net::Stream> stream, std::unique_ptr<Machine> machine,
                 std::string peer, std::shared_ptr<LinkCounters> counters)
    : runtime_(runtime),
      stream_(std::move(stream)),
      machine_(std::move(machine)),
      peer_(std::move(peer)),
      counters_(std::move(counters)) {}

void LinkRun::changed(const BucketId& space) {
  {
    std::lock_guard lock(m_);
    waiting_.changed.insert(space);
  }
  wake_.set();
}

void LinkRun::changed_all() {
  {
    std::lock_guard lock(m_);
    waiting_.all_changed = true;
  }
  wake_.set();
}

void LinkRun::hurry(const BucketId& space, const RecordHash& record) {
  {
    std::lock_guard lock(m_);
    if (waiting_.hurried.size() < kMaxQueuedWants) waiting_.hurried.emplace_back(space, record);
  }
  wake_.set();
}

void LinkRun::close() {
  {
    std::lock_guard lock(m_);
    closed_ = true;
  }
  wake_.set();
}

Task<void> LinkRun::run(Frames first, format::FrameReader reader) {
  auto self = shared_from_this();
  reader_ = std::move(reader);
  {
    std::lock_guard lock(m_);
    for (auto& frame : first) waiting_.frames.push_back(std::move(frame));
  }
  DL_CO_OK(co_await net::spawn_here(
      runtime_, [self] { return read_loop(self); },
      [self](Result<void> result) {
        {
          std::lock_guard lock(self->m_);
          self->reader_done_ = true;
          if (!self->ended_)
            self->ended_ =
                result.ok() ? error(Code::kClosed, self->peer_ + " closed the link") : std::move(result).error();
        }
        self->wake_.set();
        self->reader_ended_.set();
      }));
  auto ended = co_await work_loop();
  // Tell the other side why, unless the line itself is what ended.
  if (!ended.ok()) {
    auto code = ended.error().code;
    if (code != Code::kClosed && code != Code::kCancelled && code != Code::kTimeout) {
      auto deny = format::encode_frame(deny_of(ended.error()));
      if (deny.ok()) (void)(co_await stream_->write_all(*deny)).ok();
      (void)(co_await stream_->finish()).ok();
    }
  }
  stream_->close();
  // The reader holds `self`; it ends with the stream.
  for (;;) {
    {
      std::lock_guard lock(m_);
      if (reader_done_) break;
    }
    auto woken = co_await reader_ended_.wait(Millis(1000));
    if (!woken.ok()) break;
  }
  co_return ended;
}

Task<void> LinkRun::read_loop(std::shared_ptr<LinkRun> self) {
  Bytes buffer(kReadBytes, '\0');
  for (;;) {
    bool full = false;
    for (;;) {
      auto next = self->reader_.next();
      if (!next.ok()) co_return std::move(next).error();
      if (!*next) break;
      std::lock_guard lock(self->m_);
      self->waiting_bytes_ += weight(**next);
      self->waiting_.frames.push_back(std::move(**next));
      full = self->waiting_bytes_ > kInboxBytes;
    }
    self->wake_.set();
    while (full) {
      auto woken = co_await self->room_.wait(Millis(60'000));
      if (!woken.ok()) co_return std::move(woken).error();
      std::lock_guard lock(self->m_);
      if (self->closed_) co_return Result<void>();
      full = self->waiting_bytes_ > kInboxBytes;
    }
    DL_CO_TRY(size_t n, co_await self->stream_->read_some(buffer.data(), buffer.size()));
    if (n == 0) co_return Result<void>();
    self->counters_->received += n;
    self->reader_.feed(BytesView(buffer).substr(0, n));
  }
}

Machine::Work LinkRun::take_work() {
  std::lock_guard lock(m_);
  waiting_bytes_ = 0;
  return std::exchange(waiting_, {});
}

Task<void> LinkRun::work_loop() {
  auto self = shared_from_this();
  auto out = std::make_shared<Frames>();
  DL_CO_OK(co_await net::run_blocking(runtime_, [self, out]() -> Result<void> {
    DL_TRY(*out, self->machine_->start());
    return {};
  }));
  DL_CO_OK(co_await write_out(std::move(*out)));
  uint64_t pings = 0;
  for (bool first = true;; first = false) {
    if (!first) {
      DL_CO_TRY(bool woken, co_await wake_.wait(kPing));
      if (!woken) DL_CO_OK(co_await write_out({format::PingFrame{++pings, false}}));
    }
    auto work = std::make_shared<Machine::Work>(take_work());
    room_.set();
    std::optional<Error> ended;
    {
      std::lock_guard lock(m_);
      if (closed_) co_return error(Code::kCancelled, "the link was closed here");
      ended = ended_;
    }
    // What came before the end is still taken.
    if (ended && work->frames.empty()) co_return std::move(*ended);
    out->clear();
    DL_CO_OK(co_await net::run_blocking(runtime_, [self, out, work]() -> Result<void> {
      DL_TRY(*out, self->machine_->work(std::move(*work)));
      return {};
    }));
    if (ended) co_return std::move(*ended);
    DL_CO_OK(co_await write_out(std::move(*out)));
  }
}

Task<void> LinkRun::write_out(Frames frames) {
  Bytes buffer;
  for (size_t i = 0; i < frames.size(); i++) {
    DL_CO_TRY(auto bytes, format::encode_frame(frames[i]));
    buffer += bytes;
    if (buffer.size() < kWriteBytes && i + 1 < frames.size()) continue;
    DL_CO_OK(co_await stream_->write_all(buffer));
    counters_->sent += buffer.size();
    buffer.clear();
  }
  co_return Result<void>();
}

}  // namespace dl::sync

#include "sync/machines.h"

namespace dl::sync {
namespace {

constexpr Millis kAskAgain{30'000};

void append(Frames& to, Frames from) {
  for (auto& frame : from) to.push_back(std::move(frame));
}

}  // namespace

Result<Frames> MetaMachine::work(Work work) {
  Frames out;
  for (const auto& frame : work.frames) {
    DL_TRY(auto more, session_.on_frame(frame));
    append(out, std::move(more));
  }
  if (work.all_changed) {
    DL_TRY(auto more, session_.on_change());
    append(out, std::move(more));
  } else {
    for (const auto& space : work.changed) {
      DL_TRY(auto more, session_.on_change(space));
      append(out, std::move(more));
    }
  }
  if (report_) report_({session_.greeted(), session_.in_step(), session_.progress()});
  return out;
}

Result<Frames> BodyMachine::work(Work work) {
  Frames out;
  for (const auto& [space, record] : work.hurried) session_.hurry(space, record);
  for (const auto& space : work.changed) session_.records_arrived(space);
  // What the other side did not have may have come to it meanwhile.
  auto now = clock_.mono();
  if (now - asked_again_ > kAskAgain) {
    asked_again_ = now;
    session_.retry_missing();
  }
  for (const auto& frame : work.frames) {
    DL_TRY(auto more, session_.on_frame(frame));
    append(out, std::move(more));
  }
  DL_TRY(auto more, session_.flush());
  append(out, std::move(more));
  return out;
}

}  // namespace dl::sync

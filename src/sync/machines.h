#pragma once

#include "sync/body_session.h"
#include "sync/link_run.h"
#include "sync/meta_session.h"

namespace dl::sync {

// What a meta session tells its owner after each piece of work.
struct MetaReport {
  bool greeted = false;
  bool in_step = false;
  std::map<BucketId, SpaceProgress> progress;
};

class MetaMachine : public Machine {
 public:
  MetaMachine(const Clock& clock, Spaces& spaces, DeviceId self, NodeId node, Peer peer, SessionEvents events,
              std::function<void(MetaReport)> report)
      : clock_(clock), session_(spaces, self, node, std::move(peer), std::move(events)), report_(std::move(report)) {}
  Result<Frames> start() override { return session_.start(clock_.wall()); }
  Result<Frames> work(Work work) override;

 private:
  const Clock& clock_;
  MetaSession session_;
  std::function<void(MetaReport)> report_;
};

class BodyMachine : public Machine {
 public:
  BodyMachine(const Clock& clock, Spaces& spaces, DeviceId self, NodeId node, Peer peer, BodyEvents events)
      : clock_(clock), session_(spaces, self, node, std::move(peer), std::move(events)) {}
  Result<Frames> start() override { return Frames{session_.hello(clock_.wall())}; }
  Result<Frames> work(Work work) override;

 private:
  const Clock& clock_;
  BodySession session_;
  MonoTime asked_again_{};
};

}  // namespace dl::sync

#pragma once

#include <vector>

#include "sync/journal_spaces.h"

// Bugs between the sessions and the journal, for the simulator to catch.
namespace dl::sim {

// Now and then a byte of a body changes behind the check of its hash, as if there were none.
class UncheckedBodies : public sync::JournalSpaces {
 public:
  UncheckedBodies(const sync::Membership& membership, const Clock& clock, sync::SealingKey sealing, Random& random)
      : JournalSpaces(membership, clock, std::move(sealing)), random_(random) {}
  Result<void> take_bodies(std::vector<sync::WholeBody> bodies) override {
    for (auto& body : bodies)
      if (!body.data.empty() && random_.below(10) == 0) body.data[0] ^= 1;
    return JournalSpaces::take_bodies(std::move(bodies));
  }

 private:
  Random& random_;
};

// Now and then a piece of history is acknowledged and not applied.
class LostHistory : public sync::JournalSpaces {
 public:
  LostHistory(const sync::Membership& membership, const Clock& clock, sync::SealingKey sealing, Random& random)
      : JournalSpaces(membership, clock, std::move(sealing)), random_(random) {}
  Result<void> take_history(const sync::Peer& peer, const BucketId& space,
                            const sync::HistoryStretch& stretch) override {
    if (random_.below(10) == 0) return {};
    return JournalSpaces::take_history(peer, space, stretch);
  }

 private:
  Random& random_;
};

}  // namespace dl::sim

#pragma once

#include <mutex>

#include "base/clock.h"
#include "journal/seal.h"
#include "sync/membership.h"
#include "sync/spaces.h"

namespace dl::sync {

// What this node seals its own journals with: its device key, outside every step.
struct SealingKey {
  DeviceId device;
  journal::SignFn sign;
};

// Spaces on the journal and its partitions. Thread-safe.
class JournalSpaces : public Spaces {
 public:
  // All outlive it.
  JournalSpaces(const Membership& membership, const Clock& clock, SealingKey sealing)
      : membership_(membership), clock_(clock), sealing_(std::move(sealing)) {}

  // Seals all that this node wrote in a space and has not sealed yet; durable when it returns.
  Result<void> seal(const BucketId& space);

  Result<std::vector<BucketId>> shared_with(const Peer& peer) override;
  Result<bool> may_receive(const Peer& peer, const BucketId& space) override;
  bool is_home(const BucketId& space) const override;
  Result<format::SpaceHello> hello(const BucketId& space) override;
  Result<RecordHash> place_hash(const BucketId& space, const NodeId& origin, uint64_t oseq) override;
  Result<format::RecordsFrame> give_records(const BucketId& space, const NodeId& origin, uint64_t from,
                                            size_t max_bytes) override;
  Result<uint64_t> take_records(const Peer& peer, const format::RecordsFrame& records) override;
  Result<std::optional<uint64_t>> settled(const Peer& peer, const BucketId& space) override;
  Result<std::optional<HistoryStretch>> give_history(const BucketId& space, const Position& from,
                                                     size_t max_bytes) override;
  Result<void> take_history(const Peer& peer, const BucketId& space, const HistoryStretch& stretch) override;
  Result<std::vector<BucketId>> owed_by(const Peer& peer) override;
  Result<std::vector<WantedBody>> wanted(const Peer& peer, const BucketId& space, size_t max) override;
  Result<std::optional<WantedBody>> find_wanted(const BucketId& space, const RecordHash& record) override;
  Result<std::optional<OpenedBody>> open_body(const Peer& peer, const BucketId& space,
                                              const RecordHash& record) override;
  Result<void> read_body(const BucketId& space, const OpenedBody& body, uint64_t offset, char* out,
                         size_t size) override;
  Result<std::optional<ArrivingBody>> find_arriving(const WantedBody& wanted) override;
  Result<void> add_chunk(const WantedBody& wanted, BytesView chunk, BytesView manifest) override;
  Result<void> drop_arriving(const WantedBody& wanted) override;
  Result<void> read_arriving(const WantedBody& wanted, const ArrivingBody& body, uint64_t offset, char* out,
                             size_t size) override;
  Result<void> finish_arriving(const WantedBody& wanted) override;
  Result<void> take_bodies(std::vector<WholeBody> bodies) override;

 private:
  Result<HeldSpace> held(const BucketId& space) const;
  Result<bool> is_shared(const Peer& peer, const BucketId& space) const;
  enum class Give : uint8_t { kNo, kYes };
  Result<void> seal_up_to(const HeldSpace& held, uint64_t oseq, Give give);
  Result<std::vector<format::Seal>> check_seals(const Peer& peer, const HeldSpace& held,
                                                const format::RecordsFrame& records) const;
  journal::Moment now() const { return {clock_.wall()}; }
  // Home: commits what became ready, a bounded number a step, until nothing is left.
  Result<void> commit_rest(const HeldSpace& held);

  const Membership& membership_;
  const Clock& clock_;
  const SealingKey sealing_;
  std::mutex sealing_one_;  // a seal is made behind the last one, by one at a time
};

}  // namespace dl::sync

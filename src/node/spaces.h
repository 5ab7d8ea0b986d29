#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "control/control.h"
#include "objects/bucket_source.h"
#include "storage/store.h"
#include "sync/membership.h"

namespace dl::node {

struct SpacesConfig {
  control::Control* control = nullptr;
  storage::Store* store = nullptr;                  // partitions `control` and `default`
  storage::Partition* objects_partition = nullptr;  // `default` as objects writes to it
  const Clock* clock = nullptr;
  NodeId self;
  DeviceId own_device;
  bool hub = true;
  std::string home_region;  // of the hub
};

// Which spaces this node holds and who exchanges them, from control state: what `objects` asks of buckets and `sync` of
// members. Thread-safe.
class NodeSpaces : public objects::BucketSource, public objects::SpaceSource, public sync::Membership {
 public:
  // Everything in config outlives it.
  explicit NodeSpaces(SpacesConfig config);

  // objects::BucketSource
  uint64_t revision() const override;
  std::optional<objects::BucketInfo> find_bucket(std::string_view name) const override;
  std::vector<objects::BucketInfo> list_buckets() const override;
  Result<objects::BucketInfo> create_bucket(const audit::Author& by, const std::string& name) override;
  Result<void> delete_bucket(const audit::Author& by, const std::string& name,
                             std::function<Result<bool>()> empty) override;
  Result<void> set_versioning(const audit::Author& by, const std::string& name,
                              journal::Versioning versioning) override;
  // objects::SpaceSource
  Result<objects::SpaceHandle> find_space(const objects::BucketInfo& bucket) override;
  // sync::Membership
  Result<std::vector<BucketId>> shared_with(const sync::Peer& peer) const override;
  Result<bool> may_receive(const sync::Peer& peer, const BucketId& space) const override;
  Result<std::vector<BucketId>> receivable_from(const sync::Peer& peer) const override;
  std::optional<sync::HeldSpace> find_space(const BucketId& space) const override;

  // Makes what is missing of spaces that control state names. Device: reads which spaces once had a complete history
  // and which unassigned ones still hold data. At start and after changes.
  Result<void> refresh();
  // Device: the home decided this node's journal of an unassigned space up to that place and holds its bodies.
  void settled(const BucketId& space, uint64_t oseq);
  // Device: deletes what is held of unassigned spaces, once all that was written here is settled, uploads in progress
  // included. Begun, it is finished, also after a restart: assigned again meanwhile, the space is followed anew.
  // Returns whether something is gone.
  Result<bool> sweep();
  // Device: the spaces this node writes in, its projection included.
  std::vector<BucketId> written() const;
  // Hub: what lost and retired devices left that waits for a body is held. At start and after changes; returns whether
  // something was.
  Result<bool> hold_lost();
  // Control state is opened after the store and before anything asks. Once, before the node serves.
  void set_control(control::Control* control) { config_.control = control; }

 private:
  objects::BucketInfo info_of(const format::BucketRow& row) const;
  const journal::Space& intern(const BucketId& id, const Bytes& id_key) const;
  bool is_ready(const BucketId& id) const;
  Result<void> make_space(const format::BucketRow& row);
  Result<void> end_deletions(const control::State& state);
  Result<bool> begin_drop(const BucketId& id);
  Result<void> finish_drop(const BucketId& id);
  Result<bool> hold_waiting(const format::BucketRow& bucket, const NodeId& origin);

  SpacesConfig config_;
  std::mutex refreshing_;  // one reads the held spaces, or begins to drop one
  mutable std::mutex m_;
  mutable std::map<BucketId, std::unique_ptr<journal::Space>> spaces_;  // never shrinks: handles point into it
  std::set<BucketId> ready_;                                            // device: a complete history was here
  std::set<BucketId> leaving_;                                          // device: unassigned, still held
  std::set<BucketId> dropping_;                                         // device: being deleted, nobody sees it
  std::map<BucketId, uint64_t> settled_;                                // device: as the home told since the start
  std::set<DeviceId> held_back_;                                        // hub: lost devices that are done
};

}  // namespace dl::node

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/thread.h"
#include "control/control.h"
#include "journal/space.h"
#include "storage/partition.h"

namespace dl::fleet {

inline constexpr uint32_t kDefaultLeaseDays = 400;
inline constexpr uint32_t kMaxLeaseDays = 480;  // with the days back, 32 bytes a day fit the 16 KiB of a row
// Days before today that a device gets keys of, too: a presigned URL is signed with the key of the day it was made on
// and lives up to 7 days; one more, as a device's clock may lag the hub's over midnight.
inline constexpr uint32_t kDaysBack = 8;

// What a projection is made from, besides control state.
struct ProjectionFacts {
  std::string hub_name;
  uint32_t today = 0;  // days since 1970-01-01
  uint32_t lease_days = kDefaultLeaseDays;
  std::function<Result<std::string>(const std::string& access_key_id)> secret_of;
  // May this user's policies allow anything in this bucket? Over-estimating shows a name too many, never a right.
  std::function<bool(const format::UserRow&, const std::string& bucket)> touches;
};

// Row key -> value: exactly what `device` may know: itself, its buckets, the users with rights there and their day keys
// for its own region, its workloads. Pure. Errors: of secret_of.
Result<std::map<Bytes, Bytes>> desired_projection(const control::State& state, const format::DeviceRow& device,
                                                  const ProjectionFacts& facts);

// The projection space of a device, as the hub (home) or the device itself sees it.
journal::Space projection_space(const format::DeviceRow& device, const NodeId& self, bool home,
                                const storage::BlobStore* blobs);

struct ProjectorConfig {
  control::Control* control = nullptr;
  storage::Partition* partition = nullptr;  // `control`
  const storage::BlobStore* blobs = nullptr;
  const Clock* clock = nullptr;
  NodeId self;
  std::function<ProjectionFacts()> facts;
  std::function<void(const BucketId& space)> changed;  // after rows became durable; may be empty
};

// The hub's service that keeps every projection equal to what it should be: after each change of control state (poke),
// at start and every hour (leases). Owned by node; one thread; a failed round is logged and tried again with the next.
class Projector {
 public:
  explicit Projector(ProjectorConfig config);
  ~Projector();
  void start();
  void stop();
  void poke();
  // One round over all devices, on the calling thread.
  Result<void> run_once();

 private:
  Result<void> update(const control::State& state, const format::DeviceRow& device, const ProjectionFacts& facts);
  ProjectorConfig config_;
  std::mutex round_;
  StopSignal signal_;
  Thread thread_;
};

}  // namespace dl::fleet

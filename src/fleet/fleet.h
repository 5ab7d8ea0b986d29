#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "control/control.h"
#include "fleet/refusal_bound.h"
#include "format/enroll.h"

namespace dl::fleet {

inline constexpr uint32_t kMaxCodeTries = 5;
inline constexpr Millis kDefaultInviteLife = std::chrono::hours(24);

struct FleetConfig {
  control::Control* control = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  std::string hub_name;
  std::string hub_region;
  DeviceId hub_id;
  std::string hub_ca_pem;
  Sha256 hub_ca_sha256;
  // Link certificate for a device's public key (SubjectPublicKeyInfo, DER): URI name demilune:<hub>/<device>.
  std::function<Result<Bytes>(BytesView public_key, const std::string& device)> issue_certificate;
  // audit::Queue::submit, for refused enrolments that change nothing. Errors: kBusy (full).
  std::function<Result<void>(Bytes record)> record;
};

// Who is at the other end of a link, proven by its certificate and the member list.
struct Member {
  DeviceId id;
  std::string name;
  format::DeviceState state = format::DeviceState::kEnrolled;
};

// The hub's devices: invitations, enrolment, assignment, states. Thread-safe; changes block on the disk. What a device
// then hears of itself is its projection (projection.h).
class Fleet {
 public:
  explicit Fleet(FleetConfig config);

  // A single-use code for a new device of that name. Inviting an invited name again replaces its code; an enrolled name
  // is kExists. Errors: kInvalid (name), kExists.
  Result<std::string> invite(const audit::Author& by, const std::string& name, Millis life,
                             const std::string& hub_address);
  // Spends the code and issues the certificate in one commit. The same key with the same code gets its certificate
  // again. Errors: kDenied (wrong, used, expired, too many tries, no such device: the audit log says which one, the
  // answer does not), kBusy (the refusal cannot be recorded).
  Result<format::EnrollAnswer> enroll(const format::EnrollRequest& request, BytesView public_key);

  // `assign` also before the device enrols or the bucket exists. Errors: kNotFound (device), kInvalid (bucket name),
  // kLimit.
  Result<void> assign(const audit::Author& by, const std::string& device, const std::string& bucket);
  Result<void> unassign(const audit::Author& by, const std::string& device, const std::string& bucket);
  // suspend/resume (kSuspended/kEnrolled), kLost (its later records are held), kRetired. Errors: kNotFound, kConflict
  // (from lost or retired there is no way back in this version).
  Result<void> set_state(const audit::Author& by, const std::string& device, format::DeviceState state);

  // By the public key of the peer's certificate. Errors: kForeign (of another hub, or unknown), kDenied (suspended,
  // lost, retired: with the reason).
  Result<Member> find_member(BytesView public_key) const;
  std::vector<format::DeviceRow> list() const;
  Result<format::DeviceRow> get(const std::string& name) const;

 private:
  Error refuse_enrolment(audit::Author by, const std::string& kind, const std::string& why);
  FleetConfig config_;
  RefusalBound refusals_;
};

}  // namespace dl::fleet

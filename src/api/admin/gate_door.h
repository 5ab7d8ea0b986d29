#pragma once

#include "api/admin/context.h"
#include "gate/gate.h"

namespace dl::api::admin {

// The gate behind this room's Door. A signature is of service `demilune`, in the header (no presigned requests), and
// covers the body's hash; UNSIGNED-PAYLOAD is taken inside TLS only. `gate` outlives it. Thread-safe.
class GateDoor : public Door {
 public:
  explicit GateDoor(gate::Gate* gate) : gate_(gate) {}
  Result<Caller> authenticate(const net::HttpRequest& request, std::optional<BytesView> body,
                              const std::string& request_id) override;
  Result<Admission> admit(const Caller& caller, const Need& need) override;

 private:
  gate::Gate* gate_;
};

}  // namespace dl::api::admin

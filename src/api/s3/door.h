#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "access/sigv4.h"
#include "base/result.h"
#include "gate/permit.h"
#include "net/http.h"

namespace dl::api::s3 {

// One authenticated request at the gate.
class Door {
 public:
  virtual ~Door() = default;
  // The decision on one action of this request. Errors: access/refusal.h (kPolicy and others).
  virtual Result<gate::Permit> decide(std::string_view action, std::string_view bucket, BytesView key) = 0;
  // How the request was signed; nullptr on the local socket.
  virtual const access::Verified* verified() const = 0;
};

}  // namespace dl::api::s3

#pragma once

#include "control/control.h"
#include "gate/facts.h"

namespace dl::node {

// The gate's facts from control state: users and keys at the hub, users and day keys at a device. Thread-safe.
class ControlPrincipals : public gate::Principals {
 public:
  // control outlives it.
  explicit ControlPrincipals(const control::Control& control) : control_(control) {}
  std::shared_ptr<const gate::Facts> facts() const override;

 private:
  const control::Control& control_;
};

}  // namespace dl::node

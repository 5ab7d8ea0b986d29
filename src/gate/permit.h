#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "audit/author.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace dl::gate {

// Sees to it that a permit's audit record is written even when no step takes it: destroyed untaken, it is recorded as
// failed. Made by Gate.
class AuditTicket {
 public:
  virtual ~AuditTicket() = default;
  virtual void take() = 0;
};

// Proof that the gate decided. Move-only, made only by Gate; every function of `objects` that reads or writes takes one
// and checks that it is for that operation and resource, so that a path without a decision does not compile.
class Permit {
 public:
  Permit(Permit&&) noexcept = default;
  Permit& operator=(Permit&&) noexcept = default;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  const std::string& principal() const { return principal_; }  // "user/alice", "node-admin/field-01", "sync/<device>"
  const std::string& action() const { return action_; }        // "s3:PutObject"
  const std::string& bucket() const { return bucket_; }        // name; empty for account-wide actions
  const Bytes& key() const { return key_; }                    // empty for bucket actions
  uint64_t control_revision() const { return control_revision_; }  // of the facts it rests on; the step compares
  uint64_t policy_revision() const { return policy_revision_; }
  // The encoded audit record, for the mutation's step: whoever asks for it appends it there, last, after the step's
  // conditions held. Empty when the gate has recorded the decision itself (reads, and what is no step).
  const Bytes& audit() const {
    if (ticket_) ticket_->take();
    return audit_;
  }
  // The same for steps of control state, which say themselves when they are durable. The permit outlives it.
  audit::Author author() const {
    return {principal_, audit_, [ticket = ticket_.get()] {
              if (ticket) ticket->take();
            }};
  }

 private:
  friend class Gate;
  Permit() = default;
  std::string principal_, action_, bucket_;
  Bytes key_, audit_;
  uint64_t control_revision_ = 0, policy_revision_ = 0;
  // For deciding again.
  std::string resource_, access_key_, source_, request_id_;
  std::unique_ptr<AuditTicket> ticket_;
};

}  // namespace dl::gate

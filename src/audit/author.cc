#include "audit/author.h"

#include "audit/log.h"
#include "base/assert.h"
#include "format/audit.h"

namespace dl::audit {
namespace {

// What was encoded here comes back, and encodes again: only outcome and reason move, within their bounds.
Bytes with_outcome(const Bytes& record, format::AuditDecision decision, format::AuditOutcome outcome,
                   const std::string& reason) {
  if (record.empty()) return {};
  auto r = format::decode_audit(record);
  DL_ASSERT(r.ok(), "a record that this program encoded");
  r->decision = decision;
  r->outcome = outcome;
  r->reason = format::audit_text(reason, 512);
  auto bytes = format::encode_audit(*r);
  DL_ASSERT(bytes.ok(), "a record that was encoded before");
  return std::move(*bytes);
}

}  // namespace

Author Author::of_node(const NodeId& node, WallTime now, std::string principal, std::string action,
                       std::string resource) {
  format::AuditRecord r;
  r.time = now;
  r.node = node;
  r.principal = format::audit_text(principal, 256);
  r.action = std::move(action);
  r.resource = format::audit_text(resource);
  r.decision = format::AuditDecision::kAllowed;
  r.outcome = format::AuditOutcome::kDone;
  r.reason = "node";
  auto bytes = format::encode_audit(r);
  DL_ASSERT(bytes.ok(), "audit texts are bounded");
  return {std::move(principal), std::move(*bytes)};
}

Result<void> Author::append_to(storage::Batch& batch) const {
  if (record_.empty()) return {};
  DL_TRY(uint64_t index, append(batch, record_));
  (void)index;
  return {};
}

void Author::written() const {
  if (written_) written_();
}

void Author::deny(const std::string& reason) {
  record_ = with_outcome(record_, format::AuditDecision::kDenied, format::AuditOutcome::kRefused, reason);
}

Author Author::taken_back(const std::string& reason) const {
  return {principal_, with_outcome(record_, format::AuditDecision::kAllowed, format::AuditOutcome::kFailed, reason)};
}

}  // namespace dl::audit

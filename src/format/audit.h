#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

// The audit record and its codec (proto/audit.proto).
namespace dl::format {

inline constexpr size_t kMaxAuditBytes = 16 * 1024;

enum class AuditDecision : uint8_t { kAllowed = 1, kDenied = 2 };
enum class AuditOutcome : uint8_t { kDone = 1, kAdmitted = 2, kRefused = 3, kFailed = 4 };

struct AuditRecord {
  WallTime time;
  NodeId node;
  std::string principal;   // empty: not proven
  std::string access_key;  // as claimed
  std::string action;
  std::string resource;  // audit_text() of what the request named
  AuditDecision decision = AuditDecision::kDenied;
  std::string reason;
  std::string source;
  std::string request_id;
  AuditOutcome outcome = AuditOutcome::kRefused;
  uint64_t control_revision = 0;
  uint64_t policy_revision = 0;
  std::string detail;
  bool operator==(const AuditRecord&) const = default;
};

// Errors: kTooLarge over kMaxAuditBytes, kInvalid when a text is not UTF-8.
Result<Bytes> encode_audit(const AuditRecord& record);
// Errors: kCorrupt; kUnsupported for a format that this program does not know.
Result<AuditRecord> decode_audit(BytesView bytes);

// Any bytes as text for a record: controls, '%' and what is not UTF-8 stand as %XX; cut to `limit` bytes of output with
// "..." at its end.
std::string audit_text(BytesView raw, size_t limit = 4 * 1024);

}  // namespace dl::format

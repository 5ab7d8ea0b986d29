#include "format/audit.h"

#include <algorithm>

#include "audit.pb.h"

namespace dl::format {
namespace {

constexpr uint32_t kFormat = 1;

// Length of the well-formed UTF-8 character at the start (RFC 3629: no overlong form, no surrogate), 0 when there is
// none.
size_t utf8_length(BytesView s) {
  auto at = [&](size_t i) { return i < s.size() ? static_cast<uint8_t>(s[i]) : uint8_t{0}; };
  uint8_t a = at(0), b = at(1);
  auto more = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  if (a < 0x80) return s.empty() ? 0 : 1;
  if (a >= 0xC2 && a <= 0xDF) return more(1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    bool ok = more(1) && more(2) && !(a == 0xE0 && b < 0xA0) && !(a == 0xED && b > 0x9F);
    return ok ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    bool ok = more(1) && more(2) && more(3) && !(a == 0xF0 && b < 0x90) && !(a == 0xF4 && b > 0x8F);
    return ok ? 4 : 0;
  }
  return 0;
}

bool is_utf8(BytesView s) {
  while (!s.empty()) {
    size_t n = utf8_length(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

void append_percent(std::string& out, uint8_t c) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  out.push_back('%');
  out.push_back(kDigits[c >> 4]);
  out.push_back(kDigits[c & 15]);
}

bool decision_known(int v) { return v == 1 || v == 2; }
bool outcome_known(int v) { return v >= 1 && v <= 4; }

}  // namespace

Result<Bytes> encode_audit(const AuditRecord& r) {
  for (const std::string* text :
       {&r.principal, &r.access_key, &r.action, &r.resource, &r.reason, &r.source, &r.request_id, &r.detail})
    if (!is_utf8(*text)) return error(Code::kInvalid, "a text of the audit record is not UTF-8");
  demilune::v1::AuditRecord m;
  m.set_format(kFormat);
  m.set_time_millis(static_cast<uint64_t>(r.time.time_since_epoch().count()));
  m.set_node(r.node.bytes());
  m.set_principal(r.principal);
  m.set_access_key(r.access_key);
  m.set_action(r.action);
  m.set_resource(r.resource);
  m.set_decision(static_cast<demilune::v1::AuditDecision>(r.decision));
  m.set_reason(r.reason);
  m.set_source(r.source);
  m.set_request_id(r.request_id);
  m.set_outcome(static_cast<demilune::v1::AuditOutcome>(r.outcome));
  m.set_control_revision(r.control_revision);
  m.set_policy_revision(r.policy_revision);
  m.set_detail(r.detail);
  Bytes out;
  m.SerializeToString(&out);
  if (out.size() > kMaxAuditBytes) return error(Code::kTooLarge, "the audit record is over 16 KiB");
  return out;
}

Result<AuditRecord> decode_audit(BytesView bytes) {
  demilune::v1::AuditRecord m;
  if (bytes.size() > kMaxAuditBytes || !m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return error(Code::kCorrupt, "bytes that are no audit record");
  if (m.format() != kFormat)
    return error(Code::kUnsupported, "audit record of format " + std::to_string(m.format()) + "; this program knows 1",
                 "read it with a newer demilune");
  auto node = NodeId::from_bytes(m.node());
  if (!node.ok() || !decision_known(m.decision()) || !outcome_known(m.outcome()))
    return error(Code::kCorrupt, "an audit record without node, decision or outcome");
  AuditRecord r;
  r.time = WallTime(Millis(static_cast<int64_t>(m.time_millis())));
  r.node = *node;
  r.principal = m.principal();
  r.access_key = m.access_key();
  r.action = m.action();
  r.resource = m.resource();
  r.decision = static_cast<AuditDecision>(m.decision());
  r.reason = m.reason();
  r.source = m.source();
  r.request_id = m.request_id();
  r.outcome = static_cast<AuditOutcome>(m.outcome());
  r.control_revision = m.control_revision();
  r.policy_revision = m.policy_revision();
  r.detail = m.detail();
  return r;
}

std::string audit_text(BytesView raw, size_t limit) {
  std::string out;
  while (!raw.empty()) {
    if (out.size() > limit) break;
    size_t n = utf8_length(raw);
    auto first = static_cast<uint8_t>(raw[0]);
    if (n == 0 || first < 0x20 || first == 0x7f || first == '%') {
      append_percent(out, first);
      raw.remove_prefix(1);
      continue;
    }
    out.append(raw.substr(0, n));
    raw.remove_prefix(n);
  }
  if (raw.empty() && out.size() <= limit) return out;
  size_t cut = std::min(out.size(), limit > 3 ? limit - 3 : 0);
  while (cut > 0 && (static_cast<uint8_t>(out[cut]) & 0xC0) == 0x80) cut--;  // not inside a character
  out.resize(cut);
  return out + "...";
}

}  // namespace dl::format

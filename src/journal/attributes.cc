#include "journal/attributes.h"

#include <algorithm>

namespace dl::journal {
namespace {

using format::FieldState;
using format::Retention;

template <class T>
bool yields(const T&, const T&) {
  return true;
}
bool yields(const Retention& old, const Retention& next) {
  return !old.compliance || next.until_millis >= old.until_millis;
}

template <class T>
Result<void> apply_field(FieldState<T>& field, const format::Attribute<T>& set, const RecordHash& by, Hlc hlc,
                         const OpenFn& open, const Rules& rules) {
  std::erase_if(field.setters, [&](const auto& s) { return s.by == by; });
  if (!rules.on(Rule::kAttributesBySeen)) field.setters.clear();
  for (const auto& seen : set.seen) {
    auto at = std::find_if(field.setters.begin(), field.setters.end(), [&](const auto& s) { return s.by == seen; });
    if (at != field.setters.end()) {
      if (yields(at->value, set.value)) field.setters.erase(at);
      continue;
    }
    DL_TRY(bool may_arrive, open(seen));
    if (may_arrive && std::find(field.dropped.begin(), field.dropped.end(), seen) == field.dropped.end())
      field.dropped.push_back(seen);
  }
  if (std::erase(field.dropped, by) > 0) return {};
  if (!rules.on(Rule::kAttributesMerge) && !field.setters.empty()) return {};
  field.setters.push_back({by, hlc, set.value});
  return {};
}

}  // namespace

Result<void> apply_attributes(format::AttributeState& state, const format::AttributeFields& fields,
                              const RecordHash& by, Hlc hlc, const OpenFn& open, const Rules& rules) {
  if (fields.tags) DL_OK(apply_field(state.tags, *fields.tags, by, hlc, open, rules));
  if (fields.retention) DL_OK(apply_field(state.retention, *fields.retention, by, hlc, open, rules));
  if (fields.hold) DL_OK(apply_field(state.hold, *fields.hold, by, hlc, open, rules));
  if (fields.acl) DL_OK(apply_field(state.acl, *fields.acl, by, hlc, open, rules));
  return {};
}

Merged merge(const format::AttributeState& state) {
  Merged out;
  const format::Setter<std::vector<format::Header>>* newest = nullptr;
  for (const auto& s : state.tags.setters)
    if (!newest || std::pair(s.hlc, s.by) > std::pair(newest->hlc, newest->by)) newest = &s;
  if (newest) out.tags = newest->value;
  for (const auto& s : state.retention.setters) {
    if (!out.retention) out.retention.emplace();
    out.retention->until_millis = std::max(out.retention->until_millis, s.value.until_millis);
    out.retention->compliance |= s.value.compliance;
  }
  for (const auto& s : state.hold.setters) out.hold |= s.value;
  for (const auto& s : state.acl.setters) out.acls.push_back(s.value);
  std::sort(out.acls.begin(), out.acls.end());
  out.acls.erase(std::unique(out.acls.begin(), out.acls.end()), out.acls.end());
  return out;
}

bool is_locked(const format::AttributeState& state, WallTime now, bool bypass_governance) {
  auto in_force = [&](const Retention& r) {
    return Millis(r.until_millis) > now.time_since_epoch() && (r.compliance || !bypass_governance);
  };
  for (const auto& s : state.hold.setters)
    if (s.value) return true;
  for (const auto& s : state.retention.setters)
    if (in_force(s.value)) return true;
  return false;
}

}  // namespace dl::journal

#pragma once

#include <functional>

#include "base/clock.h"
#include "format/rows.h"
#include "journal/rules.h"

// Tags, retention, hold and ACL of a version: per field, what the setters left that no later setter had seen.
namespace dl::journal {

// Whether a setter may still arrive: unknown, undecided or held.
using OpenFn = std::function<Result<bool>(const RecordHash&)>;

// Applies what record `by` sets. Setters that it had seen are dropped, also those that arrive later; a compliance
// retention is dropped only by a longer one.
Result<void> apply_attributes(format::AttributeState& state, const format::AttributeFields& fields,
                              const RecordHash& by, Hlc hlc, const OpenFn& open, const Rules& rules);

// What a field shows: the merge of its setters. Tags: the highest stamp; retention: the longest, compliance if any is;
// hold: on if any is.
struct Merged {
  std::optional<std::vector<format::Header>> tags;
  std::optional<format::Retention> retention;
  bool hold = false;
  std::vector<Bytes> acls;  // allowed only what each of them allows
};
Merged merge(const format::AttributeState& state);

// Whether nothing may end the version now. Governance retention yields to `bypass`, compliance and hold never.
bool is_locked(const format::AttributeState& state, WallTime now, bool bypass_governance);

// The setters that a writer who is shown this state has seen, per field.
template <class T>
std::vector<RecordHash> setters_of(const format::FieldState<T>& field) {
  std::vector<RecordHash> out;
  for (const auto& s : field.setters) out.push_back(s.by);
  return out;
}

}  // namespace dl::journal

#include <algorithm>

#include "format/proto_util.h"
#include "format/record_proto.h"
#include "format/rows.h"
#include "format/state_proto.h"

namespace dl::format {

namespace pb = demilune::v1;

namespace {

void put_value(const std::vector<Header>& v, pb::Setter* out) { put_tags(v, out->mutable_tags()->mutable_tags()); }
void put_value(const Retention& v, pb::Setter* out) {
  out->mutable_retention()->set_until_millis(v.until_millis);
  out->mutable_retention()->set_compliance(v.compliance);
}
void put_value(bool v, pb::Setter* out) { out->set_hold(v); }
void put_value(const Bytes& v, pb::Setter* out) { out->set_acl(v); }

bool get_value(const pb::Setter& in, std::vector<Header>& v) {
  v = get_tags(in.tags().tags());
  return in.has_tags();
}
bool get_value(const pb::Setter& in, Retention& v) {
  v = {in.retention().until_millis(), in.retention().compliance()};
  return in.has_retention();
}
bool get_value(const pb::Setter& in, bool& v) {
  v = in.hold();
  return in.has_hold();
}
bool get_value(const pb::Setter& in, Bytes& v) {
  v = in.acl();
  return in.has_acl();
}

template <class T>
void put_field(const FieldState<T>& in, pb::FieldState* out) {
  for (const auto& s : in.setters) {
    auto* to = out->add_setters();
    to->set_by(s.by.bytes());
    to->set_hlc(s.hlc.packed);
    put_value(s.value, to);
  }
  put_ids(in.dropped, out->mutable_dropped());
}

template <class T>
Result<FieldState<T>> get_field(const pb::FieldState& in) {
  FieldState<T> out;
  for (const auto& s : in.setters()) {
    Setter<T> setter;
    DL_TRY(setter.by, get_id<RecordHash>(s.by(), "setter"));
    setter.hlc = {s.hlc()};
    if (!get_value(s, setter.value)) return corrupt("a setter has no value of its field");
    out.setters.push_back(std::move(setter));
  }
  DL_TRY(out.dropped, get_ids<RecordHash>(in.dropped(), "dropped setter"));
  return out;
}

}  // namespace

void put_attribute_state(const AttributeState& in, pb::AttributeState* out) {
  if (!in.tags.empty()) put_field(in.tags, out->mutable_tags());
  if (!in.retention.empty()) put_field(in.retention, out->mutable_retention());
  if (!in.hold.empty()) put_field(in.hold, out->mutable_hold());
  if (!in.acl.empty()) put_field(in.acl, out->mutable_acl());
}

Result<AttributeState> get_attribute_state(const pb::AttributeState& in) {
  AttributeState out;
  DL_TRY(out.tags, get_field<std::vector<Header>>(in.tags()));
  DL_TRY(out.retention, get_field<Retention>(in.retention()));
  DL_TRY(out.hold, get_field<bool>(in.hold()));
  DL_TRY(out.acl, get_field<Bytes>(in.acl()));
  return out;
}

void put_key_state(const KeyState& in, pb::KeyState* out) {
  if (in.current) out->set_current(in.current->bytes());
  put_ids(in.conflicts, out->mutable_conflicts());
  put_ids(in.awaited, out->mutable_awaited());
  for (const auto& w : in.waiting) {
    auto* to = out->add_waiting();
    to->set_target(w.target.bytes());
    put_attribute_state(w.attributes, to->mutable_attributes());
  }
  out->set_csn(in.csn);
}

Result<KeyState> get_key_state(const pb::KeyState& in) {
  KeyState out;
  if (!in.current().empty()) {
    DL_TRY(out.current, get_id<RecordHash>(in.current(), "current"));
  }
  DL_TRY(out.conflicts, get_ids<RecordHash>(in.conflicts(), "conflict"));
  DL_TRY(out.awaited, get_ids<RecordHash>(in.awaited(), "awaited"));
  for (const auto& w : in.waiting()) {
    KeyState::Waiting waiting;
    DL_TRY(waiting.target, get_id<RecordHash>(w.target(), "target"));
    DL_TRY(waiting.attributes, get_attribute_state(w.attributes()));
    out.waiting.push_back(std::move(waiting));
  }
  out.csn = in.csn();
  return out;
}

void put_decided(const DecidedSet& in, pb::DecidedSet* out) {
  out->set_prefix(in.prefix);
  for (const auto& i : in.intervals) {
    auto* to = out->add_intervals();
    to->set_from(i.from);
    to->set_to(i.to);
  }
}

Result<DecidedSet> get_decided(const pb::DecidedSet& in) {
  DecidedSet out;
  out.prefix = in.prefix();
  uint64_t last = in.prefix();
  for (const auto& i : in.intervals()) {
    if (i.from() <= last || i.from() - last < 2 || i.to() < i.from()) return corrupt("decided set out of order");
    out.intervals.push_back({i.from(), i.to()});
    last = i.to();
  }
  return out;
}

bool DecidedSet::contains(uint64_t oseq) const {
  if (oseq <= prefix) return oseq > 0;
  auto above = std::upper_bound(intervals.begin(), intervals.end(), oseq,
                                [](uint64_t v, const Interval& i) { return v < i.from; });
  return above != intervals.begin() && oseq <= std::prev(above)->to;
}

void DecidedSet::add(uint64_t from, uint64_t to) {
  if (from == 0 || to < from || to <= prefix) return;
  auto first = std::lower_bound(intervals.begin(), intervals.end(), from,
                                [](const Interval& i, uint64_t v) { return i.to + 1 < v; });
  auto last = first;
  while (last != intervals.end() && last->from <= to + 1) {
    from = std::min(from, last->from);
    to = std::max(to, last->to);
    ++last;
  }
  auto at = intervals.erase(first, last);
  if (from <= prefix + 1) {
    prefix = to;
  } else {
    intervals.insert(at, {from, to});
  }
}

void DecidedSet::add(const DecidedSet& other) {
  add(1, other.prefix);
  for (const auto& i : other.intervals) add(i.from, i.to);
}

}  // namespace dl::format

#include "journal/decide.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "journal/attributes.h"

namespace dl::journal {
namespace {

using format::KeyState;
using format::Record;
using format::RecordKind;
using HashSet = std::unordered_set<RecordHash>;

bool remove(std::vector<RecordHash>& from, const RecordHash& hash) { return std::erase(from, hash) > 0; }
void insert(std::vector<RecordHash>& to, const RecordHash& hash) {
  if (std::find(to.begin(), to.end(), hash) == to.end()) to.push_back(hash);
}
auto find_waiting(KeyState& state, const RecordHash& target) {
  return std::find_if(state.waiting.begin(), state.waiting.end(), [&](const auto& w) { return w.target == target; });
}

// The winner of a true conflict: object before marker, then stamp, then origin.
auto rank(const RowFacts& r) { return std::tuple(r.kind == RecordKind::kObject, r.hlc, r.origin, r.hash); }

// The record whose turn it is, with everything that the rules need at hand.
class Turn {
 public:
  Turn(KeyState& state, const RecordHash& hash, const Record& record, KeyRows& rows, const Rules& rules)
      : state_(state), hash_(hash), record_(record), rows_(rows), rules_(rules) {}

  Result<Decision> purge();
  Result<Decision> attributes();
  Result<Decision> version();

 private:
  Result<void> find_ancestors();
  Result<bool> locked(const RecordHash& hash);
  Result<void> end_named(const std::vector<RecordHash>& named);
  Result<void> add();
  Result<void> enter_conflict();
  Result<void> fall_back();
  Result<void> await_ancestors();

  KeyState& state_;
  const RecordHash& hash_;
  const Record& record_;
  KeyRows& rows_;
  const Rules& rules_;
  HashSet ancestors_;
  Decision out_;
};

// Follows parents; stops at a live row; goes through everything else that is known.
Result<void> Turn::find_ancestors() {
  std::vector<RecordHash> todo = record_.parents;
  while (!todo.empty() && ancestors_.size() < kMaxWalk) {
    RecordHash p = todo.back();
    todo.pop_back();
    if (!ancestors_.insert(p).second) continue;
    if (!rules_.on(Rule::kWalk)) continue;
    DL_TRY(auto row, rows_.find_row(p));
    if (row) continue;
    DL_TRY(auto parents, rows_.parents_of(p));
    todo.insert(todo.end(), parents.begin(), parents.end());
  }
  return {};
}

Result<bool> Turn::locked(const RecordHash& hash) {
  if (!rules_.on(Rule::kLock)) return false;
  DL_TRY(auto row, rows_.find_row(hash));
  if (row) {
    DL_TRY(auto attributes, rows_.attributes_of(hash));
    return is_locked(attributes, rows_.now(), record_.bypass_governance);
  }
  auto waiting = find_waiting(state_, hash);
  return waiting != state_.waiting.end() && is_locked(waiting->attributes, rows_.now(), record_.bypass_governance);
}

Result<void> Turn::end_named(const std::vector<RecordHash>& named) {
  for (const auto& hash : named) {
    if (hash == hash_) continue;
    DL_TRY(bool is_kept, locked(hash));
    if (is_kept) continue;
    DL_TRY(auto row, rows_.find_row(hash));
    if (!row && !rules_.on(Rule::kDeadOnArrival)) continue;
    remove(state_.conflicts, hash);
    remove(state_.awaited, hash);
    std::erase_if(state_.waiting, [&](const auto& w) { return w.target == hash; });
    if (!row) {
      DL_TRY(bool gone, rows_.is_gone(hash));
      if (gone) continue;
    }
    DL_OK(rows_.end_row(hash));
    out_.touched.push_back(hash);
  }
  return {};
}

// The version becomes a row, with the attributes that waited for it.
Result<void> Turn::add() {
  DL_OK(rows_.add_row(hash_, record_));
  format::AttributeState attributes;
  if (auto waiting = find_waiting(state_, hash_); waiting != state_.waiting.end()) {
    attributes = std::move(waiting->attributes);
    state_.waiting.erase(waiting);
  }
  DL_OK(apply_attributes(
      attributes, record_.attributes, hash_, record_.hlc, [this](const RecordHash& h) { return rows_.is_open(h); },
      rules_));
  if (!attributes.empty()) DL_OK(rows_.set_attributes(hash_, std::move(attributes)));
  out_.touched.push_back(hash_);
  return {};
}

Result<void> Turn::enter_conflict() {
  std::optional<RowFacts> current;
  if (state_.current) {
    DL_TRY(current, rows_.find_row(*state_.current));
  }
  if (!current) {
    state_.current = hash_;
    return {};
  }
  bool wins = rank({hash_, record_.kind, record_.hlc, record_.origin}) > rank(*current);
  if (record_.guard && current->kind == RecordKind::kObject && rules_.on(Rule::kGuard)) wins = false;
  RecordHash loser = wins ? current->hash : hash_;
  if (wins) state_.current = hash_;
  if (rules_.on(Rule::kKeepLoser)) {
    insert(state_.conflicts, loser);
  } else {
    DL_OK(rows_.end_row(loser));
    out_.touched.push_back(loser);
  }
  return {};
}

Result<void> Turn::fall_back() {
  if (!state_.current) return {};
  DL_TRY(auto current, rows_.find_row(*state_.current));
  if (!current) {
    state_.current.reset();
    if (rules_.on(Rule::kHighestLeft)) {
      DL_TRY(auto highest, rows_.highest_row());
      if (highest) state_.current = highest->hash;
    }
  }
  if (state_.current) remove(state_.conflicts, *state_.current);
  return {};
}

Result<void> Turn::await_ancestors() {
  for (const auto& a : ancestors_) {
    DL_TRY(auto row, rows_.find_row(a));
    if (row) continue;
    DL_TRY(bool open, rows_.is_open(a));
    if (open) insert(state_.awaited, a);
  }
  std::sort(state_.awaited.begin(), state_.awaited.end());
  std::sort(state_.conflicts.begin(), state_.conflicts.end());
  return {};
}

Result<Decision> Turn::purge() {
  DL_TRY(bool refused, locked(*record_.target));
  if (refused) {
    out_.refused = true;
    return std::move(out_);
  }
  DL_OK(end_named({*record_.target}));
  if (rules_.on(Rule::kDeepPurge)) DL_OK(end_named(record_.ends));
  DL_OK(fall_back());
  return std::move(out_);
}

Result<Decision> Turn::attributes() {
  const RecordHash& target = *record_.target;
  auto open = [this](const RecordHash& h) { return rows_.is_open(h); };
  DL_TRY(auto row, rows_.find_row(target));
  if (row) {
    DL_TRY(auto attributes, rows_.attributes_of(target));
    DL_OK(apply_attributes(attributes, record_.attributes, hash_, record_.hlc, open, rules_));
    DL_OK(rows_.set_attributes(target, std::move(attributes)));
    out_.touched.push_back(target);
    return std::move(out_);
  }
  DL_TRY(bool gone, rows_.is_gone(target));
  if (gone || !rules_.on(Rule::kAttributesWait)) return std::move(out_);
  auto waiting = find_waiting(state_, target);
  if (waiting == state_.waiting.end()) waiting = state_.waiting.insert(waiting, {target, {}});
  DL_OK(apply_attributes(waiting->attributes, record_.attributes, hash_, record_.hlc, open, rules_));
  out_.touched.push_back(target);
  return std::move(out_);
}

// Object or marker: (a) to (f) of the data model.
Result<Decision> Turn::version() {
  DL_OK(find_ancestors());
  if (rules_.on(Rule::kAncestorsLeave))
    std::erase_if(state_.conflicts, [this](const RecordHash& c) { return ancestors_.contains(c); });
  bool late = remove(state_.awaited, hash_);
  std::optional<RowFacts> current;
  if (state_.current) {
    DL_TRY(current, rows_.find_row(*state_.current));
  }
  bool follows = !current || ancestors_.contains(current->hash) ||
                 std::find(record_.ends.begin(), record_.ends.end(), current->hash) != record_.ends.end();
  if (late && !rules_.on(Rule::kCurrentFirst)) follows = false;
  DL_OK(add());
  const std::vector<RecordHash> none;
  const auto& ends = rules_.on(Rule::kEnds) ? record_.ends : none;
  if (follows) state_.current = hash_;
  DL_OK(end_named(ends));
  if (!follows && !(late && rules_.on(Rule::kAwaited))) DL_OK(enter_conflict());
  DL_OK(fall_back());
  DL_OK(await_ancestors());
  if (late && !state_.conflicts.empty() && rules_.on(Rule::kSettleHeads)) DL_OK(settle_heads(state_, rows_));
  return std::move(out_);
}

// All ancestors that can be reached, past live rows too.
Result<HashSet> all_ancestors(const RecordHash& hash, KeyRows& rows) {
  HashSet out;
  DL_TRY(auto todo, rows.parents_of(hash));
  while (!todo.empty() && out.size() < kMaxWalk) {
    RecordHash p = todo.back();
    todo.pop_back();
    if (!out.insert(p).second) continue;
    DL_TRY(auto parents, rows.parents_of(p));
    todo.insert(todo.end(), parents.begin(), parents.end());
  }
  return out;
}

}  // namespace

Result<void> settle_heads(KeyState& state, KeyRows& rows) {
  std::vector<RecordHash> heads = state.conflicts;
  if (state.current) heads.push_back(*state.current);
  HashSet superseded;
  for (const auto& head : heads) {
    DL_TRY(auto ancestors, all_ancestors(head, rows));
    for (const auto& a : ancestors) {
      superseded.insert(a);
      DL_TRY(auto row, rows.find_row(a));
      if (row) continue;
      DL_TRY(bool open, rows.is_open(a));
      if (open) insert(state.awaited, a);
    }
  }
  std::sort(state.awaited.begin(), state.awaited.end());
  std::erase_if(state.conflicts, [&](const RecordHash& c) { return superseded.contains(c); });
  if (!state.current || !superseded.contains(*state.current)) return {};
  std::optional<RowFacts> best;
  for (const auto& c : state.conflicts) {
    DL_TRY(auto row, rows.find_row(c));
    if (row && (!best || rank(*row) > rank(*best))) best = row;
  }
  if (best) {
    state.current = best->hash;
    remove(state.conflicts, best->hash);
  }
  return {};
}

Result<Decision> decide(KeyState& state, const RecordHash& hash, const Record& record, KeyRows& rows,
                        const Rules& rules) {
  Turn turn(state, hash, record, rows, rules);
  switch (record.kind) {
    case RecordKind::kPurge:
      return turn.purge();
    case RecordKind::kAttributes:
      return turn.attributes();
    case RecordKind::kObject:
    case RecordKind::kMarker:
      return turn.version();
  }
  return error(Code::kInternal, "decide: a record of no known kind");
}

const char* rule_name(Rule rule) {
  static constexpr const char* kNames[] = {"keep-loser",
                                           "walk",
                                           "awaited",
                                           "current-first",
                                           "dead-on-arrival",
                                           "ancestors-leave",
                                           "ends",
                                           "deep-purge",
                                           "lock",
                                           "guard",
                                           "highest-left",
                                           "attributes-by-seen",
                                           "attributes-merge",
                                           "attributes-wait",
                                           "tombstone-parents",
                                           "settle-heads"};
  static_assert(std::size(kNames) == static_cast<size_t>(Rule::kCount));
  return kNames[static_cast<size_t>(rule)];
}

}  // namespace dl::journal

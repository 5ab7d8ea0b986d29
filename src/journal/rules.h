#pragma once

#include <cstdint>

// The rules of decide, each by name, so that tests can switch one off and see that it is needed. The program always
// runs with all of them.
namespace dl::journal {

enum class Rule : uint8_t {
  kKeepLoser,         // the loser of a true conflict stays, as a conflict
  kWalk,              // ancestors are followed through records that have no row
  kAwaited,           // a late ancestor becomes an older version
  kCurrentFirst,      // "becomes current" is tried before "late"
  kDeadOnArrival,     // what was ended before it arrived stays ended
  kAncestorsLeave,    // every record takes its ancestors out of the conflicts
  kEnds,              // a null record ends what it names
  kDeepPurge,         // a purge ends the null versions that its target had hidden
  kLock,              // a locked version is not ended
  kGuard,             // a conditional record never beats a current object
  kHighestLeft,       // when current was ended the highest version left becomes current
  kAttributesBySeen,  // a setter drops only setters that it had seen
  kAttributesMerge,   // of unseen setters each keeps its value
  kAttributesWait,    // attributes of an undecided version wait for it
  kTombstoneParents,  // tombstones keep their parents
  kSettleHeads,       // ancestry that becomes known late takes superseded heads back
  kCount,
};

struct Rules {
  uint32_t off = 0;  // a bit per Rule
  bool on(Rule r) const { return !(off & 1u << static_cast<unsigned>(r)); }
  static Rules without(Rule r) { return {1u << static_cast<unsigned>(r)}; }
};

const char* rule_name(Rule rule);

}  // namespace dl::journal

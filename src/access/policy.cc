#include "access/policy.h"

#include "access/canonical.h"

namespace dl::access {
namespace {

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  for (const std::string& p : patterns)
    if (matches(p, text)) return true;
  return false;
}

std::string name_of(const Policy& policy, const Statement& statement) {
  std::string out = "policy " + policy.name;
  if (!statement.sid.empty()) out += ", statement " + statement.sid;
  return out;
}

}  // namespace

// Greedy with one point to go back to: at most pattern times text steps, no recursion.
bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, tried = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      tried = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      p++;
      t++;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++tried;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

Decision evaluate(std::span<const Policy* const> policies, std::string_view action, std::string_view resource) {
  Decision out;
  std::string lower_action = lower(action);
  for (const Policy* policy : policies) {
    for (const Statement& s : policy->statements) {
      if (out.verdict == Verdict::kAllowed && s.effect == Effect::kAllow) continue;
      if (!any_matches(s.actions, lower_action) || !any_matches(s.resources, resource)) continue;
      out.because = name_of(*policy, s);
      out.verdict = s.effect == Effect::kDeny ? Verdict::kDenied : Verdict::kAllowed;
      if (out.verdict == Verdict::kDenied) return out;
    }
  }
  return out;
}

std::string s3_arn(std::string_view bucket, std::string_view key) {
  std::string out = "arn:aws:s3:::";
  if (bucket.empty()) return out + "*";
  out.append(bucket);
  if (!key.empty()) out.append("/").append(key);
  return out;
}

}  // namespace dl::access

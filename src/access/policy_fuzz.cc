#include <cstddef>
#include <cstdint>
#include <string_view>

#include "access/limits.h"
#include "access/policy.h"

using namespace dl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto policy = access::parse_policy("p", {reinterpret_cast<const char*>(data), size});
  if (!policy.ok()) return 0;
  if (policy->statements.empty() || policy->statements.size() > access::limits::kMaxStatements) __builtin_trap();
  const access::Policy* list[] = {&*policy};
  auto decision = access::evaluate(list, "s3:GetObject", "arn:aws:s3:::mission/reports/1.txt");
  bool has_allow = false;
  for (const auto& s : policy->statements) has_allow |= s.effect == access::Effect::kAllow;
  if (decision.verdict == access::Verdict::kAllowed && !has_allow) __builtin_trap();
  return 0;
}

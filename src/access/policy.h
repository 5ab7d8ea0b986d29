#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// IAM policy documents (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html): Version, Id, and
// statements of Sid, Effect, Action, Resource. What is not honoured here (Condition, Principal, NotAction, NotResource,
// variables, unknown members) is refused when the document is read, never ignored.
namespace dl::access {

enum class Effect : uint8_t { kAllow, kDeny };

struct Statement {
  std::string sid;
  Effect effect = Effect::kDeny;
  std::vector<std::string> actions;    // patterns in lower case: "s3:get*", "*"
  std::vector<std::string> resources;  // patterns: "arn:aws:s3:::bucket/*", "*"
};

struct Policy {
  std::string name;  // given by who stored it; not in the document
  std::vector<Statement> statements;
};

// Errors: kBadPolicy (access/refusal.h) naming the member and what to do.
Result<Policy> parse_policy(std::string name, std::string_view document);

// '*' is any run of characters, also none and also with '/'; '?' is one character (byte). Case counts.
bool matches(std::string_view pattern, std::string_view text);

enum class Verdict : uint8_t {
  kAllowed,
  kDenied,         // a statement says so
  kNothingAllows,  // the default
};
struct Decision {
  Verdict verdict = Verdict::kNothingAllows;
  std::string because;  // "policy NAME" or "policy NAME, statement SID"; empty for the default
};
// An explicit deny wins over every allow; nothing said is no. Actions compare without case, resources with it.
Decision evaluate(std::span<const Policy* const> policies, std::string_view action, std::string_view resource);

// "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key"; "arn:aws:s3:::*" when bucket is empty (actions on the account).
std::string s3_arn(std::string_view bucket, std::string_view key);

}  // namespace dl::access

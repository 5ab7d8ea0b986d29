#include "access/refusal.h"

#include <array>

namespace dl::access {
namespace {

struct Row {
  Refusal refusal;
  Code code;
  std::string_view name;
};

constexpr std::array kRows = {
    Row{Refusal::kAnonymous, Code::kUnauthenticated, "anonymous"},
    Row{Refusal::kTwoSignatures, Code::kInvalid, "two-signatures"},
    Row{Refusal::kUnsupportedAlgorithm, Code::kUnsupported, "unsupported-algorithm"},
    Row{Refusal::kMalformedHeader, Code::kInvalid, "malformed-header"},
    Row{Refusal::kMalformedQuery, Code::kInvalid, "malformed-query"},
    Row{Refusal::kHeadersNotSigned, Code::kUnauthenticated, "headers-not-signed"},
    Row{Refusal::kWrongRegion, Code::kUnauthenticated, "wrong-region"},
    Row{Refusal::kWrongService, Code::kUnauthenticated, "wrong-service"},
    Row{Refusal::kUnknownKey, Code::kUnauthenticated, "unknown-key"},
    Row{Refusal::kDisabledKey, Code::kUnauthenticated, "disabled-key"},
    Row{Refusal::kLeasePast, Code::kUnauthenticated, "lease-past"},
    Row{Refusal::kBeforeLease, Code::kUnauthenticated, "before-lease"},
    Row{Refusal::kSessionToken, Code::kUnauthenticated, "session-token"},
    Row{Refusal::kSkewed, Code::kUnauthenticated, "clock-skew"},
    Row{Refusal::kExpired, Code::kUnauthenticated, "expired"},
    Row{Refusal::kBadSignature, Code::kUnauthenticated, "bad-signature"},
    Row{Refusal::kBadPayloadHash, Code::kInvalid, "bad-payload-hash"},
    Row{Refusal::kBadChunkSignature, Code::kUnauthenticated, "bad-chunk-signature"},
    Row{Refusal::kBadChunkFraming, Code::kInvalid, "bad-chunk-framing"},
    Row{Refusal::kIncompleteBody, Code::kInvalid, "incomplete-body"},
    Row{Refusal::kBadPolicy, Code::kInvalid, "bad-policy"},
    Row{Refusal::kPolicy, Code::kDenied, "policy"},
    Row{Refusal::kLocalUser, Code::kUnauthenticated, "local-user"},
};

const Row* find_row(Refusal r) {
  for (const Row& row : kRows)
    if (row.refusal == r) return &row;
  return nullptr;
}

}  // namespace

std::string_view refusal_name(Refusal r) {
  const Row* row = find_row(r);
  return row ? row->name : "none";
}

Error refuse(Refusal r, std::string message, std::string next) {
  const Row* row = find_row(r);
  DL_REQUIRE(row != nullptr, "a refusal without a row");
  Error e = error(row->code, std::move(message), std::move(next));
  e.reason = static_cast<uint16_t>(r);
  return e;
}

Refusal refusal_of(const Error& e) {
  auto r = static_cast<Refusal>(e.reason);
  return find_row(r) ? r : Refusal::kNone;
}

}  // namespace dl::access

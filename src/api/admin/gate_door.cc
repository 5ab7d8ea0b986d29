#include "api/admin/gate_door.h"

#include "crypto/hash.h"

namespace dl::api::admin {
namespace {

// What the signature says of the body has to be true of the body.
Result<void> check_payload(const access::Verified& verified, const net::HttpRequest& request,
                           std::optional<BytesView> body) {
  if (verified.presigned)
    return error(Code::kUnauthenticated, "administration takes no presigned requests", "Sign the header.");
  if (verified.payload == access::Payload::kUnsigned) {
    if (request.tls) return {};
    return error(Code::kUnauthenticated, "an unsigned body is taken inside TLS only", "Sign the body's SHA-256.");
  }
  if (verified.payload != access::Payload::kHashed)
    return error(Code::kInvalid, "administration takes no aws-chunked bodies",
                 "Send the body as it is, with its SHA-256 or UNSIGNED-PAYLOAD in x-amz-content-sha256.");
  if (!body)
    return error(Code::kInvalid, "this body is streamed, so its hash cannot be checked first",
                 "Send x-amz-content-sha256: UNSIGNED-PAYLOAD.");
  if (!equal_constant_time(to_hex(crypto::sha256(*body).view()), verified.payload_hash))
    return error(Code::kUnauthenticated, "the body is not the one that was signed", "Send the request again.");
  return {};
}

}  // namespace

Result<Caller> GateDoor::authenticate(const net::HttpRequest& request, std::optional<BytesView> body,
                                      const std::string& request_id) {
  std::vector<access::HeaderView> headers;
  headers.reserve(request.headers.list().size());
  for (const auto& h : request.headers.list()) headers.push_back({h.name, h.value});
  gate::Request asked;
  asked.http = {request.method, request.raw_path(), request.raw_query(), headers};
  asked.peer = request.peer;
  asked.peer_uid = request.peer_uid;
  asked.request_id = request_id;
  DL_TRY(auto identity, gate_->authenticate(asked, {"demilune"}));
  if (const auto* verified = identity.verified()) DL_OK(check_payload(*verified, request, body));
  const auto& who = identity.who();
  return Caller{who.principal, who.access_key, who.source, who.request_id};
}

Result<Admission> GateDoor::admit(const Caller& caller, const Need& need) {
  auto identity = gate_->act_as({caller.principal, caller.access_key, caller.source, caller.request_id});
  gate::Operation operation;
  operation.action = need.action;
  if (need.action.starts_with("s3:")) {
    operation.bucket = need.bucket;
    operation.key = need.key;
  } else {
    operation.resource = need.resource;
  }
  DL_TRY(auto permit, gate_->authorize(identity, operation));
  return Admission{caller.principal, std::move(permit)};
}

}  // namespace dl::api::admin

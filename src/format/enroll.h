#pragma once

#include <string>

#include "base/ids.h"
#include "base/result.h"

// Invitation codes, the payloads of enrolment and a node's identity row (proto/invite.proto). Decoders accept any
// bytes.
namespace dl::format {

struct InviteCode {
  std::string hub_address;  // host:port of the link port
  Sha256 ca_sha256;         // of the hub's CA certificate, DER
  Bytes secret;             // 16 bytes
  std::string device;
  bool operator==(const InviteCode&) const = default;
};
inline constexpr size_t kMaxInviteCodeChars = 1024;
std::string encode_invite_code(const InviteCode& code);
// Blanks around it are ignored. Errors: kInvalid, with what to do (copied badly, cut off).
Result<InviteCode> decode_invite_code(std::string_view text);

struct EnrollRequest {
  Bytes secret;
  std::string device;
  std::string ca_pem;
  NodeId node;
  bool operator==(const EnrollRequest&) const = default;
};
struct EnrollAnswer {
  DeviceId device_id;
  Bytes projection_id_key;
  Bytes certificate;
  std::string hub_ca_pem;
  std::string hub_name;
  DeviceId hub_id;
  std::string hub_region;
  bool operator==(const EnrollAnswer&) const = default;
};
Bytes encode(const EnrollRequest& m);
Bytes encode(const EnrollAnswer& m);
Result<EnrollRequest> decode_enroll_request(BytesView b);
Result<EnrollAnswer> decode_enroll_answer(BytesView b);

enum class NodeRole : uint8_t { kHub = 1, kDevice = 2 };
struct NodeIdentity {
  NodeRole role = NodeRole::kHub;
  std::string name;
  DeviceId device_id;
  NodeId node;
  Bytes space_id_key;
  std::string region;
  std::string hub_name;
  DeviceId hub_id;
  std::string hub_address;
  std::string hub_ca_pem;
  Bytes link_certificate;
  bool operator==(const NodeIdentity&) const = default;
};
Bytes encode(const NodeIdentity& m);
Result<NodeIdentity> decode_node_identity(BytesView b);

}  // namespace dl::format

#include "format/enroll.h"

#include "base/hex.h"
#include "invite.pb.h"

namespace dl::format {
namespace {

namespace pb = demilune::v1;
constexpr uint32_t kFormat = 1;
constexpr std::string_view kPrefix = "dl1-";

// CRC-32C, bit by bit: codes are short, and this room has no hashes below it.
uint32_t crc32c_of(BytesView b) {
  uint32_t c = ~0u;
  for (char ch : b) {
    c ^= static_cast<uint8_t>(ch);
    for (int i = 0; i < 8; i++) c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
  }
  return ~c;
}

Error bad_code(const char* why) {
  return error(Code::kInvalid, std::string("this is no invitation code: ") + why,
               "Copy the whole code as `demilune device invite` printed it.");
}

template <class Message>
Result<Message> parse(BytesView b, const char* what) {
  Message m;
  if (!m.ParseFromArray(b.data(), static_cast<int>(b.size())))
    return error(Code::kCorrupt, std::string("bytes that are no ") + what);
  if (m.format() != kFormat)
    return error(Code::kUnsupported, std::string(what) + " of format " + std::to_string(m.format()),
                 "Run a version of demilune that knows it.");
  return m;
}

}  // namespace

std::string encode_invite_code(const InviteCode& code) {
  pb::InviteCode m;
  m.set_hub_address(code.hub_address);
  m.set_ca_sha256(code.ca_sha256.bytes());
  m.set_secret(code.secret);
  m.set_device(code.device);
  Bytes raw = m.SerializeAsString();
  put_be32(raw, crc32c_of(raw));
  return std::string(kPrefix) + to_base64url(raw);
}

Result<InviteCode> decode_invite_code(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  if (text.size() > kMaxInviteCodeChars) return bad_code("it is too long");
  if (!text.starts_with(kPrefix)) return bad_code("it does not start with dl1-");
  auto raw = from_base64url(text.substr(kPrefix.size()));
  if (!raw.ok()) return bad_code("it has characters that are not of a code");
  if (raw->size() < 4) return bad_code("it is too short");
  BytesView body = BytesView(*raw).substr(0, raw->size() - 4);
  if (get_be32(BytesView(*raw).substr(body.size())) != crc32c_of(body))
    return bad_code("a part is missing or mistyped");
  pb::InviteCode m;
  if (!m.ParseFromArray(body.data(), static_cast<int>(body.size()))) return bad_code("its content cannot be read");
  auto ca = Sha256::from_bytes(m.ca_sha256());
  if (!ca.ok() || m.secret().size() != 16 || m.hub_address().empty() || m.device().empty())
    return bad_code("its content is incomplete");
  return InviteCode{m.hub_address(), *ca, m.secret(), m.device()};
}

Bytes encode(const EnrollRequest& r) {
  pb::EnrollRequest m;
  m.set_format(kFormat);
  m.set_secret(r.secret);
  m.set_device(r.device);
  m.set_ca_pem(r.ca_pem);
  m.set_node(r.node.bytes());
  return m.SerializeAsString();
}

Result<EnrollRequest> decode_enroll_request(BytesView b) {
  DL_TRY(auto m, parse<pb::EnrollRequest>(b, "enrolment request"));
  DL_TRY(auto node, NodeId::from_bytes(m.node()));
  if (m.secret().size() != 16 || m.ca_pem().size() > 16 * 1024)
    return error(Code::kCorrupt, "an enrolment request of odd sizes");
  return EnrollRequest{m.secret(), m.device(), m.ca_pem(), node};
}

Bytes encode(const EnrollAnswer& a) {
  pb::EnrollAnswer m;
  m.set_format(kFormat);
  m.set_device_id(a.device_id.bytes());
  m.set_projection_id_key(a.projection_id_key);
  m.set_certificate(a.certificate);
  m.set_hub_ca_pem(a.hub_ca_pem);
  m.set_hub_name(a.hub_name);
  m.set_hub_id(a.hub_id.bytes());
  m.set_hub_region(a.hub_region);
  return m.SerializeAsString();
}

Result<EnrollAnswer> decode_enroll_answer(BytesView b) {
  DL_TRY(auto m, parse<pb::EnrollAnswer>(b, "enrolment answer"));
  DL_TRY(auto device, DeviceId::from_bytes(m.device_id()));
  DL_TRY(auto hub, DeviceId::from_bytes(m.hub_id()));
  if (m.projection_id_key().size() != 32)
    return error(Code::kCorrupt, "an enrolment answer without its space's id key");
  return EnrollAnswer{device, m.projection_id_key(), m.certificate(), m.hub_ca_pem(), m.hub_name(),
                      hub,    m.hub_region()};
}

Bytes encode(const NodeIdentity& i) {
  pb::NodeIdentity m;
  m.set_format(kFormat);
  m.set_role(static_cast<uint32_t>(i.role));
  m.set_name(i.name);
  m.set_device_id(i.device_id.bytes());
  m.set_node(i.node.bytes());
  m.set_space_id_key(i.space_id_key);
  m.set_region(i.region);
  m.set_hub_name(i.hub_name);
  if (i.role == NodeRole::kDevice) m.set_hub_id(i.hub_id.bytes());
  m.set_hub_address(i.hub_address);
  m.set_hub_ca_pem(i.hub_ca_pem);
  m.set_link_certificate(i.link_certificate);
  return m.SerializeAsString();
}

Result<NodeIdentity> decode_node_identity(BytesView b) {
  DL_TRY(auto m, parse<pb::NodeIdentity>(b, "node identity"));
  if (m.role() < 1 || m.role() > 2 || m.space_id_key().size() != 32)
    return error(Code::kCorrupt, "an impossible node identity");
  NodeIdentity i;
  i.role = static_cast<NodeRole>(m.role());
  i.name = m.name();
  DL_TRY(i.device_id, DeviceId::from_bytes(m.device_id()));
  DL_TRY(i.node, NodeId::from_bytes(m.node()));
  i.space_id_key = m.space_id_key();
  i.region = m.region();
  i.hub_name = m.hub_name();
  if (i.role == NodeRole::kDevice) {
    DL_TRY(i.hub_id, DeviceId::from_bytes(m.hub_id()));
  }
  i.hub_address = m.hub_address();
  i.hub_ca_pem = m.hub_ca_pem();
  i.link_certificate = m.link_certificate();
  return i;
}

}  // namespace dl::format

#include "format/control.h"

#include "control.pb.h"

namespace dl::format {
namespace {

namespace pb = demilune::v1;
constexpr uint32_t kFormat = 1;

template <class Message>
Result<Message> parse(BytesView b, const char* what) {
  Message m;
  if (!m.ParseFromArray(b.data(), static_cast<int>(b.size())))
    return error(Code::kCorrupt, std::string("a control row that is no ") + what);
  if (m.format() != kFormat)
    return error(Code::kUnsupported, std::string("a ") + what + " row of format " + std::to_string(m.format()),
                 "Run a version of demilune that knows it.");
  return m;
}

template <class Message>
Bytes bytes_of(Message& m) {
  m.set_format(kFormat);
  return m.SerializeAsString();
}

}  // namespace

std::string_view device_state_name(DeviceState s) {
  switch (s) {
    case DeviceState::kInvited:
      return "invited";
    case DeviceState::kEnrolled:
      return "enrolled";
    case DeviceState::kSuspended:
      return "suspended";
    case DeviceState::kLost:
      return "lost";
    case DeviceState::kRetired:
      return "retired";
  }
  return "unknown";
}

Bytes encode(const UserRow& row) {
  pb::UserRow m;
  m.set_name(row.name);
  m.set_enabled(row.enabled);
  m.set_created_millis(row.created_millis);
  for (const auto& p : row.policies) {
    auto* q = m.add_policies();
    q->set_name(p.name);
    q->set_document(p.document);
  }
  return bytes_of(m);
}

Result<UserRow> decode_user(BytesView b) {
  DL_TRY(auto m, parse<pb::UserRow>(b, "user"));
  UserRow row{m.name(), m.enabled(), m.created_millis(), {}};
  for (const auto& p : m.policies()) row.policies.push_back({p.name(), p.document()});
  return row;
}

Bytes encode(const AccessKeyRow& row) {
  pb::AccessKeyRow m;
  m.set_id(row.id);
  m.set_user(row.user);
  m.set_enabled(row.enabled);
  m.set_created_millis(row.created_millis);
  m.set_sealed_secret(row.sealed_secret);
  return bytes_of(m);
}

Result<AccessKeyRow> decode_access_key(BytesView b) {
  DL_TRY(auto m, parse<pb::AccessKeyRow>(b, "access key"));
  return AccessKeyRow{m.id(), m.user(), m.enabled(), m.created_millis(), m.sealed_secret()};
}

Bytes encode(const DayKeysRow& row) {
  pb::DayKeysRow m;
  m.set_id(row.id);
  m.set_user(row.user);
  m.set_enabled(row.enabled);
  m.set_first_day(row.first_day);
  m.set_keys(row.keys);
  return bytes_of(m);
}

Result<DayKeysRow> decode_day_keys(BytesView b) {
  DL_TRY(auto m, parse<pb::DayKeysRow>(b, "day keys"));
  if (m.keys().size() % 32) return error(Code::kCorrupt, "day keys of a wrong size");
  return DayKeysRow{m.id(), m.user(), m.enabled(), m.first_day(), m.keys()};
}

Bytes encode(const BucketRow& row) {
  pb::BucketRow m;
  m.set_id(row.id.bytes());
  m.set_name(row.name);
  m.set_created_millis(row.created_millis);
  m.set_versioning(static_cast<uint32_t>(row.versioning));
  m.set_deleted(row.deleted);
  m.set_id_key(row.id_key);
  m.set_owner(row.owner);
  return bytes_of(m);
}

Result<BucketRow> decode_bucket(BytesView b) {
  DL_TRY(auto m, parse<pb::BucketRow>(b, "bucket"));
  if (m.versioning() > 2 || m.id_key().size() != 32)
    return error(Code::kCorrupt, "a bucket row with impossible values");
  DL_TRY(auto id, BucketId::from_bytes(m.id()));
  return BucketRow{id,          m.name(),   m.created_millis(), static_cast<BucketVersioning>(m.versioning()),
                   m.deleted(), m.id_key(), m.owner()};
}

Bytes encode(const DeviceRow& row) {
  pb::DeviceRow m;
  m.set_id(row.id.bytes());
  m.set_name(row.name);
  m.set_state(static_cast<uint32_t>(row.state));
  m.set_created_millis(row.created_millis);
  if (!row.code_hash.empty()) {
    m.mutable_invite()->set_code_hash(row.code_hash);
    m.mutable_invite()->set_expires_millis(row.code_expires_millis);
    m.mutable_invite()->set_tries(row.code_tries);
  }
  m.set_spent_code_hash(row.spent_code_hash);
  m.set_public_key(row.public_key);
  m.set_certificate(row.certificate);
  m.set_ca_pem(row.ca_pem);
  for (const auto& b : row.buckets) m.add_buckets(b);
  for (const auto& id : row.former_buckets) m.add_former_buckets(id.bytes());
  m.set_projection_id_key(row.projection_id_key);
  if (!row.node.is_zero()) m.set_node(row.node.bytes());
  return bytes_of(m);
}

Result<DeviceRow> decode_device(BytesView b) {
  DL_TRY(auto m, parse<pb::DeviceRow>(b, "device"));
  if (m.state() < 1 || m.state() > 5) return error(Code::kCorrupt, "a device row with an impossible state");
  DeviceRow row;
  DL_TRY(row.id, DeviceId::from_bytes(m.id()));
  row.name = m.name();
  row.state = static_cast<DeviceState>(m.state());
  row.created_millis = m.created_millis();
  row.code_hash = m.invite().code_hash();
  row.code_expires_millis = m.invite().expires_millis();
  row.code_tries = m.invite().tries();
  row.spent_code_hash = m.spent_code_hash();
  row.public_key = m.public_key();
  row.certificate = m.certificate();
  row.ca_pem = m.ca_pem();
  row.buckets.assign(m.buckets().begin(), m.buckets().end());
  for (const auto& former : m.former_buckets()) {
    DL_TRY(auto id, BucketId::from_bytes(former));
    row.former_buckets.push_back(id);
  }
  row.projection_id_key = m.projection_id_key();
  if (!m.node().empty()) {
    DL_TRY(row.node, NodeId::from_bytes(m.node()));
  }
  return row;
}

Bytes encode(const SelfRow& row) {
  pb::SelfRow m;
  m.set_hub(row.hub);
  m.set_device(row.device);
  m.set_state(static_cast<uint32_t>(row.state));
  m.set_as_of_millis(row.as_of_millis);
  return bytes_of(m);
}

Result<SelfRow> decode_self(BytesView b) {
  DL_TRY(auto m, parse<pb::SelfRow>(b, "projection's self"));
  if (m.state() < 1 || m.state() > 5) return error(Code::kCorrupt, "a self row with an impossible state");
  return SelfRow{m.hub(), m.device(), static_cast<DeviceState>(m.state()), m.as_of_millis()};
}

Bytes encode(const WorkloadRow& row) {
  pb::WorkloadRow m;
  m.set_id(row.id.bytes());
  m.set_target(row.target);
  m.set_spec(row.spec);
  m.set_cancelled(row.cancelled);
  m.set_deleted(row.deleted);
  m.set_created_millis(row.created_millis);
  return bytes_of(m);
}

Result<WorkloadRow> decode_workload_row(BytesView b) {
  DL_TRY(auto m, parse<pb::WorkloadRow>(b, "workload"));
  DL_TRY(auto id, WorkloadId::from_bytes(m.id()));
  return WorkloadRow{id, m.target(), m.spec(), m.cancelled(), m.deleted(), m.created_millis()};
}

Bytes encode(const WorkloadReportRow& row) {
  pb::WorkloadReportRow m;
  m.set_id(row.id.bytes());
  m.set_status(row.status);
  m.set_as_of_millis(row.as_of_millis);
  return bytes_of(m);
}

Result<WorkloadReportRow> decode_workload_report(BytesView b) {
  DL_TRY(auto m, parse<pb::WorkloadReportRow>(b, "workload report"));
  DL_TRY(auto id, WorkloadId::from_bytes(m.id()));
  return WorkloadReportRow{id, m.status(), m.as_of_millis()};
}

}  // namespace dl::format

#include "format/record.h"

#include "base/limits.h"
#include "format/proto_util.h"
#include "format/record_proto.h"

namespace dl::format {

namespace pb = demilune::v1;

void put_tags(const std::vector<Header>& tags, google::protobuf::RepeatedPtrField<pb::Header>* out) {
  for (const auto& t : tags) {
    auto* h = out->Add();
    h->set_name(t.name);
    h->set_value(t.value);
  }
}

std::vector<Header> get_tags(const google::protobuf::RepeatedPtrField<pb::Header>& in) {
  std::vector<Header> out;
  out.reserve(static_cast<size_t>(in.size()));
  for (const auto& h : in) out.push_back({h.name(), h.value()});
  return out;
}

namespace {

void put_object(const ObjectFields& o, pb::ObjectFields* out) {
  out->set_size(o.size);
  out->set_body_hash(o.body_hash.bytes());
  out->set_etag(o.etag);
  for (const auto& c : o.checksums) {
    auto* sum = out->add_checksums();
    sum->set_kind(static_cast<pb::ChecksumKind>(c.kind));
    sum->set_value(c.value);
    sum->set_composite(c.composite);
    sum->set_parts(c.parts);
  }
  put_tags(o.headers, out->mutable_headers());
  put_tags(o.user_metadata, out->mutable_user_metadata());
  for (const auto& run : o.part_runs) {
    auto* r = out->add_part_runs();
    r->set_size(run.size);
    r->set_count(run.count);
  }
  out->set_storage_class(o.storage_class);
}

Result<ObjectFields> get_object(const pb::ObjectFields& in) {
  ObjectFields o;
  o.size = in.size();
  DL_TRY(o.body_hash, get_id<Sha256>(in.body_hash(), "body hash"));
  o.etag = in.etag();
  for (const auto& sum : in.checksums()) {
    if (sum.kind() < pb::CHECKSUM_KIND_CRC32 || sum.kind() > pb::CHECKSUM_KIND_SHA256)
      return corrupt("unknown checksum");
    o.checksums.push_back({static_cast<ChecksumKind>(sum.kind()), sum.value(), sum.composite(), sum.parts()});
  }
  o.headers = get_tags(in.headers());
  o.user_metadata = get_tags(in.user_metadata());
  for (const auto& run : in.part_runs()) o.part_runs.push_back({run.size(), run.count()});
  o.storage_class = in.storage_class();
  return o;
}

void put_attributes(const AttributeFields& a, pb::AttributeFields* out) {
  if (a.tags) {
    put_tags(a.tags->value, out->mutable_tags()->mutable_tags());
    put_ids(a.tags->seen, out->mutable_tags()->mutable_seen());
  }
  if (a.retention) {
    out->mutable_retention()->set_until_millis(a.retention->value.until_millis);
    out->mutable_retention()->set_compliance(a.retention->value.compliance);
    put_ids(a.retention->seen, out->mutable_retention()->mutable_seen());
  }
  if (a.hold) {
    out->mutable_hold()->set_on(a.hold->value);
    put_ids(a.hold->seen, out->mutable_hold()->mutable_seen());
  }
  if (a.acl) {
    out->mutable_acl()->set_policy(a.acl->value);
    put_ids(a.acl->seen, out->mutable_acl()->mutable_seen());
  }
}

Result<AttributeFields> get_attributes(const pb::AttributeFields& in) {
  AttributeFields a;
  if (in.has_tags()) {
    a.tags.emplace();
    a.tags->value = get_tags(in.tags().tags());
    DL_TRY(a.tags->seen, get_ids<RecordHash>(in.tags().seen(), "setter"));
  }
  if (in.has_retention()) {
    a.retention.emplace();
    a.retention->value = {in.retention().until_millis(), in.retention().compliance()};
    DL_TRY(a.retention->seen, get_ids<RecordHash>(in.retention().seen(), "setter"));
  }
  if (in.has_hold()) {
    a.hold.emplace();
    a.hold->value = in.hold().on();
    DL_TRY(a.hold->seen, get_ids<RecordHash>(in.hold().seen(), "setter"));
  }
  if (in.has_acl()) {
    a.acl.emplace();
    a.acl->value = in.acl().policy();
    DL_TRY(a.acl->seen, get_ids<RecordHash>(in.acl().seen(), "setter"));
  }
  return a;
}

Result<void> check_limits(const Record& r) {
  auto over = [](const char* what, size_t have, size_t limit) {
    return error(Code::kTooLarge,
                 "the record has " + std::to_string(have) + " " + what + ", more than " + std::to_string(limit));
  };
  if (r.parents.size() > kMaxParents) return over("parents", r.parents.size(), kMaxParents);
  if (r.ends.size() > kMaxEnds) return over("ended versions", r.ends.size(), kMaxEnds);
  if (r.key.size() > kMaxKeyBytes) return over("bytes of key", r.key.size(), kMaxKeyBytes);
  if (r.value && r.value->size() > kMaxValueBytes) return over("bytes of value", r.value->size(), kMaxValueBytes);
  return {};
}

// What every record of a kind must have: nothing after this door checks it again.
Result<void> check_shape(const Record& r) {
  auto bad = [](const char* what) { return corrupt(std::string("record: ") + what); };
  if (r.oseq == 0) return bad("no place in its journal");
  if ((r.oseq == 1) == r.previous.has_value()) return bad("predecessor does not fit its place");
  if (r.key.empty()) return bad("no key");
  bool places = r.kind == RecordKind::kObject || r.kind == RecordKind::kMarker;
  if (places == r.target.has_value()) return bad("target does not fit its kind");
  if ((r.kind == RecordKind::kObject) != r.object.has_value()) return bad("object fields do not fit its kind");
  if (!places && (!r.parents.empty() || r.null || r.guard)) return bad("fields of a version on another kind");
  if (r.kind == RecordKind::kAttributes && (r.attributes.empty() || !r.ends.empty()))
    return bad("attributes malformed");
  if (r.kind != RecordKind::kAttributes && r.kind != RecordKind::kObject && !r.attributes.empty())
    return bad("attributes on a kind without");
  if (r.value && r.kind != RecordKind::kObject) return bad("value on a kind without");
  return {};
}

Result<Record> from_proto(const pb::Record& in) {
  Record r;
  if (in.kind() < pb::RECORD_KIND_OBJECT || in.kind() > pb::RECORD_KIND_ATTRIBUTES)
    return corrupt("record: unknown kind");
  r.kind = static_cast<RecordKind>(in.kind());
  DL_TRY(r.space, get_id<BucketId>(in.space(), "record: space"));
  DL_TRY(r.origin, get_id<NodeId>(in.origin(), "record: origin"));
  r.oseq = in.oseq();
  if (!in.previous().empty()) {
    DL_TRY(r.previous, get_id<RecordHash>(in.previous(), "record: predecessor"));
  }
  r.key = in.key();
  DL_TRY(r.parents, get_ids<RecordHash>(in.parents(), "record: parent"));
  DL_TRY(r.ends, get_ids<RecordHash>(in.ends(), "record: ended version"));
  if (!in.target().empty()) {
    DL_TRY(r.target, get_id<RecordHash>(in.target(), "record: target"));
  }
  r.guard = in.guard();
  r.hlc = {in.hlc()};
  r.clock_trust = in.clock_trust() == pb::CLOCK_TRUST_SYNCED ? ClockTrust::kSynced : ClockTrust::kUnknown;
  r.principal = in.principal();
  r.policy_revision = in.policy_revision();
  r.null = in.null();
  r.settles = in.settles();
  r.bypass_governance = in.bypass_governance();
  r.unlisted = in.unlisted();
  if (in.has_object()) {
    DL_TRY(r.object, get_object(in.object()));
  }
  DL_TRY(r.attributes, get_attributes(in.attributes()));
  if (in.has_value()) r.value = in.value();
  r.body_envelope = in.body_envelope();
  return r;
}

}  // namespace

Result<Bytes> encode_record(const Record& r) {
  DL_OK(check_limits(r));
  if (auto shape = check_shape(r); !shape.ok()) return error(Code::kInvalid, shape.error().message);
  pb::Record out;
  out.set_format(1);
  out.set_kind(static_cast<pb::RecordKind>(r.kind));
  out.set_space(r.space.bytes());
  out.set_origin(r.origin.bytes());
  out.set_oseq(r.oseq);
  if (r.previous) out.set_previous(r.previous->bytes());
  out.set_key(r.key);
  put_ids(r.parents, out.mutable_parents());
  put_ids(r.ends, out.mutable_ends());
  if (r.target) out.set_target(r.target->bytes());
  out.set_guard(r.guard);
  out.set_hlc(r.hlc.packed);
  out.set_clock_trust(static_cast<pb::ClockTrust>(r.clock_trust));
  out.set_principal(r.principal);
  out.set_policy_revision(r.policy_revision);
  out.set_null(r.null);
  out.set_settles(r.settles);
  out.set_bypass_governance(r.bypass_governance);
  out.set_unlisted(r.unlisted);
  if (r.object) put_object(*r.object, out.mutable_object());
  if (!r.attributes.empty()) put_attributes(r.attributes, out.mutable_attributes());
  if (r.value) out.set_value(*r.value);
  out.set_body_envelope(r.body_envelope);
  Bytes bytes = out.SerializeAsString();
  if (bytes.size() > kMaxRecordBytes)
    return error(Code::kTooLarge, "the record has " + std::to_string(bytes.size()) + " bytes, more than " +
                                      std::to_string(kMaxRecordBytes));
  return bytes;
}

Result<Record> decode_record(BytesView bytes) {
  if (bytes.size() > kMaxRecordBytes) return error(Code::kTooLarge, "record: more than 64 KiB");
  DL_TRY(auto in, parse_versioned<pb::Record>(bytes, "record"));
  DL_TRY(Record r, from_proto(in));
  DL_OK(check_limits(r));
  DL_OK(check_shape(r));
  return r;
}

Bytes encode_manifest(const BodyManifest& manifest) {
  pb::BodyManifest out;
  for (const auto& p : manifest.parts) {
    auto* part = out.add_parts();
    part->set_size(p.size);
    part->set_sha256(p.sha256.bytes());
  }
  return out.SerializeAsString();
}

Result<BodyManifest> decode_manifest(BytesView bytes) {
  DL_TRY(auto in, parse<pb::BodyManifest>(bytes, "part list"));
  if (in.parts_size() > static_cast<int>(limits::kMaxParts)) return error(Code::kTooLarge, "part list: too many parts");
  BodyManifest m;
  for (const auto& p : in.parts()) {
    DL_TRY(auto sha, get_id<Sha256>(p.sha256(), "part list: hash"));
    m.parts.push_back({p.size(), sha});
  }
  return m;
}

Bytes encode_seal(const Seal& s) {
  pb::Seal out;
  out.set_format(1);
  out.set_space(s.space.bytes());
  out.set_origin(s.origin.bytes());
  out.set_history(s.history);
  out.set_from(s.from);
  out.set_to(s.to);
  out.set_root(s.root.bytes());
  out.set_previous(put_id_or_empty(s.previous));
  if (s.incarnation) {
    auto* i = out.mutable_incarnation();
    i->set_device(s.incarnation->device.bytes());
    i->set_node(s.incarnation->node.bytes());
    i->set_previous_node(put_id_or_empty(s.incarnation->previous_node));
  }
  out.set_signature(s.signature);
  return out.SerializeAsString();
}

Result<Seal> decode_seal(BytesView bytes) {
  DL_TRY(auto in, parse_versioned<pb::Seal>(bytes, "seal"));
  Seal s;
  DL_TRY(s.space, get_id<BucketId>(in.space(), "seal: space"));
  DL_TRY(s.origin, get_id<NodeId>(in.origin(), "seal: origin"));
  s.history = in.history();
  s.from = in.from();
  s.to = in.to();
  if (s.from == 0 || s.to < s.from) return corrupt("seal: empty range");
  DL_TRY(s.root, get_id<Sha256>(in.root(), "seal: root"));
  DL_TRY(s.previous, get_id_or_zero<Sha256>(in.previous(), "seal: predecessor"));
  if (in.has_incarnation()) {
    s.incarnation.emplace();
    DL_TRY(s.incarnation->device, get_id<DeviceId>(in.incarnation().device(), "seal: device"));
    DL_TRY(s.incarnation->node, get_id<NodeId>(in.incarnation().node(), "seal: node"));
    DL_TRY(s.incarnation->previous_node,
           get_id_or_zero<NodeId>(in.incarnation().previous_node(), "seal: earlier node"));
  }
  s.signature = in.signature();
  return s;
}

}  // namespace dl::format

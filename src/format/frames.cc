#include "format/frames.h"

#include "frame.pb.h"

namespace dl::format {
namespace {

namespace pb = demilune::v1;
constexpr uint32_t kFormat = 1;

Error bad(const char* what) { return error(Code::kCorrupt, std::string("a frame with ") + what); }

void put(pb::Frame& m, const HelloFrame& f) {
  auto* h = m.mutable_hello();
  h->set_protocol(f.protocol);
  h->set_channel(static_cast<uint32_t>(f.channel));
  h->set_device(f.device.bytes());
  h->set_node(f.node.bytes());
  h->set_wall_millis(f.wall_millis);
  h->set_more(f.more);
  for (const auto& space : f.spaces) {
    auto* s = h->add_spaces();
    s->set_space(space.space.bytes());
    s->set_epoch(space.epoch);
    s->set_csn(space.csn);
    s->set_fingerprint(space.fingerprint.bytes());
    s->set_decided_csn(space.decided_csn);
    s->set_followed(space.followed);
    for (const auto& head : space.heads) {
      auto* j = s->add_heads();
      j->set_origin(head.origin.bytes());
      j->set_oseq(head.oseq);
      if (!head.hash.is_zero()) j->set_hash(head.hash.bytes());
    }
  }
}

void put(pb::Frame& m, const RecordsFrame& f) {
  auto* r = m.mutable_records();
  r->set_space(f.space.bytes());
  r->set_origin(f.origin.bytes());
  r->set_from(f.from);
  for (const auto& item : f.items) {
    auto* i = r->add_items();
    if (item.record)
      i->set_record(*item.record);
    else if (item.void_hash)
      i->set_void_hash(item.void_hash->bytes());
    for (const auto& parent : item.parents) i->add_parents(parent.bytes());
  }
  for (const auto& seal : f.seals) r->add_seals(seal);
}

void put(pb::Frame& m, const RecordsAckFrame& f) {
  auto* a = m.mutable_records_ack();
  a->set_space(f.space.bytes());
  a->set_origin(f.origin.bytes());
  a->set_oseq(f.oseq);
  a->set_settled(f.settled);
}

void put(pb::Frame& m, const HistoryFrame& f) {
  auto* h = m.mutable_history();
  h->set_space(f.space.bytes());
  h->set_epoch(f.epoch);
  h->set_from(f.from);
  h->set_to(f.to);
  h->set_part(f.part);
  h->set_last_part(f.last_part);
  h->set_data(f.data);
}

void put(pb::Frame& m, const HistoryAckFrame& f) {
  auto* a = m.mutable_history_ack();
  a->set_space(f.space.bytes());
  a->set_epoch(f.epoch);
  a->set_csn(f.csn);
}

void put(pb::Frame& m, const WantFrame& f) {
  auto* w = m.mutable_want();
  w->set_space(f.space.bytes());
  w->set_record(f.record.bytes());
  w->set_offset(f.offset);
}

void put(pb::Frame& m, const BodyFrame& f) {
  auto* b = m.mutable_body();
  b->set_record(f.record.bytes());
  b->set_offset(f.offset);
  b->set_data(f.data);
  b->set_last(f.last);
  b->set_manifest(f.manifest);
  b->set_missing(f.missing);
}

void put(pb::Frame& m, const BodyAckFrame& f) {
  auto* a = m.mutable_body_ack();
  a->set_record(f.record.bytes());
  a->set_offset(f.offset);
}

void put(pb::Frame& m, const DenyFrame& f) {
  m.mutable_deny()->set_code(f.code);
  m.mutable_deny()->set_text(f.text);
  m.mutable_deny()->set_next(f.next);
}

void put(pb::Frame& m, const PingFrame& f) {
  m.mutable_ping()->set_nonce(f.nonce);
  m.mutable_ping()->set_reply(f.reply);
}

void put(pb::Frame& m, const EnrollFrame& f) { m.set_enroll(f.request); }
void put(pb::Frame& m, const EnrollAnswerFrame& f) { m.set_enroll_answer(f.answer); }

Result<Frame> take_hello(const pb::HelloFrame& h) {
  HelloFrame f;
  f.protocol = h.protocol();
  if (h.channel() != 1 && h.channel() != 2) return bad("an unknown channel");
  f.channel = static_cast<Channel>(h.channel());
  DL_TRY(f.device, DeviceId::from_bytes(h.device()));
  DL_TRY(f.node, NodeId::from_bytes(h.node()));
  f.wall_millis = h.wall_millis();
  f.more = h.more();
  for (const auto& s : h.spaces()) {
    SpaceHello space;
    DL_TRY(space.space, BucketId::from_bytes(s.space()));
    space.epoch = s.epoch();
    space.csn = s.csn();
    DL_TRY(space.fingerprint, Sha256::from_bytes(s.fingerprint()));
    space.decided_csn = s.decided_csn();
    space.followed = s.followed();
    for (const auto& j : s.heads()) {
      DL_TRY(auto origin, NodeId::from_bytes(j.origin()));
      RecordHash hash;
      if (!j.hash().empty()) {
        DL_TRY(hash, RecordHash::from_bytes(j.hash()));
      }
      space.heads.push_back({origin, j.oseq(), hash});
    }
    f.spaces.push_back(std::move(space));
  }
  return Frame(std::move(f));
}

Result<Frame> take_records(const pb::RecordsFrame& r) {
  RecordsFrame f;
  DL_TRY(f.space, BucketId::from_bytes(r.space()));
  DL_TRY(f.origin, NodeId::from_bytes(r.origin()));
  f.from = r.from();
  if (static_cast<size_t>(r.items_size()) > kMaxFrameItems || static_cast<size_t>(r.seals_size()) > kMaxFrameItems)
    return error(Code::kTooLarge, "a Records frame with too many items");
  if (f.from == 0) return bad("records from place 0");
  for (const auto& i : r.items()) {
    JournalItem item;
    if (i.has_record()) {
      item.record = i.record();
    } else if (i.has_void_hash()) {
      DL_TRY(item.void_hash, RecordHash::from_bytes(i.void_hash()));
    } else {
      return bad("an empty journal item");
    }
    for (const auto& parent : i.parents()) {
      DL_TRY(auto hash, RecordHash::from_bytes(parent));
      item.parents.push_back(hash);
    }
    f.items.push_back(std::move(item));
  }
  f.seals.assign(r.seals().begin(), r.seals().end());
  return Frame(std::move(f));
}

Result<Frame> take_history(const pb::HistoryFrame& h) {
  HistoryFrame f;
  DL_TRY(f.space, BucketId::from_bytes(h.space()));
  f.epoch = h.epoch();
  f.from = h.from();
  f.to = h.to();
  if (f.to < f.from) return bad("history that ends before it starts");
  f.part = h.part();
  f.last_part = h.last_part();
  f.data = h.data();
  return Frame(std::move(f));
}

Result<Frame> take_acks(const pb::Frame& m) {
  if (m.has_records_ack()) {
    RecordsAckFrame f;
    DL_TRY(f.space, BucketId::from_bytes(m.records_ack().space()));
    DL_TRY(f.origin, NodeId::from_bytes(m.records_ack().origin()));
    f.oseq = m.records_ack().oseq();
    f.settled = m.records_ack().settled();
    return Frame(f);
  }
  if (m.has_history_ack()) {
    HistoryAckFrame f;
    DL_TRY(f.space, BucketId::from_bytes(m.history_ack().space()));
    f.epoch = m.history_ack().epoch();
    f.csn = m.history_ack().csn();
    return Frame(f);
  }
  BodyAckFrame f;
  DL_TRY(f.record, RecordHash::from_bytes(m.body_ack().record()));
  f.offset = m.body_ack().offset();
  return Frame(f);
}

Result<Frame> take_body(const pb::BodyFrame& b) {
  BodyFrame f;
  DL_TRY(f.record, RecordHash::from_bytes(b.record()));
  f.offset = b.offset();
  f.data = b.data();
  f.last = b.last();
  f.manifest = b.manifest();
  f.missing = b.missing();
  return Frame(std::move(f));
}

Result<Frame> take_want(const pb::WantFrame& w) {
  WantFrame f;
  DL_TRY(f.space, BucketId::from_bytes(w.space()));
  DL_TRY(f.record, RecordHash::from_bytes(w.record()));
  f.offset = w.offset();
  return Frame(f);
}

}  // namespace

std::string_view frame_name(const Frame& frame) {
  constexpr std::string_view kNames[] = {"Hello", "Records", "RecordsAck", "History", "HistoryAck", "Want",
                                         "Body",  "BodyAck", "Deny",       "Ping",    "Enroll",     "EnrollAnswer"};
  static_assert(std::size(kNames) == std::variant_size_v<Frame>);
  return kNames[frame.index()];
}

Result<Bytes> encode_frame(const Frame& frame) {
  pb::Frame m;
  m.set_format(kFormat);
  std::visit([&](const auto& f) { put(m, f); }, frame);
  size_t size = m.ByteSizeLong();
  if (size > kMaxFrameBytes)
    return error(Code::kTooLarge,
                 "a " + std::string(frame_name(frame)) + " frame of " + std::to_string(size) + " bytes");
  Bytes out;
  out.reserve(size + 4);
  put_be32(out, static_cast<uint32_t>(size));
  m.AppendToString(&out);
  return out;
}

Result<Frame> decode_frame(BytesView bytes) {
  if (bytes.size() > kMaxFrameBytes) return error(Code::kTooLarge, "a frame over its limit");
  pb::Frame m;
  if (!m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return bad("bytes that are no frame");
  if (m.format() != kFormat)
    return error(Code::kUnsupported, "a frame of format " + std::to_string(m.format()),
                 "Update the older of the two nodes.");
  switch (m.kind_case()) {
    case pb::Frame::kHello:
      return take_hello(m.hello());
    case pb::Frame::kRecords:
      return take_records(m.records());
    case pb::Frame::kHistory:
      return take_history(m.history());
    case pb::Frame::kRecordsAck:
    case pb::Frame::kHistoryAck:
    case pb::Frame::kBodyAck:
      return take_acks(m);
    case pb::Frame::kWant:
      return take_want(m.want());
    case pb::Frame::kBody:
      return take_body(m.body());
    case pb::Frame::kDeny:
      return Frame(DenyFrame{m.deny().code(), m.deny().text().substr(0, 1000), m.deny().next().substr(0, 1000)});
    case pb::Frame::kPing:
      return Frame(PingFrame{m.ping().nonce(), m.ping().reply()});
    case pb::Frame::kEnroll:
      return Frame(EnrollFrame{m.enroll()});
    case pb::Frame::kEnrollAnswer:
      return Frame(EnrollAnswerFrame{m.enroll_answer()});
    case pb::Frame::KIND_NOT_SET:
      break;
  }
  return error(Code::kUnsupported, "a frame of a kind that this version does not know",
               "Update the older of the two nodes.");
}

Result<std::optional<Frame>> FrameReader::next() {
  BytesView rest = BytesView(buffer_).substr(used_);
  if (rest.size() < 4) return std::optional<Frame>();
  size_t size = get_be32(rest);
  if (size > kMaxFrameBytes) return error(Code::kTooLarge, "a frame of " + std::to_string(size) + " bytes");
  if (rest.size() < 4 + size) {
    buffer_.erase(0, used_);
    used_ = 0;
    return std::optional<Frame>();
  }
  DL_TRY(auto frame, decode_frame(rest.substr(4, size)));
  used_ += 4 + size;
  return std::optional<Frame>(std::move(frame));
}

}  // namespace dl::format

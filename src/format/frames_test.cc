#include "format/frames.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "base/testing/golden.h"
#include "format/control.h"
#include "format/enroll.h"

using namespace dl;
using namespace dl::format;

namespace {

BucketId space() { return BucketId::of("space-id-16bytes"); }
NodeId origin() { return NodeId::of("origin-16-bytes!"); }
RecordHash record() { return RecordHash::of("a-record-hash-of-32-bytes-length"); }

// One of each, with every field set.
std::vector<std::pair<std::string, Frame>> samples() {
  SpaceHello s{space(), 1, 77, Sha256::of("fingerprint-of-32-bytes-in-total"), {{origin(), 12}}, 70, true};
  return {
      {"frame_hello",
       HelloFrame{1, Channel::kMeta, DeviceId::of("device-id-16byte"), origin(), 1'700'000'000'123, {s}, true}},
      {"frame_records",
       RecordsFrame{
           space(), origin(), 5, {{Bytes("record bytes"), {}, {}}, {{}, record(), {record()}}}, {Bytes("seal")}}},
      {"frame_records_ack", RecordsAckFrame{space(), origin(), 6, true}},
      {"frame_history", HistoryFrame{space(), 1, 70, 77, 2, true, Bytes("piece")}},
      {"frame_history_ack", HistoryAckFrame{space(), 1, 77}},
      {"frame_want", WantFrame{space(), record(), 65536}},
      {"frame_body", BodyFrame{record(), 65536, Bytes("bytes"), true, Bytes("manifest"), false}},
      {"frame_body_ack", BodyAckFrame{record(), 65541}},
      {"frame_deny", DenyFrame{1006, "device 'field-01' is lost at this hub", ""}},
      {"frame_deny_next", DenyFrame{1006, "the code is used", "Ask for a new one."}},
      {"frame_ping", PingFrame{99, true}},
      {"frame_enroll", EnrollFrame{encode(EnrollRequest{"0123456789abcdef", "field-01", "PEM", origin()})}},
      {"frame_enroll_answer",
       EnrollAnswerFrame{encode(EnrollAnswer{DeviceId::of("device-id-16byte"), Bytes(32, 'k'), "DER", "PEM", "hub",
                                             DeviceId::of("hub-id-16-bytes!"), "us-east-1"})}},
  };
}

}  // namespace

TEST_CASE("every frame has the bytes that were decided, and comes back whole") {
  for (const auto& [name, frame] : samples()) {
    CAPTURE(name);
    Bytes wire = encode_frame(frame).value();
    CHECK(to_hex(wire) == to_hex(testing::golden(name)));
    CHECK(decode_frame(BytesView(wire).substr(4)).value() == frame);
  }
}

TEST_CASE("a stream of frames is cut right wherever the network cuts it") {
  Bytes stream;
  for (const auto& [name, frame] : samples()) stream += encode_frame(frame).value();
  for (size_t step : {1, 2, 3, 7, 64, 1000}) {
    FrameReader reader;
    size_t seen = 0;
    for (size_t i = 0; i < stream.size(); i += step) {
      reader.feed(BytesView(stream).substr(i, step));
      while (auto frame = reader.next().value()) CHECK(*frame == samples()[seen++].second);
    }
    CHECK(seen == samples().size());
  }
}

TEST_CASE("a frame at its limit passes, one byte more does not") {
  HistoryFrame frame{space(), 1, 0, 1, 0, true, Bytes(kMaxFrameBytes - 100, 'x')};
  size_t room = kMaxFrameBytes - (encode_frame(frame).value().size() - 4);
  frame.data.append(room, 'x');
  CHECK(encode_frame(frame).value().size() == kMaxFrameBytes + 4);
  frame.data.push_back('x');
  CHECK(encode_frame(frame).error().code == Code::kTooLarge);
  FrameReader reader;
  Bytes huge;
  put_be32(huge, kMaxFrameBytes + 1);
  reader.feed(huge);
  CHECK(reader.next().error().code == Code::kTooLarge);
}

TEST_CASE("a frame of an unknown kind or a newer format is told apart from damage") {
  CHECK(decode_frame(Bytes("\x08\x01", 2)).error().code == Code::kUnsupported);
  CHECK(decode_frame(Bytes("\x08\x02\x12\x00", 4)).error().code == Code::kUnsupported);
  CHECK(decode_frame(Bytes("\xff\xff\xff", 3)).error().code == Code::kCorrupt);
}

TEST_CASE("an invitation code survives blanks around it and nothing else") {
  InviteCode code{"hub.example:7445", Sha256::of("fingerprint-of-32-bytes-in-total"), "0123456789abcdef", "field-01"};
  std::string text = encode_invite_code(code);
  CHECK(text == std::string(testing::golden("invite_code")));
  CHECK(decode_invite_code("  " + text + "\n").value() == code);
  SeededRandom random(7);
  int refused = 0;
  for (size_t i = 4; i < text.size(); i++) {
    std::string other = text;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    refused += !decode_invite_code(other).ok();
  }
  CHECK(refused == static_cast<int>(text.size()) - 4);
  CHECK(!decode_invite_code(text.substr(0, text.size() - 3)).ok());
  CHECK(!decode_invite_code("").ok());
}

TEST_CASE("control rows have the bytes that were decided") {
  UserRow user{"sophie", true, 1'700'000'000'123, {{"field", "{}"}}};
  CHECK(to_hex(encode(user)) == to_hex(testing::golden("row_user")));
  CHECK(decode_user(encode(user)).value() == user);
  AccessKeyRow key{"DLAAAA", "sophie", true, 5, "sealed"};
  CHECK(to_hex(encode(key)) == to_hex(testing::golden("row_access_key")));
  CHECK(decode_access_key(encode(key)).value() == key);
  DayKeysRow days{"DLAAAA", "sophie", true, 20'000, Bytes(64, 'd')};
  CHECK(to_hex(encode(days)) == to_hex(testing::golden("row_day_keys")));
  CHECK(decode_day_keys(encode(days)).value() == days);
  BucketRow bucket{
      BucketId::of("space-id-16bytes"), "mission", 5, BucketVersioning::kEnabled, false, Bytes(32, 'i'), "user/admin"};
  CHECK(to_hex(encode(bucket)) == to_hex(testing::golden("row_bucket")));
  CHECK(decode_bucket(encode(bucket)).value() == bucket);
  DeviceRow device{DeviceId::of("device-id-16byte"),
                   "field-01",
                   DeviceState::kEnrolled,
                   5,
                   "hash",
                   9,
                   2,
                   "spent",
                   "spki",
                   "der",
                   "PEM",
                   {"mission"},
                   Bytes(32, 'p'),
                   origin(),
                   {BucketId::of("former-id-16byte")}};
  CHECK(to_hex(encode(device)) == to_hex(testing::golden("row_device")));
  CHECK(decode_device(encode(device)).value() == device);
  SelfRow self{"hub", "field-01", DeviceState::kEnrolled, 5};
  CHECK(to_hex(encode(self)) == to_hex(testing::golden("row_self")));
  CHECK(decode_self(encode(self)).value() == self);
  WorkloadRow workload{WorkloadId::of("workload-16bytes"), "field-01", "spec", true, false, 5};
  CHECK(to_hex(encode(workload)) == to_hex(testing::golden("row_workload")));
  CHECK(decode_workload_row(encode(workload)).value() == workload);
  WorkloadReportRow report{WorkloadId::of("workload-16bytes"), "status", 5};
  CHECK(to_hex(encode(report)) == to_hex(testing::golden("row_report")));
  CHECK(decode_workload_report(encode(report)).value() == report);
  NodeIdentity identity{NodeRole::kDevice,
                        "field-01",
                        DeviceId::of("device-id-16byte"),
                        origin(),
                        Bytes(32, 'k'),
                        "field-01",
                        "hub",
                        DeviceId::of("hub-id-16-bytes!"),
                        "127.0.0.1:7445",
                        "PEM",
                        "DER"};
  CHECK(to_hex(encode(identity)) == to_hex(testing::golden("row_identity")));
  CHECK(decode_node_identity(encode(identity)).value() == identity);
  CHECK(!decode_user("\x08\x02").ok());
  CHECK(!decode_device("junk").ok());
}

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// Frames of the device link (proto/frame.proto, docs/internals/sync-frames.md).
namespace dl::format {

inline constexpr uint32_t kSyncProtocol = 1;
inline constexpr size_t kMaxFrameBytes = 96 * 1024;      // a record of 64 KiB and its wrapping
inline constexpr size_t kFramePayloadBytes = 60 * 1024;  // what a sender fills a frame with
inline constexpr size_t kMaxFrameItems = 4096;

enum class Channel : uint8_t { kMeta = 1, kBodies = 2 };

struct JournalHead {
  NodeId origin;
  uint64_t oseq = 0;
  RecordHash hash{};  // of the record at oseq; zero: not told
  bool operator==(const JournalHead&) const = default;
};
struct SpaceHello {
  BucketId space;
  uint64_t epoch = 0, csn = 0;
  Sha256 fingerprint;
  std::vector<JournalHead> heads;
  uint64_t decided_csn = 0;  // where the decided set is complete: the third part of the cursor
  bool followed = false;     // follower: a last piece was taken once
  bool operator==(const SpaceHello&) const = default;
};
struct HelloFrame {
  uint32_t protocol = kSyncProtocol;
  Channel channel = Channel::kMeta;
  DeviceId device;
  NodeId node;
  uint64_t wall_millis = 0;
  std::vector<SpaceHello> spaces;
  bool more = false;
  bool operator==(const HelloFrame&) const = default;
};
// One place of a journal: the record's bytes, or the hash of a voided or forgotten record (with its parents if known).
struct JournalItem {
  std::optional<Bytes> record;
  std::optional<RecordHash> void_hash;
  std::vector<RecordHash> parents;  // beside void_hash
  bool operator==(const JournalItem&) const = default;
};
struct RecordsFrame {
  BucketId space;
  NodeId origin;
  uint64_t from = 0;
  std::vector<JournalItem> items;
  std::vector<Bytes> seals;
  bool operator==(const RecordsFrame&) const = default;
};
struct RecordsAckFrame {
  BucketId space;
  NodeId origin;
  uint64_t oseq = 0;
  bool settled = false;  // the home decided all up to oseq and holds the bodies
  bool operator==(const RecordsAckFrame&) const = default;
};
struct HistoryFrame {
  BucketId space;
  uint64_t epoch = 0, from = 0, to = 0;
  uint32_t part = 0;
  bool last_part = true;
  Bytes data;
  bool operator==(const HistoryFrame&) const = default;
};
struct HistoryAckFrame {
  BucketId space;
  uint64_t epoch = 0, csn = 0;
  bool operator==(const HistoryAckFrame&) const = default;
};
struct WantFrame {
  BucketId space;
  RecordHash record;
  uint64_t offset = 0;
  bool operator==(const WantFrame&) const = default;
};
struct BodyFrame {
  RecordHash record;
  uint64_t offset = 0;
  Bytes data;
  bool last = false;
  Bytes manifest;
  bool missing = false;
  bool operator==(const BodyFrame&) const = default;
};
struct BodyAckFrame {
  RecordHash record;
  uint64_t offset = 0;
  bool operator==(const BodyAckFrame&) const = default;
};
struct DenyFrame {
  uint32_t code = 0;  // DL-nnnn
  std::string text;
  std::string next;  // what to do about it; may be empty
  bool operator==(const DenyFrame&) const = default;
};
struct PingFrame {
  uint64_t nonce = 0;
  bool reply = false;
  bool operator==(const PingFrame&) const = default;
};
struct EnrollFrame {
  Bytes request;  // EnrollRequest
  bool operator==(const EnrollFrame&) const = default;
};
struct EnrollAnswerFrame {
  Bytes answer;  // EnrollAnswer
  bool operator==(const EnrollAnswerFrame&) const = default;
};
using Frame = std::variant<HelloFrame, RecordsFrame, RecordsAckFrame, HistoryFrame, HistoryAckFrame, WantFrame,
                           BodyFrame, BodyAckFrame, DenyFrame, PingFrame, EnrollFrame, EnrollAnswerFrame>;

// For logs and errors: "Hello", "Records", ...
std::string_view frame_name(const Frame& frame);

// With the length in front. Errors: kTooLarge over kMaxFrameBytes.
Result<Bytes> encode_frame(const Frame& frame);
// Without the length. Accepts any bytes. Errors: kCorrupt; kUnsupported (format or kind not known); kTooLarge.
Result<Frame> decode_frame(BytesView bytes);

// Cuts a byte stream into frames. Holds at most one frame's bytes more than it was fed.
class FrameReader {
 public:
  void feed(BytesView data) { buffer_.append(data); }
  // The next whole frame; nullopt when more bytes are needed. Errors: of decode_frame; the stream is then of no more
  // use.
  Result<std::optional<Frame>> next();

 private:
  Bytes buffer_;
  size_t used_ = 0;
};

}  // namespace dl::format

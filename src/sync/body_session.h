#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "crypto/hash.h"
#include "format/frames.h"
#include "sync/spaces.h"

namespace dl::sync {

struct BodyEvents {
  std::function<void(const BucketId&, const RecordHash&)> body_arrived;                // durable and checked
  std::function<void(const BucketId&, const RecordHash&, const Error&)> body_refused;  // did not match its record
};

// The body channel of one link, both ways: each side asks for bodies that it knows by record and does not have, and
// answers what the other asks. A body continues inside where the last link was cut. A pure machine like MetaSession;
// the caller feeds a batch of frames and then calls flush(), so that many small bodies become durable with one step.
// One thread at a time.
class BodySession {
 public:
  using Frames = std::vector<format::Frame>;
  BodySession(Spaces& spaces, DeviceId self, NodeId node, Peer peer, BodyEvents events);

  format::Frame hello(WallTime now) const;
  Result<Frames> on_frame(const format::Frame& frame);
  // Makes what came durable, acknowledges it, asks for more and sends what the window allows.
  Result<Frames> flush();
  // This body first (a GET waits for it).
  void hurry(const BucketId& space, const RecordHash& record);
  // Asks anew for bodies that were missing at the other side before.
  void retry_missing() {
    missing_.clear();
    look_ = true;
  }
  // Home: records of the other side came in that space; one that is not shared with it any more may still owe bodies.
  void records_arrived(const BucketId& space) { owed_.insert(space); }

  bool greeted() const { return greeted_; }
  size_t wanted_in_flight() const { return incoming_.size(); }
  bool idle() const { return incoming_.empty() && outgoing_.empty(); }

 private:
  struct Incoming {
    WantedBody wanted;
    uint64_t received = 0;  // continuous bytes, hashed
    uint64_t durable = 0;   // of these, on disk as chunks
    Bytes chunk;            // received and not durable
    Bytes manifest;
    std::optional<format::BodyManifest> parts;
    size_t part = 0;  // of a multipart body: which one the hash is in
    uint64_t part_bytes = 0;
    crypto::Sha256Hasher hasher;
    bool whole = false;
  };
  struct Outgoing {
    BucketId space;
    RecordHash record;
    OpenedBody body;
    uint64_t sent = 0, acked = 0;
    size_t manifest_sent = 0;
    bool finished = false;  // its last frame went out
  };

  Result<void> on_body(const format::BodyFrame& frame, Frames& out);
  Result<void> on_want(const format::WantFrame& want, Frames& out);
  Result<void> take_bytes(Incoming& in, const format::BodyFrame& frame, Frames& out);
  Result<void> hash_bytes(Incoming& in, BytesView data);
  Result<void> refuse(const RecordHash& record, const Error& why);
  Result<void> store_chunk(Incoming& in, Frames& out);
  Result<void> finish_small(Frames& out);
  Result<void> ask(Frames& out);
  Result<size_t> ask_in(const BucketId& space, Frames& out);
  bool has_room() const;
  Result<bool> start_incoming(const WantedBody& wanted, Frames& out);
  Result<void> send(Frames& out);
  Result<void> send_some(Outgoing& body, Frames& out);
  bool fits_window(const Outgoing& body) const;
  void give_up_outgoing(const RecordHash& record);

  Spaces& spaces_;
  DeviceId self_;
  NodeId node_;
  Peer peer_;
  BodyEvents events_;
  bool greeted_ = false;
  std::map<RecordHash, std::unique_ptr<Incoming>> incoming_;
  uint64_t incoming_bytes_ = 0;    // announced sizes of what is in flight, each cut to the window
  std::vector<RecordHash> ready_;  // small bodies that are whole and checked
  std::deque<std::pair<BucketId, RecordHash>> hurried_;
  std::set<RecordHash> missing_, refused_;
  std::vector<BucketId> shared_;  // when last asked
  std::set<BucketId> owed_;       // not shared; bodies may be missing
  bool look_ = true;              // for such spaces
  std::map<RecordHash, Outgoing> outgoing_;
  std::deque<RecordHash> order_;  // of outgoing_
  // Of outgoing_: the window keeps room for it up to its next acknowledgement; then it is another one's turn. Without
  // that, bodies that share the window could all wait for an acknowledgement that none has sent enough for.
  std::optional<RecordHash> first_;
  uint64_t outgoing_bytes_ = 0;  // unacknowledged
};

}  // namespace dl::sync

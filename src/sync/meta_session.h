#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "format/frames.h"
#include "sync/spaces.h"

namespace dl::sync {

// What the owner of a session tells of itself and may be told.
struct SessionEvents {
  std::function<void(const BucketId&)> records_arrived;  // home: history may have grown, other sessions have news
  std::function<void(const BucketId&)> history_arrived;  // device: the space moved; a projection may have changed
  // Device: the home decided our journal of that space up to this place and holds its bodies.
  std::function<void(const BucketId&, uint64_t)> settled;
};

struct SpaceProgress {
  uint64_t epoch = 0;
  uint64_t sent = 0, acked = 0;  // csn of the history we give
  uint64_t unsent_records = 0;   // of our journal that the other side has not acknowledged
};

// The control and metadata channel of one link: says hello, pushes own journals to the home and history from it, as
// things happen. A pure machine: frames in, frames out, every change through Spaces; no clock, no socket, no thread of
// its own. One thread at a time. An Error ends the session; the caller sends Deny with it (deny_of) and closes. After a
// cut a new session starts from what is durable on both sides.
class MetaSession {
 public:
  using Frames = std::vector<format::Frame>;
  MetaSession(Spaces& spaces, DeviceId self, NodeId node, Peer peer, SessionEvents events);

  // Our hello.
  Result<Frames> start(WallTime now);
  Result<Frames> on_frame(const format::Frame& frame);
  // Something of ours moved (a write, a record of another device committed, an assignment): push what is new.
  Result<Frames> on_change();
  Result<Frames> on_change(const BucketId& space);

  bool greeted() const { return greeted_; }  // the other side said hello
  const Peer& peer() const { return peer_; }
  uint64_t peer_wall_millis() const { return peer_wall_millis_; }
  // Both sides have what the other has: nothing is in flight and nothing waits.
  bool in_step() const;
  std::map<BucketId, SpaceProgress> progress() const;

 private:
  struct Flight {
    uint64_t upto = 0;
    uint64_t bytes = 0;
  };
  struct Journal {
    uint64_t sent = 0, acked = 0, known = 0;  // places; known: our own head
    std::deque<Flight> flights;
  };
  struct SpaceState {
    bool told = false;                                   // our hello went out
    bool heard = false;                                  // theirs came in
    bool renewed = false;                                // theirs came in again: they began the space anew
    bool took = false;                                   // of their history something was taken since
    bool paused = false;                                 // home: unassigned, takes records and gives no history
    uint64_t epoch = 0, sent = 0, acked = 0, known = 0;  // of the history we give; known: our csn
    uint64_t decided = 0;  // as of where the other side knows the whole decided set, once what is sent arrives
    bool followed = true;  // the other side had a last piece once, or one is on its way
    std::optional<uint64_t> settled;  // home, paused: what the other side was told
    std::deque<Flight> flights;
    std::map<NodeId, Journal> journals;
    std::optional<HistoryStretch> arriving;
    uint32_t next_part = 0;
  };

  Result<void> greet(const std::vector<BucketId>& spaces, Frames& out);
  Result<void> on_hello(const format::HelloFrame& hello, Frames& out);
  Result<void> on_space_hello(const format::SpaceHello& hello, Frames& out);
  Result<void> check_head(const BucketId& space, const format::JournalHead& head, uint64_t known);
  Result<void> answer_early(const std::vector<BucketId>& shared, Frames& out);
  Result<void> on_records(const format::RecordsFrame& records, Frames& out);
  Result<void> on_records_ack(const format::RecordsAckFrame& ack, Frames& out);
  Result<void> on_history(const format::HistoryFrame& history, Frames& out);
  Result<void> on_history_ack(const format::HistoryAckFrame& ack, Frames& out);
  Result<void> push(const BucketId& space, SpaceState& state, Frames& out);
  Result<void> push_settled(const BucketId& space, SpaceState& state, Frames& out);
  void forget(SpaceState& state);
  Result<void> push_history(const BucketId& space, SpaceState& state, Frames& out);
  Result<void> push_records(const BucketId& space, SpaceState& state, Frames& out);

  Spaces& spaces_;
  DeviceId self_;
  NodeId node_;
  Peer peer_;
  SessionEvents events_;
  bool greeted_ = false;
  uint64_t peer_wall_millis_ = 0;
  uint64_t wall_millis_ = 0;
  uint64_t history_bytes_ = 0, record_bytes_ = 0;  // unacknowledged
  std::map<BucketId, SpaceState> states_;
  std::map<BucketId, format::SpaceHello> early_;  // of spaces that are not shared here yet
  std::map<BucketId, unsigned> begun_;            // times that a space was let go of here and begun anew
};

format::DenyFrame deny_of(const Error& error);
// The Error that a Deny of the other side means here.
Error error_of(const format::DenyFrame& deny, const std::string& peer);

}  // namespace dl::sync

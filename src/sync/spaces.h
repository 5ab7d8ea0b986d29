#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "format/frames.h"
#include "format/record.h"
#include "storage/blob_store.h"

namespace dl::sync {

// Who is at the other end of a session, proven by its certificate.
struct Peer {
  DeviceId device;
  std::string name;
  NodeId node;       // the incarnation it may speak for; zero until it said hello
  bool hub = false;  // the other end is the home
  Bytes key = {};    // its public key (SPKI, DER), from the certificate: what its journals are sealed with
};

// A stretch of a home's history, (from, to] of an epoch, as bytes that only the journal reads.
struct HistoryStretch {
  uint64_t epoch = 0, from = 0, to = 0;
  bool last = false;  // it carries the decided set as of `to`
  Bytes data;
};
// Where a follower is. `decided`: where it last knew the whole decided set. `followed`: it had a last piece once.
struct Position {
  uint64_t epoch = 0, csn = 0, decided = 0;
  bool followed = true;
};

struct WantedBody {
  BucketId space;
  RecordHash record;
  uint64_t size = 0;
  Sha256 body_hash;
  bool multipart = false;
};

struct OpenedBody {
  uint64_t size = 0;
  std::vector<storage::BlobPiece> pieces;
  Bytes manifest;  // encoded; empty for a single body
};

// A body on its way in: what is durable of it already.
struct ArrivingBody {
  std::vector<storage::BlobPiece> pieces;
  uint64_t length = 0;
  Bytes manifest;
};

// A body that came whole in one go, checked.
struct WholeBody {
  WantedBody wanted;
  Bytes data;
  Bytes manifest;
};

// What sessions read and change of this node's spaces. Blocking; what changes is durable when the call returns. One
// implementation stands on the journal (journal_spaces.h). Thread-safe: sessions of many peers share it.
class Spaces {
 public:
  virtual ~Spaces() = default;

  // Spaces whose history and records are exchanged with that peer now. At a device also those that are unassigned but
  // still hold records the home has not decided.
  virtual Result<std::vector<BucketId>> shared_with(const Peer& peer) = 0;
  // Whether records of that space may come in from that peer; also true for a deleted bucket, whose records are held.
  virtual Result<bool> may_receive(const Peer& peer, const BucketId& space) = 0;
  virtual bool is_home(const BucketId& space) const = 0;
  // Our own cursor, journal heads and fingerprint. Heads: what we hold of each journal without a gap.
  virtual Result<format::SpaceHello> hello(const BucketId& space) = 0;
  // The hash of the record at a place of a journal; zero when nothing is known of that place here.
  virtual Result<RecordHash> place_hash(const BucketId& space, const NodeId& origin, uint64_t oseq) = 0;

  // Our own journal from place `from` on, or from the seal that covers it, at most about max_bytes and at least one
  // seal's range; no items when there is nothing. `given` and the seals over just these items are durable before it
  // returns.
  virtual Result<format::RecordsFrame> give_records(const BucketId& space, const NodeId& origin, uint64_t from,
                                                    size_t max_bytes) = 0;
  // Returns the place up to which the journal is durable here. At the home, what is ready is committed too. Errors,
  // with which nothing is taken: kForeign for a fork, or when the items are not sealed by that peer's key, each behind
  // the one before; kDenied when it may not send them (any more); kCorrupt for what is no record of that journal.
  virtual Result<uint64_t> take_records(const Peer& peer, const format::RecordsFrame& records) = 0;

  // Home: where the journal of a peer ends, once all of it is decided and its bodies are here. nullopt: not yet.
  virtual Result<std::optional<uint64_t>> settled(const Peer& peer, const BucketId& space) = 0;

  // nullopt: nothing new. At most about max_bytes, but at least one entry.
  virtual Result<std::optional<HistoryStretch>> give_history(const BucketId& space, const Position& from,
                                                             size_t max_bytes) = 0;
  virtual Result<void> take_history(const Peer& peer, const BucketId& space, const HistoryStretch& stretch) = 0;

  // Home: spaces that are not shared with that peer (any more) and hold records of its journal whose body is not here.
  virtual Result<std::vector<BucketId>> owed_by(const Peer& peer) = 0;
  // Records of that space whose body is not here and may be asked of that peer, at most max, in the order to fetch
  // them.
  virtual Result<std::vector<WantedBody>> wanted(const Peer& peer, const BucketId& space, size_t max) = 0;
  virtual Result<std::optional<WantedBody>> find_wanted(const BucketId& space, const RecordHash& record) = 0;
  // nullopt when the record or its body is not here.
  virtual Result<std::optional<OpenedBody>> open_body(const Peer& peer, const BucketId& space,
                                                      const RecordHash& record) = 0;
  virtual Result<void> read_body(const BucketId& space, const OpenedBody& body, uint64_t offset, char* out,
                                 size_t size) = 0;

  // Large bodies: each chunk is durable when it returns, and found again by find_arriving after a restart. Errors:
  // kNotFound when the record does not want it any more (ended, or its space was let go), of finish_arriving too.
  virtual Result<std::optional<ArrivingBody>> find_arriving(const WantedBody& wanted) = 0;
  virtual Result<void> add_chunk(const WantedBody& wanted, BytesView chunk, BytesView manifest) = 0;
  virtual Result<void> drop_arriving(const WantedBody& wanted) = 0;
  virtual Result<void> read_arriving(const WantedBody& wanted, const ArrivingBody& body, uint64_t offset, char* out,
                                     size_t size) = 0;
  // The chunks together are the body (checked by the caller): it belongs to its record now.
  virtual Result<void> finish_arriving(const WantedBody& wanted) = 0;
  // Several whole bodies with one step.
  virtual Result<void> take_bodies(std::vector<WholeBody> bodies) = 0;
};

}  // namespace dl::sync

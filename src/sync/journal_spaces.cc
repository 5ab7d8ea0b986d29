#include "sync/journal_spaces.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "crypto/keys.h"
#include "format/arriving.h"
#include "format/history.h"
#include "format/keys.h"
#include "journal/follow.h"
#include "journal/receive.h"
#include "journal/seal.h"
#include "journal/work.h"

namespace dl::sync {
namespace {

constexpr size_t kCommitsAStep = 256;
constexpr size_t kItemsAFrame = 1000;
constexpr size_t kSealsAFrame = 200;

WantedBody wanted_body(const BucketId& space, const journal::Wanted& w) {
  return {space, w.hash, w.size, w.body_hash, w.multipart};
}

// Chunks as a body: each blob is one piece.
std::vector<storage::BlobPiece> pieces_of(const format::ArrivingRow& row) {
  std::vector<storage::BlobPiece> pieces;
  for (const auto& chunk : row.chunks) pieces.push_back({chunk.blob, 0, chunk.length});
  return pieces;
}

Result<std::optional<format::ArrivingRow>> load_arriving(const storage::View& view, const RecordHash& record) {
  DL_TRY(auto bytes, view.get(format::arriving_key(record)));
  if (!bytes) return std::optional<format::ArrivingRow>();
  DL_TRY(auto row, format::decode_arriving(*bytes));
  return std::optional(std::move(row));
}

Result<std::optional<format::BodyManifest>> manifest_of(BytesView bytes) {
  if (bytes.empty()) return std::optional<format::BodyManifest>();
  DL_TRY(auto manifest, format::decode_manifest(bytes));
  return std::optional(std::move(manifest));
}

}  // namespace

Result<HeldSpace> JournalSpaces::held(const BucketId& space) const {
  auto found = membership_.find_space(space);
  if (!found) return error(Code::kNotFound, "this node does not hold space " + space.hex());
  return std::move(*found);
}

Result<std::vector<BucketId>> JournalSpaces::shared_with(const Peer& peer) { return membership_.shared_with(peer); }

Result<bool> JournalSpaces::may_receive(const Peer& peer, const BucketId& space) {
  return membership_.may_receive(peer, space);
}

bool JournalSpaces::is_home(const BucketId& space) const {
  auto found = membership_.find_space(space);
  return found && found->space.home;
}

Result<bool> JournalSpaces::is_shared(const Peer& peer, const BucketId& space) const {
  DL_TRY(auto shared, membership_.shared_with(peer));
  return std::find(shared.begin(), shared.end(), space) != shared.end();
}

Result<format::SpaceHello> JournalSpaces::hello(const BucketId& space) {
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto position, journal::read_position(*view, h.space));
  DL_TRY(auto heads, journal::journal_heads(*view, h.space));
  format::SpaceHello hello;
  hello.space = space;
  hello.epoch = position.cursor.epoch;
  hello.csn = position.cursor.csn;
  hello.decided_csn = position.cursor.decided_csn;
  hello.fingerprint = position.fingerprint;
  hello.followed = !h.space.home && position.followed;
  // A follower takes no journals but its own: the home tells it of the rest by history.
  for (const auto& head : heads) {
    if (!h.space.home && head.origin != h.space.self) continue;
    DL_TRY(auto place, journal::load_journal(*view, space, head.origin, head.received));
    hello.heads.push_back({head.origin, head.received, place ? place->hash : RecordHash{}});
  }
  return hello;
}

Result<RecordHash> JournalSpaces::place_hash(const BucketId& space, const NodeId& origin, uint64_t oseq) {
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto place, journal::load_journal(*view, space, origin, oseq));
  return place ? place->hash : RecordHash{};
}

// One seal after the other, each signed outside the step that stores it. What enters a frame is never voided
// afterwards: that it was given is durable before, with its seal.
Result<void> JournalSpaces::seal_up_to(const HeldSpace& held, uint64_t oseq, Give give) {
  std::lock_guard lock(sealing_one_);
  const format::Incarnation incarnation{sealing_.device, held.space.self, {}};
  for (;;) {
    DL_TRY(auto view, held.partition->snapshot());
    DL_TRY(auto row, journal::load_origin(*view, held.space.bucket, held.space.self));
    if (row.sealed >= std::min(oseq, row.received)) return {};
    DL_TRY(auto seal, journal::build_seal(*view, held.space, incarnation, {}, sealing_.sign));
    if (!seal) return {};
    DL_OK(held.partition->commit_wait(
        [&](storage::Batch& batch) -> Result<void> {
          DL_OK(journal::store_seal(batch, held.space, *seal));
          return give == Give::kYes ? journal::mark_given(batch, held.space, seal->to) : Result<void>();
        },
        storage::Purpose::kFree));
  }
}

Result<void> JournalSpaces::seal(const BucketId& space) {
  DL_TRY(auto h, held(space));
  return seal_up_to(h, UINT64_MAX, Give::kNo);
}

Result<format::RecordsFrame> JournalSpaces::give_records(const BucketId& space, const NodeId& origin, uint64_t from,
                                                         size_t max_bytes) {
  format::RecordsFrame frame{space, origin, from, {}, {}};
  if (!membership_.find_space(space)) return frame;  // let go of meanwhile
  DL_TRY(auto h, held(space));
  DL_REQUIRE(origin == h.space.self, "a node gives its own journal");
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto row, journal::load_origin(*view, space, origin));
  if (row.received < from) return frame;
  DL_OK(seal_up_to(h, from, Give::kYes));
  DL_TRY(view, h.partition->snapshot());
  DL_TRY(auto seals, journal::read_seals(*view, h.space, origin, false, from, kSealsAFrame));
  if (seals.empty()) return error(Code::kInternal, "records to send that no seal covers");
  DL_TRY(row, journal::load_origin(*view, space, origin));
  if (row.given < seals.back().to) {
    DL_OK(h.partition->commit_wait(
        [&](storage::Batch& batch) { return journal::mark_given(batch, h.space, seals.back().to); },
        storage::Purpose::kFree));
    DL_TRY(view, h.partition->snapshot());
  }
  frame.from = seals.front().from;
  size_t bytes = 0;
  for (const auto& seal : seals) {
    DL_TRY(auto items, journal::read_journal(*view, h.space, origin, seal.from, seal.to - seal.from + 1, SIZE_MAX));
    if (items.size() != seal.to - seal.from + 1) return error(Code::kCorrupt, "a seal over places that are not here");
    Bytes encoded = format::encode_seal(seal);
    size_t size = encoded.size();
    for (const auto& item : items)
      size += (item.record ? item.record->size() : RecordHash::kSize * (item.parents.size() + 1)) + 16;
    bool fits = frame.items.empty() || (bytes + size <= max_bytes && frame.items.size() + items.size() <= kItemsAFrame);
    if (!fits) break;
    bytes += size;
    std::move(items.begin(), items.end(), std::back_inserter(frame.items));
    frame.seals.push_back(std::move(encoded));
  }
  return frame;
}

// The records are of that peer's journal just as it signed them. Signatures are checked outside the step.
Result<std::vector<format::Seal>> JournalSpaces::check_seals(const Peer& peer, const HeldSpace& held,
                                                             const format::RecordsFrame& records) const {
  DL_TRY(auto view, held.partition->snapshot());
  std::vector<format::Seal> seals;
  DL_TRY(auto row, journal::load_origin(*view, held.space.bucket, records.origin));
  if (records.from > row.received + 1)
    return error(Code::kConflict, "a gap in a journal: place " + std::to_string(row.received + 1) + " is missing");
  for (const auto& bytes : records.seals) {
    auto seal = format::decode_seal(bytes);
    if (!seal.ok()) return error(Code::kForeign, "records came with what is no seal; nothing of them was taken");
    seals.push_back(std::move(*seal));
  }
  DL_TRY(auto key, crypto::PublicKey::from_spki(peer.key));
  DL_OK(journal::verify_seals(*view, held.space, records.origin, peer.device, records.from, records.items, seals,
                              [&](BytesView message, BytesView signature) -> Result<void> {
                                if (key.verify(message, signature)) return {};
                                return error(Code::kForeign, "it is not signed with the device's key");
                              }));
  return seals;
}

Result<uint64_t> JournalSpaces::take_records(const Peer& peer, const format::RecordsFrame& records) {
  DL_TRY(auto h, held(records.space));
  DL_TRY(auto seals, check_seals(peer, h, records));
  uint64_t durable = 0;
  DL_OK(h.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
    // Asked here, so that nothing of a device comes after the step that held what it left behind (lost).
    DL_TRY(bool may, membership_.may_receive(peer, records.space));
    if (!may) return error(Code::kDenied, peer.name + " may not write here any more");
    DL_TRY(auto received, journal::receive_records(batch, h.space, records.origin, records.from, records.items, now()));
    durable = received.received;
    for (const auto& seal : seals) DL_OK(journal::store_seal(batch, h.space, seal));
    if (h.space.home) {
      DL_TRY(size_t looked_at, journal::commit_ready(batch, h.space, kCommitsAStep, now()));
      (void)looked_at;
    }
    return {};
  }));
  if (h.space.home && records.items.size() > kCommitsAStep) DL_OK(commit_rest(h));
  return durable;
}

Result<std::optional<uint64_t>> JournalSpaces::settled(const Peer& peer, const BucketId& space) {
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  return journal::settled_at(*view, h.space, peer.node);
}

Result<void> JournalSpaces::commit_rest(const HeldSpace& held) {
  for (;;) {
    size_t looked_at = 0;
    DL_OK(held.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
      DL_TRY(looked_at, journal::commit_ready(batch, held.space, kCommitsAStep, now()));
      return {};
    }));
    if (looked_at < kCommitsAStep) return {};
  }
}

Result<std::optional<HistoryStretch>> JournalSpaces::give_history(const BucketId& space, const Position& from,
                                                                  size_t max_bytes) {
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  auto if_empty = from.followed ? journal::IfEmpty::kNothing : journal::IfEmpty::kPiece;
  DL_TRY(auto piece, journal::read_history(*view, h.space, {from.epoch, from.csn, from.decided}, max_bytes, if_empty));
  if (!piece) return std::optional<HistoryStretch>();
  return std::optional(
      HistoryStretch{piece->epoch, piece->from, piece->to, piece->last, format::encode_history(*piece)});
}

Result<void> JournalSpaces::take_history(const Peer& peer, const BucketId& space, const HistoryStretch& stretch) {
  DL_TRY(auto h, held(space));
  DL_TRY(auto piece, format::decode_history(stretch.data));
  if (piece.epoch != stretch.epoch || piece.from != stretch.from || piece.to != stretch.to)
    return error(Code::kCorrupt, "a history piece that is not what its frame says");
  bool equal = true;
  DL_OK(h.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
    DL_TRY(auto applied, journal::apply_history(batch, h.space, piece, now()));
    equal = applied.equal;
    return {};
  }));
  if (!equal)
    log_error("sync", "the live set of space {} differs from {}'s at commit number {}; nothing was changed for it",
              space.hex(), peer.name, piece.to);
  return {};
}

Result<std::vector<BucketId>> JournalSpaces::owed_by(const Peer& peer) {
  DL_TRY(auto receivable, membership_.receivable_from(peer));
  DL_TRY(auto shared, membership_.shared_with(peer));
  std::vector<BucketId> out;
  for (const auto& space : receivable) {
    if (std::find(shared.begin(), shared.end(), space) != shared.end()) continue;
    DL_TRY(auto list, wanted(peer, space, 1));
    if (!list.empty()) out.push_back(space);
  }
  return out;
}

Result<std::vector<WantedBody>> JournalSpaces::wanted(const Peer& peer, const BucketId& space, size_t max) {
  if (!membership_.find_space(space)) return std::vector<WantedBody>();  // let go of meanwhile
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  // A device's body can only come from it; the home has the body of all that it committed.
  auto fits = [&](const journal::Wanted& w) { return h.space.home ? w.origin == peer.node : w.committed; };
  DL_TRY(auto list, journal::wanted(*view, h.space, max, journal::Order::kNewestFirst, fits));
  std::vector<WantedBody> out;
  for (const auto& w : list) out.push_back(wanted_body(space, w));
  return out;
}

Result<std::optional<WantedBody>> JournalSpaces::find_wanted(const BucketId& space, const RecordHash& record) {
  if (!membership_.find_space(space)) return std::optional<WantedBody>();
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto found, journal::find_wanted(*view, h.space, record));
  if (!found) return std::optional<WantedBody>();
  return std::optional(wanted_body(space, *found));
}

Result<std::optional<OpenedBody>> JournalSpaces::open_body(const Peer& peer, const BucketId& space,
                                                           const RecordHash& record) {
  DL_TRY(bool shared, is_shared(peer, space));
  if (!shared || !membership_.find_space(space)) return std::optional<OpenedBody>();
  DL_TRY(auto h, held(space));
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto found, journal::find_body(*view, h.space, record));
  if (!found) return std::optional<OpenedBody>();
  OpenedBody body{found->record.object ? found->record.object->size : 0, std::move(found->pieces), {}};
  if (found->manifest) body.manifest = format::encode_manifest(*found->manifest);
  return std::optional(std::move(body));
}

Result<void> JournalSpaces::read_body(const BucketId& space, const OpenedBody& body, uint64_t offset, char* out,
                                      size_t size) {
  DL_TRY(auto h, held(space));
  return storage::read_pieces(*h.space.blobs, body.pieces, offset, out, size);
}

Result<std::optional<ArrivingBody>> JournalSpaces::find_arriving(const WantedBody& wanted) {
  DL_TRY(auto h, held(wanted.space));
  DL_TRY(auto view, h.partition->snapshot());
  DL_TRY(auto row, load_arriving(*view, wanted.record));
  if (!row) return std::optional<ArrivingBody>();
  return std::optional(ArrivingBody{pieces_of(*row), row->length, row->manifest});
}

Result<void> JournalSpaces::add_chunk(const WantedBody& wanted, BytesView chunk, BytesView manifest) {
  DL_TRY(auto h, held(wanted.space));
  DL_TRY(auto writer, h.blobs->create(chunk.size()));
  DL_OK(writer->append(chunk));
  DL_TRY(auto written, writer->finish());
  return h.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
    DL_TRY(auto still, journal::find_wanted(batch, h.space, wanted.record));
    if (!still) return error(Code::kNotFound, "a body came that nobody wants any more");
    DL_TRY(auto row, load_arriving(batch, wanted.record));
    if (!row) row = format::ArrivingRow{wanted.space, 0, {}, Bytes(manifest)};
    h.space.blobs->attach(batch, written, format::arriving_owner(wanted.record));
    for (const auto& piece : written.pieces()) row->chunks.push_back({piece.blob, piece.length});
    row->length += chunk.size();
    batch.put(format::arriving_key(wanted.record), format::encode(*row));
    return {};
  });
}

Result<void> JournalSpaces::drop_arriving(const WantedBody& wanted) {
  DL_TRY(auto h, held(wanted.space));
  return h.partition->commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        DL_TRY(auto row, load_arriving(batch, wanted.record));
        if (!row) return {};
        for (const auto& chunk : row->chunks)
          DL_OK(h.space.blobs->release(batch, chunk.blob, format::arriving_owner(wanted.record), clock_.wall()));
        batch.erase(format::arriving_key(wanted.record));
        return {};
      },
      storage::Purpose::kFree);
}

Result<void> JournalSpaces::read_arriving(const WantedBody& wanted, const ArrivingBody& body, uint64_t offset,
                                          char* out, size_t size) {
  DL_TRY(auto h, held(wanted.space));
  return storage::read_pieces(*h.space.blobs, body.pieces, offset, out, size);
}

Result<void> JournalSpaces::finish_arriving(const WantedBody& wanted) {
  DL_TRY(auto h, held(wanted.space));
  DL_OK(h.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
    DL_TRY(auto row, load_arriving(batch, wanted.record));
    if (!row) return error(Code::kNotFound, "a body whose space was let go");
    DL_TRY(auto manifest, manifest_of(row->manifest));
    DL_TRY(bool taken, journal::body_arrived(batch, h.space, wanted.record,
                                             {wanted.body_hash, std::nullopt, pieces_of(*row), manifest}, now()));
    (void)taken;  // ended meanwhile: the chunks are released all the same
    for (const auto& chunk : row->chunks)
      DL_OK(h.space.blobs->release(batch, chunk.blob, format::arriving_owner(wanted.record), clock_.wall()));
    batch.erase(format::arriving_key(wanted.record));
    return {};
  }));
  return h.space.home ? commit_rest(h) : Result<void>();
}

Result<void> JournalSpaces::take_bodies(std::vector<WholeBody> bodies) {
  // By space: one step each.
  std::map<BucketId, std::vector<WholeBody>> by_space;
  for (auto& body : bodies) by_space[body.wanted.space].push_back(std::move(body));
  for (auto& [space, list] : by_space) {
    if (!membership_.find_space(space)) continue;  // let go of while the bytes travelled: they belong to nobody
    DL_TRY(auto h, held(space));
    std::vector<std::pair<WantedBody, journal::ArrivedBody>> arrived;
    for (auto& body : list) {
      journal::ArrivedBody in;
      in.body_hash = body.wanted.body_hash;
      DL_TRY(in.manifest, manifest_of(body.manifest));
      if (!body.data.empty()) {
        DL_TRY(auto writer, h.blobs->create(body.data.size()));
        DL_OK(writer->append(body.data));
        DL_TRY(in.fresh, writer->finish());
      }
      arrived.emplace_back(body.wanted, std::move(in));
    }
    DL_OK(h.partition->commit_wait([&](storage::Batch& batch) -> Result<void> {
      for (auto& [wanted, body] : arrived) {
        auto taken = journal::body_arrived(batch, h.space, wanted.record, body, now());
        // Its record ended and was forgotten while the bytes travelled: they belong to nobody.
        if (!taken.ok() && taken.error().code != Code::kNotFound) return std::move(taken).error();
      }
      return {};
    }));
    if (h.space.home) DL_OK(commit_rest(h));
  }
  return {};
}

}  // namespace dl::sync

#include "journal/seal.h"

#include "crypto/hash.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

Bytes signed_part(format::Seal seal) {
  seal.signature.clear();
  return format::encode_seal(seal);
}

Result<std::optional<format::Seal>> last_seal(const storage::View& view, const Space& space, const NodeId& origin,
                                              bool history) {
  DL_TRY(auto row, load_origin(view, space.bucket, origin));
  uint64_t sealed = history ? row.history_sealed : row.sealed;
  if (sealed == 0) return std::optional<format::Seal>();
  DL_TRY(auto bytes, view.get(format::seal_key(space.bucket, history, origin, sealed)));
  if (!bytes) return error(Code::kCorrupt, "the last seal of a journal is missing");
  DL_TRY(auto seal, format::decode_seal(*bytes));
  return std::optional(std::move(seal));
}

Result<format::Seal> finish(format::Seal seal, const std::optional<format::Seal>& last,
                            const format::Incarnation& incarnation, const SignFn& sign) {
  if (last) {
    seal.previous = hash_seal(*last);
  } else {
    seal.incarnation = incarnation;
  }
  DL_TRY(seal.signature, sign(signed_part(seal)));
  return seal;
}

// What a history seal signs: the live set at its end.
Sha256 history_root(const Sha256& fingerprint) { return crypto::sha256({"history", fingerprint.view()}); }

Result<void> verify_chain(const format::Seal& seal, const format::Seal* last, const VerifyFn& verify) {
  DL_OK(verify(signed_part(seal), seal.signature));
  if (!last) {
    if (seal.from != 1 || !seal.previous.is_zero() || !seal.incarnation || seal.incarnation->node != seal.origin)
      return error(Code::kForeign, "the first seal of a journal does not announce its node");
    return {};
  }
  bool follows = seal.origin == last->origin && seal.space == last->space && seal.history == last->history &&
                 seal.from == last->to + 1 && seal.previous == hash_seal(*last) && !seal.incarnation;
  if (!follows) return error(Code::kForeign, "a seal does not follow the one before it");
  return {};
}

// What a place of a journal weighs in a frame, at most: a record that ends later travels as less.
Result<size_t> item_bytes(const storage::View& view, const format::JournalRow& slot) {
  DL_TRY(Known known, load_known(view, slot.hash));
  if (known.is_version()) return known.row.record.size() + 8;
  if (known.kind == Known::Kind::kBare) return known.bytes.size() + 8;
  return (known.grave.parents.size() + 1) * (RecordHash::kSize + 4);
}

Error unsealed(const std::string& why) {
  return error(Code::kForeign, "records came " + why,
               "Nothing of them was taken. Find out who wrote to that device's disk or link before it goes on.");
}

// The stored seal that ends just before `from`.
Result<std::optional<format::Seal>> seal_before(const storage::View& view, const Space& space, const NodeId& origin,
                                                uint64_t from) {
  if (from == 1) return std::optional<format::Seal>();
  DL_TRY(auto bytes, view.get(format::seal_key(space.bucket, false, origin, from - 1)));
  if (!bytes) return unsealed("whose seals do not follow those that are here");
  DL_TRY(auto seal, format::decode_seal(*bytes));
  return std::optional(std::move(seal));
}

}  // namespace

Sha256 hash_seal(const format::Seal& seal) { return crypto::sha256(format::encode_seal(seal)); }

Sha256 chain_root(const std::vector<RecordHash>& hashes) {
  Sha256 root;
  for (const auto& hash : hashes) root = crypto::chain_sha256(root, hash.view());
  return root;
}

Result<std::optional<format::Seal>> build_seal(const storage::View& view, const Space& space,
                                               const format::Incarnation& incarnation, const SealLimits& limits,
                                               const SignFn& sign) {
  DL_TRY(auto row, load_origin(view, space.bucket, space.self));
  if (row.sealed >= row.received) return std::optional<format::Seal>();
  format::Seal seal{.space = space.bucket, .origin = space.self};
  seal.from = row.sealed + 1;
  uint64_t end = std::min<uint64_t>(row.received, row.sealed + std::max<size_t>(limits.places, 1));
  std::vector<RecordHash> hashes;
  size_t bytes = 0;
  for (uint64_t oseq = seal.from; oseq <= end; oseq++) {
    DL_TRY(auto slot, load_journal(view, space.bucket, space.self, oseq));
    if (!slot) return error(Code::kCorrupt, "place " + std::to_string(oseq) + " of this node's journal is missing");
    DL_TRY(size_t size, item_bytes(view, *slot));
    if (!hashes.empty() && bytes + size > limits.bytes) break;
    bytes += size;
    hashes.push_back(slot->hash);
  }
  seal.to = row.sealed + hashes.size();
  seal.root = chain_root(hashes);
  DL_TRY(auto last, last_seal(view, space, space.self, false));
  DL_TRY(seal, finish(std::move(seal), last, incarnation, sign));
  return std::optional(std::move(seal));
}

Result<std::optional<format::Seal>> build_history_seal(const storage::View& view, const Space& space,
                                                       const format::Incarnation& incarnation, const SignFn& sign) {
  DL_REQUIRE(space.home, "only the home seals history");
  DL_TRY(auto row, load_space(view, space.bucket));
  DL_TRY(auto last, last_seal(view, space, space.self, true));
  uint64_t sealed = last ? last->to : 0;
  if (row.csn <= sealed) return std::optional<format::Seal>();
  format::Seal seal{.space = space.bucket, .origin = space.self, .history = true};
  seal.from = sealed + 1;
  seal.to = row.csn;
  seal.root = history_root(row.fingerprint);
  DL_TRY(seal, finish(std::move(seal), last, incarnation, sign));
  return std::optional(std::move(seal));
}

Result<void> store_seal(storage::Batch& batch, const Space& space, const format::Seal& seal) {
  Bytes key = format::seal_key(space.bucket, seal.history, seal.origin, seal.to);
  DL_TRY(auto have, batch.get(key));
  if (have && *have == format::encode_seal(seal)) return {};
  DL_TRY(auto last, last_seal(batch, space, seal.origin, seal.history));
  bool follows = last ? seal.from == last->to + 1 && seal.previous == hash_seal(*last) : seal.from == 1;
  if (!follows) return error(Code::kConflict, "a seal does not follow the last one here");
  batch.put(key, format::encode_seal(seal));
  DL_TRY(Work work, Work::open(batch, space));
  DL_TRY(auto* row, work.origin(seal.origin));
  if (seal.history) {
    row->history_sealed = seal.to;
  } else {
    row->sealed = seal.to;
    row->seal = hash_seal(seal);
  }
  work.finish();
  return {};
}

Result<std::vector<format::Seal>> read_seals(const storage::View& view, const Space& space, const NodeId& origin,
                                             bool history, uint64_t from, size_t max) {
  std::vector<format::Seal> out;
  Bytes end = format::seal_key(space.bucket, history, origin, UINT64_MAX);
  DL_OK(view.scan(format::seal_key(space.bucket, history, origin, from), end,
                  [&](BytesView, BytesView v) -> Result<storage::Scan> {
                    if (out.size() >= max) return storage::Scan::kStop;
                    DL_TRY(auto seal, format::decode_seal(v));
                    out.push_back(std::move(seal));
                    return storage::Scan::kContinue;
                  }));
  return out;
}

Result<void> verify_seal(const format::Seal& seal, const format::Seal* last, const std::vector<RecordHash>& hashes,
                         const VerifyFn& verify) {
  DL_OK(verify_chain(seal, last, verify));
  if (seal.history || hashes.size() != seal.to - seal.from + 1 || chain_root(hashes) != seal.root)
    return error(Code::kForeign, "the records are not those that the seal signs");
  return {};
}

Result<void> verify_seals(const storage::View& view, const Space& space, const NodeId& origin, const DeviceId& device,
                          uint64_t from, const std::vector<JournalItem>& items, const std::vector<format::Seal>& seals,
                          const VerifyFn& verify) {
  if (seals.empty()) return unsealed("without a seal");
  DL_TRY(auto last, seal_before(view, space, origin, from));
  size_t covered = 0;
  for (const auto& seal : seals) {
    bool fits = seal.space == space.bucket && seal.origin == origin && !seal.history && seal.from == from + covered &&
                seal.to >= seal.from && seal.to - seal.from < items.size() - covered;
    if (!fits) return unsealed("with a seal of other places");
    if (seal.incarnation && seal.incarnation->device != device) return unsealed("with the seal of another device");
    DL_TRY(auto known, view.get(format::seal_key(space.bucket, false, origin, seal.to)));
    if (known && *known != format::encode_seal(seal)) return unsealed("with another seal than the one that is here");
    std::vector<RecordHash> hashes;
    for (; hashes.size() <= seal.to - seal.from; covered++) {
      const auto& item = items[covered];
      hashes.push_back(item.record ? hash_record(*item.record) : item.void_hash.value_or(RecordHash{}));
    }
    auto verified = verify_seal(seal, last ? &*last : nullptr, hashes, verify);
    if (!verified.ok()) return unsealed("under a seal that does not hold: " + verified.error().message);
    last = seal;
  }
  if (covered != items.size()) return unsealed("that no seal covers");
  return {};
}

Result<void> verify_history_seal(const format::Seal& seal, const format::Seal* last, const Sha256& fingerprint,
                                 const VerifyFn& verify) {
  DL_OK(verify_chain(seal, last, verify));
  if (!seal.history || history_root(fingerprint) != seal.root)
    return error(Code::kForeign, "the history is not the one that the seal signs");
  return {};
}

}  // namespace dl::journal

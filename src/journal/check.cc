#include "journal/check.h"

#include "format/arriving.h"
#include "journal/work.h"
#include "storage/blob_rows.h"

namespace dl::journal {
namespace {

using format::RowType;
using storage::Scan;

constexpr size_t kBucketEnd = 1 + BucketId::kSize;
constexpr size_t kVersionTail = 8 + VersionId::kSize;  // ~hlc version

bool is_damage(const Error& e) {
  return e.code == Code::kCorrupt || e.code == Code::kUnsupported || e.code == Code::kTooLarge ||
         e.code == Code::kInvalid;
}

VersionId version_of(BytesView version_key) {
  return VersionId::of(version_key.substr(version_key.size() - VersionId::kSize));
}

class Checker {
 public:
  Checker(const storage::View& view, const SeenFn& seen, const RowDamageFn& damage)
      : view_(view), seen_(seen), damage_(damage) {}

  Result<RowTotals> run() {
    using Check = Result<void> (Checker::*)(BytesView, BytesView);
    constexpr std::pair<RowType, Check> kChecks[] = {
        {RowType::kListing, &Checker::listing}, {RowType::kKeyState, &Checker::key_state},
        {RowType::kVersion, &Checker::version}, {RowType::kEntry, &Checker::entry},
        {RowType::kJournal, &Checker::journal}, {RowType::kSpace, &Checker::space},
        {RowType::kOrigin, &Checker::origin},   {RowType::kPeer, &Checker::peer},
        {RowType::kSeal, &Checker::seal},       {RowType::kPending, &Checker::pending},
        {RowType::kPlace, &Checker::place},     {RowType::kView, &Checker::shown},
        {RowType::kManifest, &Checker::parts},  {RowType::kArriving, &Checker::arriving}};
    for (const auto& [type, check] : kChecks) {
      const Bytes from(1, static_cast<char>(type));
      DL_OK(view_.scan(from, format::prefix_end(from), [&](BytesView key, BytesView value) -> Result<Scan> {
        totals_.rows++;
        at_ = {};
        if (key.size() >= kBucketEnd) at_.bucket = BucketId::of(key.substr(1, BucketId::kSize));
        auto found = (this->*check)(key, value);
        if (!found.ok() && !is_damage(found.error())) return std::move(found).error();
        if (!found.ok()) tell(found.error().message);
        return Scan::kContinue;
      }));
    }
    return totals_;
  }

 private:
  void tell(const std::string& what) {
    at_.what = what;
    damage_(at_);
  }
  static Error bad(const std::string& what) { return error(Code::kCorrupt, what); }

  // What is known of a record that a row names; unknown is damage.
  Result<Known> named(const RecordHash& hash, const std::string& by) {
    auto known = load_known(view_, hash);
    if (!known.ok()) return std::move(known).error().within(by + " names record " + hash.hex());
    if (known->is_version()) at_.version = version_of(known->version_key);
    if (known->kind == Known::Kind::kUnknown) return bad(by + " names record " + hash.hex() + ", which is not there");
    return known;
  }
  Result<void> named_version(const RecordHash& hash, const std::string& by) {
    DL_TRY(Known known, named(hash, by));
    if (!known.is_version()) return bad(by + " names record " + hash.hex() + ", which is no version any more");
    if (known.record.key != at_.key || known.record.space != at_.bucket)
      return bad(by + " names a version of another key");
    return {};
  }

  Result<void> listing(BytesView key, BytesView value) {
    DL_TRY(at_.key, format::object_key_of(key));
    DL_TRY(auto row, format::decode_listing_row(value));
    at_.version = row.version;
    return named_version(row.hash, "the listing");
  }

  Result<void> key_state(BytesView key, BytesView value) {
    DL_TRY(at_.key, format::object_key_of(key));
    DL_TRY(auto row, format::decode_key_state_row(value));
    if (!row.state.current) return {};
    DL_OK(named_version(*row.state.current, "the key's state"));
    return listed(*row.state.current);
  }

  // Where nothing undecided lies above the committed state, its current object is what listings show.
  Result<void> listed(const RecordHash& current) {
    DL_TRY(auto view, load_view(view_, at_.bucket, at_.key));
    DL_TRY(Known known, load_known(view_, current));
    if (view || known.record.kind != format::RecordKind::kObject) return {};
    auto row = view_.get(format::key_prefix(RowType::kListing, at_.bucket, at_.key));
    if (!row.ok()) return std::move(row).error().within("its row in listings cannot be read");
    if (!*row) return bad("its current version is in no listing");
    return {};
  }

  Result<void> version(BytesView key, BytesView value) {
    DL_TRY(at_.key, format::object_key_of(key));
    if (key.size() < kBucketEnd + kVersionTail) return bad("a version's row has a key that is cut");
    at_.version = version_of(key);
    totals_.versions++;
    DL_TRY(auto row, format::decode_version_row(value));
    DL_TRY(auto record, format::decode_record(row.record));
    if (record.key != at_.key || record.space != at_.bucket) return bad("the version's record is of another key");
    const RecordHash hash = hash_record(row.record);
    DL_TRY(auto bytes, view_.get(format::place_key(hash)));
    if (!bytes) return bad("no row says where the version's record is (or the record is not what was written)");
    DL_TRY(auto place, format::decode_place_row(*bytes));
    if (place.version_key != key) return bad("the row of the version's place names another one");
    seen_(record);
    if (row.body_here && needs_body(record)) return body(hash, record, row.body);
    return {};
  }

  Result<void> body(const RecordHash& hash, const format::Record& record, const std::vector<format::BodyPiece>& body) {
    uint64_t length = 0;
    for (const auto& piece : body) {
      length += piece.length;
      DL_TRY(auto owner, view_.get(storage::owner_key(piece.blob, hash.view())));
      if (!owner) return bad("its body, blob " + piece.blob.hex() + ", is not marked as its own");
      // One that cannot be read is told by whoever checks the bodies.
      auto there = view_.get(storage::blob_key(piece.blob));
      if (there.ok() && !*there) return bad("its body, blob " + piece.blob.hex() + ", is missing");
    }
    if (length != record.object->size)
      return bad("its body has " + std::to_string(length) + " bytes, the record says " +
                 std::to_string(record.object->size));
    return {};
  }

  Result<void> entry(BytesView, BytesView value) {
    DL_TRY(auto row, format::decode_entry_row(value));
    at_.key = row.key;
    DL_TRY([[maybe_unused]] auto known, named(row.hash, "the history"));
    return {};
  }

  // Places follow each other without a gap, and each record names the one before.
  Result<void> journal(BytesView key, BytesView value) {
    if (key.size() != kBucketEnd + NodeId::kSize + 8) return bad("a journal's row has a key that is no such");
    const Bytes prefix(key.substr(0, kBucketEnd + NodeId::kSize));
    const uint64_t oseq = format::journal_oseq(key);
    DL_TRY(auto row, format::decode_journal_row(value));
    std::optional<RecordHash> before;
    if (journal_ == prefix && oseq == oseq_ + 1) before = hash_;
    const bool first = journal_ != prefix;
    const bool gap = !first && oseq != oseq_ + 1;
    journal_ = prefix;
    oseq_ = oseq;
    hash_ = row.hash;
    const std::string name = "place " + std::to_string(oseq) + " of the journal of " +
                             NodeId::of(key.substr(kBucketEnd, NodeId::kSize)).hex();
    if (gap) return bad("before " + name + " others are missing");
    if (row.voided) return {};
    if (first) {  // of a space that was let go of, the journal's last place stays without its record
      DL_TRY(Known kept, load_known(view_, row.hash));
      if (kept.kind == Known::Kind::kUnknown) return {};
    }
    DL_TRY(Known known, named(row.hash, name));
    if (known.is_tombstone()) return {};
    at_.key = known.record.key;
    if (known.record.oseq != oseq) return bad(name + " holds a record of another place");
    if (before && known.record.previous != before) return bad(name + " holds a record that follows another one");
    return {};
  }

  Result<void> space(BytesView, BytesView value) { return only(format::decode_space_row(value)); }
  Result<void> origin(BytesView, BytesView value) { return only(format::decode_origin_row(value)); }
  Result<void> peer(BytesView, BytesView value) { return only(format::decode_peer_row(value)); }
  Result<void> seal(BytesView, BytesView value) { return only(format::decode_seal(value)); }
  Result<void> arriving(BytesView, BytesView value) { return only(format::decode_arriving(value)); }

  Result<void> pending(BytesView key, BytesView value) {
    DL_TRY(at_.key, format::object_key_of(key));
    DL_TRY([[maybe_unused]] auto row, format::decode_pending_row(value));
    DL_TRY([[maybe_unused]] auto known, named(format::trailing_hash(key), "the list of undecided records"));
    return {};
  }

  Result<void> place(BytesView key, BytesView value) {
    at_.bucket = {};  // the key is a hash
    if (key.size() != 1 + RecordHash::kSize) return bad("a record's place has a key that is no hash");
    const RecordHash hash = RecordHash::of(key.substr(1));
    DL_TRY(auto row, format::decode_place_row(value));
    if (row.tombstone) return {};
    if (row.version_key && row.version_key->size() >= kBucketEnd) {
      at_.bucket = BucketId::of(BytesView(*row.version_key).substr(1, BucketId::kSize));
      DL_TRY(at_.key, format::object_key_of(*row.version_key));
    }
    DL_TRY(Known known, load_known(view_, hash));
    at_.bucket = known.record.space;
    at_.key = known.record.key;
    if (known.is_version()) at_.version = version_of(known.version_key);
    if (hash_record(known.is_version() ? known.row.record : known.bytes) != hash)
      return bad("record " + hash.hex() + " is not what its hash says");
    return {};
  }

  Result<void> shown(BytesView key, BytesView value) {
    DL_TRY(at_.key, format::object_key_of(key));
    DL_TRY(auto row, format::decode_view_row(value));
    if (row.state.current) DL_OK(named_version(*row.state.current, "what is shown of the key"));
    return {};
  }

  Result<void> parts(BytesView key, BytesView value) {
    at_.bucket = {};
    if (key.size() != 1 + RecordHash::kSize) return bad("a part list has a key that is no hash");
    DL_TRY([[maybe_unused]] auto row, format::decode_manifest(value));
    DL_TRY([[maybe_unused]] auto known, named(format::trailing_hash(key), "a part list"));
    return {};
  }

  template <class T>
  static Result<void> only(Result<T> decoded) {
    if (!decoded.ok()) return std::move(decoded).error();
    return {};
  }

  const storage::View& view_;
  const SeenFn& seen_;
  const RowDamageFn& damage_;
  RowTotals totals_;
  RowDamage at_;  // what the row at hand is of, as far as known
  Bytes journal_;
  uint64_t oseq_ = 0;
  RecordHash hash_;
};

}  // namespace

Result<RowTotals> check_rows(const storage::View& view, const SeenFn& version, const RowDamageFn& damage) {
  return Checker(view, version, damage).run();
}

Result<std::optional<BodyOwner>> find_body_owner(const storage::View& view, BytesView owner) {
  if (owner.size() != RecordHash::kSize) return std::optional<BodyOwner>();
  DL_TRY(auto bytes, view.get(format::place_key(RecordHash::of(owner))));
  if (!bytes) return std::optional<BodyOwner>();
  DL_TRY(auto place, format::decode_place_row(*bytes));
  if (!place.version_key || place.version_key->size() < kBucketEnd + kVersionTail) return std::optional<BodyOwner>();
  const BytesView key = *place.version_key;
  DL_TRY(Bytes object, format::object_key_of(key));
  return std::optional(BodyOwner{BucketId::of(key.substr(1, BucketId::kSize)), std::move(object), version_of(key)});
}

}  // namespace dl::journal

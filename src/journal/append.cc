#include <algorithm>

#include "journal/commit.h"
#include "journal/view.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::Record;
using format::RecordKind;
using format::Status;

bool has(const std::vector<RecordHash>& in, const RecordHash& hash) {
  return std::find(in.begin(), in.end(), hash) != in.end();
}
void add_once(std::vector<RecordHash>& to, const RecordHash& hash) {
  if (!has(to, hash)) to.push_back(hash);
}

const format::AttributeState& shown_attributes(const Known& known) {
  return known.row.shown_attributes ? *known.row.shown_attributes : known.row.attributes;
}

// One write on its way into the journal.
class Append {
 public:
  Append(Work& work, Draft draft, const Moment& now) : work_(work), draft_(std::move(draft)), now_(now) {}
  Result<Written> run();

 private:
  Result<bool> is_needless();
  Result<void> place_version();
  Result<void> add_null_ends(const std::vector<RecordHash>& open_heads);
  Result<void> find_voided();
  Result<void> place_purge();
  Result<void> place_attributes();
  Result<Known> shown_version(const RecordHash& hash);
  Result<std::vector<RecordHash>> hidden_by(const Known& known);
  void raise_floor(Hlc hlc) { floor_ = std::max(floor_, hlc); }
  Result<Written> write();
  Result<void> write_void();
  Result<std::optional<std::vector<format::BodyPiece>>> attach_body(const RecordHash& hash);

  Work& work_;
  Draft draft_;
  const Moment now_;
  format::KeyState shown_;
  Record record_;
  Hlc floor_;
  std::optional<Known> voided_;
};

// A version that the view shows. Errors: kNotFound.
Result<Known> Append::shown_version(const RecordHash& hash) {
  DL_TRY(Known known, load_known(work_.batch(), hash));
  if (!known.is_version() || !known.row.shown || known.record.key != draft_.key)
    return error(Code::kNotFound, "the key has no such version here");
  return known;
}

// What a tentative null version had hidden: whoever ends it ends that too.
Result<std::vector<RecordHash>> Append::hidden_by(const Known& known) {
  std::vector<RecordHash> out;
  if (known.row.status != Status::kTentative || !known.record.null) return out;
  for (const auto& hash : known.record.ends) {
    DL_TRY(Known ended, load_known(work_.batch(), hash));
    if (ended.is_tombstone() && ended.grave.voided) continue;  // nobody else ever saw it
    if (ended.is_version() && ended.row.shown) continue;       // it was locked
    out.push_back(hash);
  }
  return out;
}

// DELETE of a key that shows nothing, where versions are not kept.
Result<bool> Append::is_needless() {
  if (draft_.kind != RecordKind::kMarker || draft_.versioning != Versioning::kUnversioned || draft_.parents)
    return false;
  if (!shown_.current) return true;
  DL_TRY(Known current, load_known(work_.batch(), *shown_.current));
  return current.record.kind == RecordKind::kMarker && current.record.null && shown_.conflicts.empty();
}

Result<void> Append::place_version() {
  record_.null = draft_.versioning != Versioning::kEnabled;
  record_.unlisted = draft_.kind == RecordKind::kMarker && draft_.versioning == Versioning::kUnversioned;
  if (draft_.parents) {
    record_.parents = *draft_.parents;
  } else if (shown_.current) {
    record_.parents = {*shown_.current};
    if (draft_.settles) record_.parents.insert(record_.parents.end(), shown_.conflicts.begin(), shown_.conflicts.end());
  }
  for (const auto& parent : record_.parents) {
    DL_TRY(Known known, load_known(work_.batch(), parent));
    if (known.is_version()) raise_floor(known.record.hlc);
  }
  if (!record_.null) return {};
  std::vector<RecordHash> open_heads;
  auto open = [&](const RecordHash& head) {
    if (!has(record_.parents, head)) open_heads.push_back(head);
  };
  if (shown_.current) open(*shown_.current);
  for (const auto& c : shown_.conflicts) open(c);
  DL_OK(add_null_ends(open_heads));
  return find_voided();
}

// Every null version that the view shows, but for locked ones and conflict heads that are no parents.
Result<void> Append::add_null_ends(const std::vector<RecordHash>& open_heads) {
  DL_TRY(auto committed, work_.key_state(draft_.key));
  std::vector<RecordHash> candidates = committed.nulls;
  if (!work_.space().home) {
    DL_TRY(auto pending, load_all_pending(work_.batch(), work_.space().bucket, draft_.key));
    for (const auto& p : pending) add_once(candidates, p.hash);
  }
  for (const auto& hash : candidates) {
    if (has(open_heads, hash)) continue;
    DL_TRY(Known known, load_known(work_.batch(), hash));
    if (!known.is_version() || !known.row.shown || !known.record.null) continue;
    if (is_locked(shown_attributes(known), now_.wall, false)) continue;
    add_once(record_.ends, hash);
    DL_TRY(auto hidden, hidden_by(known));
    for (const auto& h : hidden) add_once(record_.ends, h);
  }
  return {};
}

// An object of this journal that nobody has been given yet and that its own writer replaces need not exist.
Result<void> Append::find_voided() {
  if (work_.space().home || !shown_.current || draft_.kind != RecordKind::kObject) return {};
  if (!has(record_.parents, *shown_.current) || !has(record_.ends, *shown_.current)) return {};
  DL_TRY(Known current, load_known(work_.batch(), *shown_.current));
  const Record& old = current.record;
  DL_TRY(auto* own, work_.origin(work_.space().self));
  if (old.kind != RecordKind::kObject || old.origin != work_.space().self || old.principal != draft_.principal)
    return {};
  if (current.row.status != Status::kTentative || old.oseq <= own->given) return {};
  for (const auto& parent : old.parents) {
    DL_TRY(Known known, load_known(work_.batch(), parent));
    bool was_voided = known.is_tombstone() && known.grave.voided;
    if (!was_voided) add_once(record_.parents, parent);
  }
  voided_ = std::move(current);
  return {};
}

Result<void> Append::place_purge() {
  if (!draft_.target) return error(Code::kInvalid, "a purge needs a target");
  DL_TRY(Known target, shown_version(*draft_.target));
  if (is_locked(shown_attributes(target), now_.wall, draft_.bypass_governance))
    return error(Code::kDenied, "the version is under a legal hold or retention",
                 "Wait until the retention ends, or have the hold removed.");
  record_.target = draft_.target;
  record_.bypass_governance = draft_.bypass_governance;
  record_.ends = {*draft_.target};
  DL_TRY(auto hidden, hidden_by(target));
  for (const auto& h : hidden) add_once(record_.ends, h);
  raise_floor(target.record.hlc);
  return {};
}

Result<void> Append::place_attributes() {
  if (!draft_.target) return error(Code::kInvalid, "attributes need a target");
  DL_TRY(Known target, shown_version(*draft_.target));
  record_.target = draft_.target;
  raise_floor(target.record.hlc);
  const auto& state = shown_attributes(target);
  auto fill = [&](auto& field, const auto& setters) {
    if (!field) return;
    field->seen = setters_of(setters);
    for (const auto& s : setters.setters) raise_floor(s.hlc);
  };
  fill(record_.attributes.tags, state.tags);
  fill(record_.attributes.retention, state.retention);
  fill(record_.attributes.hold, state.hold);
  fill(record_.attributes.acl, state.acl);
  return {};
}

// In the place of the voided record its hash stays; a tombstone tells late readers.
Result<void> Append::write_void() {
  const Record& old = voided_->record;
  DL_OK(work_.bury(voided_->hash, old.key, 0, true, now_.wall));
  work_.batch().put(format::journal_key(work_.space().bucket, old.origin, old.oseq),
                    format::encode(format::JournalRow{voided_->hash, true}));
  return {};
}

// Where the body lies, attached to the record; nullopt: the record has none.
Result<std::optional<std::vector<format::BodyPiece>>> Append::attach_body(const RecordHash& hash) {
  if (!needs_body(record_)) {
    if (!draft_.body.empty() || (draft_.fresh && !draft_.fresh->blobs.empty()))
      return error(Code::kInternal, "a body was given to a record that has none");
    return std::optional<std::vector<format::BodyPiece>>();
  }
  std::vector<storage::BlobPiece> pieces = draft_.body;
  const auto& blobs = *work_.space().blobs;
  if (draft_.fresh) {
    blobs.attach(work_.batch(), *draft_.fresh, hash.view());
    pieces = draft_.fresh->pieces();
  } else {
    std::vector<BlobId> shared;
    for (const auto& piece : pieces) {
      if (std::find(shared.begin(), shared.end(), piece.blob) != shared.end()) continue;
      shared.push_back(piece.blob);
      DL_OK(blobs.share(work_.batch(), piece.blob, hash.view()));
    }
  }
  uint64_t length = 0;
  for (const auto& piece : pieces) length += piece.length;
  DL_REQUIRE(length == record_.object->size, "the body's pieces do not add up to the object's size");
  if (draft_.manifest) work_.batch().put(format::manifest_key(hash), format::encode_manifest(*draft_.manifest));
  return std::optional(to_row(pieces));
}

Result<Written> Append::write() {
  const Space& space = work_.space();
  DL_TRY(auto* own, work_.origin(space.self));
  if (own->received > 0) {
    DL_TRY(auto last, load_journal(work_.batch(), space.bucket, space.self, own->received));
    if (!last) return error(Code::kCorrupt, "the end of this node's journal is missing");
    record_.previous = last->hash;
  }
  record_.oseq = own->received + 1;
  record_.hlc = next_hlc(work_.row().hlc, now_.wall, floor_);
  work_.row().hlc = next_hlc(work_.row().hlc, now_.wall);
  DL_TRY(Bytes bytes, format::encode_record(record_));
  RecordHash hash = hash_record(bytes);
  if (voided_) DL_OK(write_void());
  DL_TRY(auto body, attach_body(hash));
  DL_TRY([[maybe_unused]] Known known,
         work_.admit(hash, std::move(bytes), record_, Status::kTentative, std::move(body)));
  own->received = record_.oseq;
  work_.batch().put(format::journal_key(space.bucket, space.self, record_.oseq),
                    format::encode(format::JournalRow{hash, false}));
  if (space.home) {
    DL_OK(commit_record(work_, hash, now_, now_.wall));
    own->scanned = record_.oseq;
  } else {
    work_.set_pending(record_.key, hash, {});
    if (voided_) {
      own->decided.add(voided_->record.oseq, voided_->record.oseq);
      DL_OK(recompute_view(work_, record_.key));
    } else {
      DL_OK(extend_view(work_, hash, record_));
    }
  }
  return Written{hash, version_id(space, hash), record_.null, record_.hlc, true};
}

Result<Written> Append::run() {
  DL_TRY(shown_, load_shown_state(work_.batch(), work_.space(), draft_.key));
  DL_TRY(bool needless, is_needless());
  if (needless) return Written{.null = true, .wrote = false};
  record_.kind = draft_.kind;
  record_.space = work_.space().bucket;
  record_.origin = work_.space().self;
  record_.key = draft_.key;
  record_.clock_trust = now_.trust;
  record_.principal = draft_.principal;
  record_.policy_revision = draft_.policy_revision;
  record_.settles = draft_.settles;
  record_.attributes = draft_.attributes;
  switch (draft_.kind) {
    case RecordKind::kObject:
      record_.object = draft_.object;
      record_.value = draft_.value;
      [[fallthrough]];
    case RecordKind::kMarker:
      record_.guard = draft_.guard;
      DL_OK(place_version());
      break;
    case RecordKind::kPurge:
      DL_OK(place_purge());
      break;
    case RecordKind::kAttributes:
      DL_OK(place_attributes());
      break;
  }
  return write();
}

}  // namespace

Result<Written> append(storage::Batch& batch, const Space& space, Draft draft, const Moment& now) {
  DL_TRY(Work work, Work::open(batch, space));
  Append append(work, std::move(draft), now);
  DL_TRY(Written written, append.run());
  if (written.wrote) work.finish();
  return written;
}

}  // namespace dl::journal

#include "journal/stored_rows.h"
#include "journal/work.h"

namespace dl::journal {
namespace {

using format::RecordKind;
using format::Status;
using storage::Scan;

Version to_version(const Space& space, const RecordHash& hash, const format::VersionRow& row, format::Record record,
                   const format::KeyState& state) {
  Version v;
  v.hash = hash;
  v.version = version_id(space, hash);
  v.record = std::move(record);
  v.state = row.status == Status::kCommitted ? State::kCommitted : State::kTentative;
  v.current = state.current == hash;
  for (const auto& c : state.conflicts) v.conflict_head |= c == hash;
  v.attributes = merge(row.shown_attributes ? *row.shown_attributes : row.attributes);
  v.body_here = row.body_here;
  v.body = from_row(row.body);
  return v;
}

Result<std::optional<Version>> shown_version(const storage::View& view, const Space& space, BytesView key,
                                             const RecordHash& hash, const format::KeyState& state) {
  DL_TRY(Known known, load_known(view, hash));
  if (!known.is_version() || !known.row.shown || known.record.key != key || known.record.space != space.bucket)
    return std::optional<Version>();
  return std::optional(to_version(space, hash, known.row, std::move(known.record), state));
}

// conflict_count of a view: heads beside the current, 0 unless some head is an object.
Result<uint32_t> count_conflicts(const storage::View& view, const format::KeyState& state) {
  auto is_object = [&](const RecordHash& hash) -> Result<bool> {
    DL_TRY(Known known, load_known(view, hash));
    return known.is_version() && known.record.kind == RecordKind::kObject;
  };
  bool any = false;
  if (state.current && !state.conflicts.empty()) {
    DL_TRY(any, is_object(*state.current));
  }
  for (size_t i = 0; i < state.conflicts.size() && !any; i++) {
    DL_TRY(any, is_object(state.conflicts[i]));
  }
  return any ? static_cast<uint32_t>(state.conflicts.size()) : 0;
}

}  // namespace

Result<KeyView> find_key(const storage::View& view, const Space& space, BytesView key) {
  KeyView out;
  format::KeyState state;
  DL_TRY(auto shown, load_view(view, space.bucket, key));
  if (shown) out.arriving = shown->arriving;
  if (shown && !space.home) {
    state = std::move(shown->state);
  } else {
    DL_TRY(auto committed, load_key_state(view, space.bucket, key));
    state = std::move(committed.state);
  }
  out.conflicts = state.conflicts;
  DL_TRY(out.conflict_count, count_conflicts(view, state));
  if (!state.current) return out;
  DL_TRY(out.current, shown_version(view, space, key, *state.current, state));
  // Also what a reader of the newest state sees when a commit comes between two of its reads (View of
  // Partition::newest_view): its stamp tells it then.
  if (!out.current) return error(Code::kCorrupt, "the view names a version that it does not show");
  return out;
}

Result<std::optional<Version>> find_version(const storage::View& view, const Space& space, BytesView key,
                                            const RecordHash& hash) {
  DL_TRY(auto state, load_shown_state(view, space, key));
  return shown_version(view, space, key, hash, state);
}

Result<std::optional<Version>> find_version(const storage::View& view, const Space& space, BytesView key,
                                            const VersionId& id) {
  DL_TRY(auto state, load_shown_state(view, space, key));
  std::optional<RecordHash> found;
  Bytes prefix = format::key_prefix(format::RowType::kVersion, space.bucket, key);
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView v) -> Result<Scan> {
    if (k.substr(k.size() - VersionId::kSize) != id.view()) return Scan::kContinue;
    DL_TRY(auto row, format::decode_version_row(v));
    found = hash_record(row.record);
    return Scan::kStop;
  }));
  if (!found) return std::optional<Version>();
  return shown_version(view, space, key, *found, state);
}

Result<std::optional<Version>> find_null(const storage::View& view, const Space& space, BytesView key) {
  DL_TRY(auto state, load_shown_state(view, space, key));
  if (state.current) {
    DL_TRY(auto current, shown_version(view, space, key, *state.current, state));
    if (current && current->record.null) return current;
  }
  DL_TRY(auto committed, load_key_state(view, space.bucket, key));
  std::vector<RecordHash> candidates = std::move(committed.nulls);
  if (!space.home) {
    DL_TRY(auto pending, load_all_pending(view, space.bucket, key));
    for (const auto& p : pending) candidates.push_back(p.hash);
  }
  std::optional<Version> newest;
  for (const auto& hash : candidates) {
    DL_TRY(auto version, shown_version(view, space, key, hash, state));
    if (!version || !version->record.null) continue;
    if (!newest || std::pair(version->record.hlc, hash) > std::pair(newest->record.hlc, newest->hash))
      newest = std::move(version);
  }
  return newest;
}

Result<void> scan_objects(const storage::View& view, const Space& space, BytesView from, const ListFn& fn) {
  using format::RowType;
  return view.scan(format::key_from(RowType::kListing, space.bucket, from),
                   format::prefix_end(format::space_prefix(RowType::kListing, space.bucket)),
                   [&](BytesView k, BytesView v) -> Result<Scan> {
                     DL_TRY(auto key, format::object_key_of(k));
                     DL_TRY(auto row, format::decode_listing_row(v));
                     return fn(Listed{.key = std::move(key),
                                      .hash = row.hash,
                                      .version = row.version,
                                      .null = row.null,
                                      .size = row.size,
                                      .etag = std::move(row.etag),
                                      .last_modified = row.hlc,
                                      .storage_class = std::move(row.storage_class),
                                      .checksum_kinds = std::move(row.checksum_kinds),
                                      .checksum_composite = row.checksum_composite,
                                      .conflicts = row.conflicts,
                                      .remote = row.remote});
                   });
}

namespace {

// Where a listing of versions starts: at the key, or behind one of its versions.
Result<Bytes> versions_start(const storage::View& view, const Space& space, BytesView from,
                             const std::optional<VersionId>& after) {
  if (!after) return format::key_from(format::RowType::kVersion, space.bucket, from);
  Bytes prefix = format::key_prefix(format::RowType::kVersion, space.bucket, from);
  Bytes start = prefix;  // the version is gone: all of its key again rather than a hole
  DL_OK(view.scan(prefix, format::prefix_end(prefix), [&](BytesView k, BytesView) -> Result<Scan> {
    if (k.substr(k.size() - VersionId::kSize) != after->view()) return Scan::kContinue;
    start = Bytes(k) + '\0';
    return Scan::kStop;
  }));
  return start;
}

}  // namespace

Result<void> scan_versions(const storage::View& view, const Space& space, BytesView from,
                           std::optional<VersionId> after, const VersionFn& fn) {
  DL_TRY(Bytes start, versions_start(view, space, from, after));
  std::optional<Bytes> key;
  format::KeyState state;
  return view.scan(start, format::prefix_end(format::space_prefix(format::RowType::kVersion, space.bucket)),
                   [&](BytesView, BytesView v) -> Result<Scan> {
                     DL_TRY(auto row, format::decode_version_row(v));
                     if (!row.shown) return Scan::kContinue;
                     DL_TRY(auto record, format::decode_record(row.record));
                     if (record.unlisted) return Scan::kContinue;
                     if (!key || *key != record.key) {
                       key = record.key;
                       DL_TRY(state, load_shown_state(view, space, *key));
                     }
                     RecordHash hash = hash_record(row.record);
                     return fn(to_version(space, hash, row, std::move(record), state));
                   });
}

Result<void> scan_conflicts(const storage::View& view, const Space& space, BytesView from,
                            const std::function<Result<Scan>(const Conflict&)>& fn) {
  using format::RowType;
  return view.scan(format::key_from(RowType::kListing, space.bucket, from),
                   format::prefix_end(format::space_prefix(RowType::kListing, space.bucket)),
                   [&](BytesView k, BytesView v) -> Result<Scan> {
                     DL_TRY(auto row, format::decode_listing_row(v));
                     if (row.conflicts == 0) return Scan::kContinue;
                     DL_TRY(auto key, format::object_key_of(k));
                     DL_TRY(auto state, load_shown_state(view, space, key));
                     Conflict conflict{.key = key};
                     if (!state.current)
                       return error(Code::kCorrupt, "a listing row of a key without a current version");
                     DL_TRY(auto current, shown_version(view, space, key, *state.current, state));
                     if (!current) return error(Code::kCorrupt, "a listing row of a version that is not shown");
                     conflict.current = std::move(*current);
                     for (const auto& head : state.conflicts) {
                       DL_TRY(auto version, shown_version(view, space, key, head, state));
                       if (version) conflict.heads.push_back(std::move(*version));
                     }
                     return fn(conflict);
                   });
}

Result<bool> space_holds_anything(const storage::View& view, const Space& space) {
  bool any = false;
  DL_OK(scan_versions(view, space, {}, std::nullopt, [&](const Version&) -> Result<Scan> {
    any = true;
    return Scan::kStop;
  }));
  if (any) return true;
  Bytes pending = format::space_prefix(format::RowType::kPending, space.bucket);
  DL_OK(view.scan(pending, format::prefix_end(pending), [&](BytesView, BytesView v) -> Result<Scan> {
    DL_TRY(auto row, format::decode_pending_row(v));
    any = row.status == Status::kTentative;
    return any ? Scan::kStop : Scan::kContinue;
  }));
  return any;
}

}  // namespace dl::journal

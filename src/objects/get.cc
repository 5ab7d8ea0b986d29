#include <algorithm>
#include <atomic>

#include "base/task.h"
#include "format/keys.h"
#include "objects/conditions.h"
#include "objects/engine.h"
#include "objects/run.h"

namespace dl::objects {
namespace {

// A version found, what of it is asked for, and the first bytes when the body is here.
struct Opened {
  ObjectInfo info;
  std::vector<storage::BlobPiece> pieces;
  Bytes first;
  std::optional<Error> damage;  // of the body
  bool gone = false;            // it is not there at all
};

Result<void> plan(const GetRequest& request, ObjectInfo& info) {
  if (info.found == Found::kMarker) return {};
  DL_TRY(bool unchanged, check_read(request.conditions, info.fields.etag, info.last_modified));
  if (unchanged) {
    info.found = Found::kNotModified;
    return {};
  }
  if (request.part) {
    DL_TRY(Extent extent, resolve_part(info.fields, *request.part));
    info.offset = extent.offset;
    info.length = extent.length;
    info.partial = info.fields.size > 0;  // of nothing, all of it: there is no range that would tell a part of it
    if (uint32_t parts = part_count(info.fields)) info.parts = parts;
  } else if (request.range) {
    DL_TRY(Extent extent, resolve_range(*request.range, info.fields.size));
    info.offset = extent.offset;
    info.length = extent.length;
    info.partial = true;
  }
  return {};
}

// One state of the key: a snapshot costs more than all the rest of a small read, so the newest state is read, and again
// from a snapshot if the key changed meanwhile. `stamp`: of what was read, when that is known.
Result<Shown> find_now(const Place& place, const GetRequest& request, BytesView row, std::optional<uint64_t>& stamp) {
  const storage::Partition& partition = *place.at.partition;
  if (stamp) {
    DL_TRY(auto newest, partition.newest_view());
    auto shown = find_shown(*newest, *place.at.space, request.key, request.version);
    if (partition.stamp(row) == stamp) return shown;
  }
  stamp.reset();
  DL_TRY(auto view, partition.snapshot());
  return find_shown(*view, *place.at.space, request.key, request.version);
}

Result<void> read_first(const Place& place, Opened& out) {
  out.first.resize(std::min<uint64_t>(out.info.length, limits::kTransferBytes));
  if (out.first.empty()) return {};
  auto read = storage::read_pieces(*place.at.blobs, out.pieces, out.info.offset, out.first.data(), out.first.size());
  if (read.ok() || !(read.error().code == Code::kCorrupt || read.error().code == Code::kNotFound)) return read;
  out.gone = read.error().code == Code::kNotFound;
  out.damage = error(Code::kCorrupt, std::move(read).error().message);
  return {};
}

// What a cached version answers; false when its body is asked for and lies on disk.
Result<bool> open_cached(const Place& place, const GetRequest& request, bool with_body, const ReadCache::Entry& entry,
                         Opened& out) {
  out.info = entry.info;
  out.info.versioned = place.versioned();
  DL_OK(plan(request, out.info));
  if (!with_body || out.info.found != Found::kObject) return true;
  if (entry.has_body) {
    out.first = entry.body.substr(out.info.offset, out.info.length);
    return true;
  }
  if (out.info.fields.size <= limits::kOnLoopBytes) return false;  // it was a HEAD that put it there
  out.pieces = entry.pieces;
  DL_OK(read_first(place, out));
  return true;
}

Result<Opened> open_now(const Deps& deps, const Place& place, const GetRequest& request, bool with_body) {
  const Bytes row = format::key_prefix(format::RowType::kListing, place.bucket.id, request.key);
  auto stamp = place.at.partition->stamp(row);
  ReadCache* cache = request.version ? nullptr : deps.cache;
  Opened out;
  if (cache && stamp) {
    if (auto entry = cache->find(row, *stamp)) {
      DL_TRY(bool opened, open_cached(place, request, with_body, *entry, out));
      if (opened) return out;
    }
  }
  DL_TRY(Shown shown, find_now(place, request, row, stamp));
  if (shown.version) out.pieces = shown.version->body;
  DL_TRY(out.info, describe(place, request.key, request.version, std::move(shown)));
  const bool keep = cache && stamp && out.info.found == Found::kObject && out.info.here;
  auto entry = keep ? std::make_shared<ReadCache::Entry>() : nullptr;
  if (keep) {
    entry->stamp = *stamp;
    entry->info = out.info;
    entry->pieces = out.pieces;
  }
  DL_OK(plan(request, out.info));
  if (with_body && out.info.found == Found::kObject && out.info.here) {
    DL_OK(read_first(place, out));
    const bool whole = !out.damage && out.first.size() == out.info.fields.size;
    if (keep && whole && out.first.size() <= limits::kOnLoopBytes) {
      entry->has_body = true;
      entry->body = out.first;
    }
  }
  if (keep) cache->put(row, std::move(entry));
  return out;
}

class StoredReader : public ObjectReader {
 public:
  StoredReader(const Deps* deps, const storage::BlobStore* blobs, Damaged name, Opened opened)
      : deps_(deps),
        blobs_(blobs),
        name_(std::move(name)),
        pieces_(std::make_shared<std::vector<storage::BlobPiece>>(std::move(opened.pieces))),
        buffer_(std::make_shared<Bytes>(std::move(opened.first))) {
    info_ = std::move(opened.info);
  }

  Bytes* whole() override { return buffer_->size() == info_.length ? buffer_.get() : nullptr; }

  Task<BytesView> next() override {
    if (given_ == 0 && !buffer_->empty()) {
      given_ = buffer_->size();
      co_return BytesView(*buffer_);
    }
    const size_t n = std::min<uint64_t>(info_.length - given_, limits::kTransferBytes);
    if (n == 0) co_return BytesView();
    // The job keeps what it uses: it may outlive a cancelled request.
    auto read = co_await at_once<size_t>(
        deps_, [blobs = blobs_, pieces = pieces_, buffer = buffer_, at = info_.offset + given_, n]() -> Result<size_t> {
          buffer->resize(n);
          DL_OK(storage::read_pieces(*blobs, *pieces, at, buffer->data(), n));
          return n;
        });
    if (!read.ok()) co_return tell_damage(*deps_, name_, std::move(read).error());
    given_ += n;
    co_return BytesView(buffer_->data(), n);
  }

 private:
  const Deps* deps_;
  const storage::BlobStore* blobs_;
  const Damaged name_;
  std::shared_ptr<std::vector<storage::BlobPiece>> pieces_;
  std::shared_ptr<Bytes> buffer_;
  uint64_t given_ = 0;
};

Result<void> check_read_permit(const gate::Permit& permit, const GetRequest& request,
                               std::string_view plain = "s3:GetObject",
                               std::string_view of_version = "s3:GetObjectVersion") {
  DL_OK(check_permit(permit, {request.version ? of_version : plain}));
  if (permit.key() != request.key) return error(Code::kInternal, "a permit for another key");
  return check_key(request.key);
}

}  // namespace

Task<void> wait_for_body(const Deps* deps, BucketId bucket, RecordHash version, Millis wait) {
  if (!deps->waiter)
    co_return refuse(Code::kUnavailable, Reason::kBodyRemote,
                     "the object's body is not on this node and there is no link",
                     "connect the node, or read it from the hub");
  auto state = std::make_shared<std::atomic<BodyState>>(BodyState::kWaited);
  BodyWaiter* waiter = deps->waiter;
  DL_CO_OK(co_await net::await_callback(
      [waiter, state, bucket, version, wait](std::function<void(Result<void>)> done) {
        waiter->want(bucket, version, wait, [state, done = std::move(done)](BodyState s) {
          state->store(s);
          done({});
        });
      },
      wait + Millis(5'000)));
  if (state->load() == BodyState::kHere) co_return Result<void>();
  if (state->load() == BodyState::kNoLink)
    co_return refuse(Code::kUnavailable, Reason::kBodyRemote,
                     "the object's body is not on this node and there is no link",
                     "connect the node, or read it from the hub");
  co_return refuse(Code::kUnavailable, Reason::kBodyOnItsWay, "the object's body is still on its way to this node",
                   "try again");
}

Task<ObjectInfo> Objects::head(gate::Permit permit, GetRequest request) {
  DL_CO_OK(check_read_permit(permit, request));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  auto info = co_await at_once<ObjectInfo>(&deps_, [this, place, request]() -> Result<ObjectInfo> {
    DL_TRY(Opened opened, open_now(deps_, place, request, false));
    return std::move(opened.info);
  });
  if (info.ok()) co_return std::move(*info);
  co_return tell_damage(deps_, {permit.bucket(), request.key, version_name(request.version), {}},
                        std::move(info).error());
}

Task<ObjectInfo> Objects::find_tags(gate::Permit permit, GetRequest request) {
  DL_CO_OK(check_read_permit(permit, request, "s3:GetObjectTagging", "s3:GetObjectVersionTagging"));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  auto found =
      co_await at_once<Opened>(&deps_, [this, place, request] { return open_now(deps_, place, request, false); });
  if (!found.ok())
    co_return tell_damage(deps_, {permit.bucket(), request.key, version_name(request.version), {}},
                          std::move(found).error());
  Opened opened = std::move(*found);
  if (opened.info.found == Found::kMarker)
    co_return refuse(Code::kNotFound, request.version ? Reason::kMethodNotAllowed : Reason::kNoSuchKey,
                     "the version is a delete marker");
  co_return std::move(opened.info);
}

Task<std::unique_ptr<ObjectReader>> Objects::get(gate::Permit permit, GetRequest request) {
  DL_CO_OK(check_read_permit(permit, request));
  for (int round = 0;; ++round) {
    DL_CO_TRY(Place place, find_place(deps_, permit));
    Damaged name{permit.bucket(), request.key, version_name(request.version), {}};
    auto found =
        co_await at_once<Opened>(&deps_, [this, place, request] { return open_now(deps_, place, request, true); });
    if (!found.ok()) co_return tell_damage(deps_, std::move(name), std::move(found).error());
    Opened opened = std::move(*found);
    name.version = version_text(opened.info.null, opened.info.version);
    // The version may have ended between its row and its body: then another look does not find it.
    if (opened.gone && round < 2) continue;
    if (opened.damage) co_return tell_damage(deps_, std::move(name), *std::move(opened.damage));
    if (opened.info.here || opened.info.found != Found::kObject)
      co_return std::unique_ptr<ObjectReader>(
          std::make_unique<StoredReader>(&deps_, place.at.blobs, std::move(name), std::move(opened)));
    // The second round sees a body that has come; one that vanished meanwhile is asked for once more, not for ever.
    if (round == 2)
      co_return refuse(Code::kUnavailable, Reason::kBodyOnItsWay, "the object's body does not stay on this node",
                       "try again");
    DL_CO_OK(co_await wait_for_body(&deps_, place.bucket.id, opened.info.hash, limits::kBodyWait));
  }
}

}  // namespace dl::objects

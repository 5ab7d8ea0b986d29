#include <algorithm>

#include "base/task.h"
#include "objects/engine.h"
#include "objects/paging.h"
#include "objects/run.h"

namespace dl::objects {
namespace {

// One page of a listing, filled by forward scans: one a common prefix, which is then jumped over.
class Pager {
 public:
  explicit Pager(const ListRequest& request) : request_(request) {}

  Result<ListPage> fill(const storage::View& view, const journal::Space& space) {
    if (request_.limit == 0) return std::move(page_);
    next_ = listing_start(request_.prefix, request_.delimiter, request_.after);
    while (next_) {
      const Bytes from = std::move(*next_);
      next_.reset();
      DL_OK(journal::scan_objects(view, space, from, [this](const journal::Listed& row) { return add(row); }));
    }
    return std::move(page_);
  }

 private:
  Result<storage::Scan> add(const journal::Listed& row) {
    if (!BytesView(row.key).starts_with(request_.prefix)) return storage::Scan::kStop;
    if (page_.objects.size() + page_.prefixes.size() == request_.limit) {
      page_.truncated = true;
      return storage::Scan::kStop;
    }
    if (auto rolled = common_prefix(row.key, request_.prefix, request_.delimiter)) {
      Bytes next = after_prefix(*rolled);
      if (!next.empty()) next_ = std::move(next);
      page_.last = *rolled;
      page_.prefixes.push_back(std::move(*rolled));
      return storage::Scan::kStop;
    }
    page_.last = row.key;
    page_.objects.push_back(row);
    return storage::Scan::kContinue;
  }

  const ListRequest& request_;
  ListPage page_;
  std::optional<Bytes> next_;
};

VersionsPage::Row version_row(const journal::Version& v) {
  VersionsPage::Row row;
  row.key = v.record.key;
  row.version = v.version;
  row.null = v.record.null;
  row.marker = v.record.kind == format::RecordKind::kMarker;
  row.current = v.current;
  row.last_modified = v.record.hlc;
  if (!v.record.object) return row;
  row.size = v.record.object->size;
  row.etag = v.record.object->etag;
  for (const auto& checksum : v.record.object->checksums) {
    row.checksum_kinds.push_back(checksum.kind);
    row.checksum_composite = checksum.composite;
  }
  return row;
}

class VersionsPager {
 public:
  explicit VersionsPager(const ListVersionsRequest& request) : request_(request) {}

  Result<VersionsPage> fill(const storage::View& view, const journal::Space& space) {
    if (request_.limit == 0) return std::move(page_);
    std::optional<VersionId> after;
    next_ = start(after);
    while (next_) {
      const Bytes from = std::move(*next_);
      next_.reset();
      DL_OK(journal::scan_versions(view, space, from, after, [this](const journal::Version& v) { return add(v); }));
      after.reset();
    }
    return std::move(page_);
  }

 private:
  // Inside a key when both markers are given and the key is not rolled up; else behind the key.
  std::optional<Bytes> start(std::optional<VersionId>& after) const {
    const Bytes& marker = request_.key_marker;
    const bool inside = request_.version_marker && BytesView(marker).starts_with(request_.prefix) &&
                        !common_prefix(marker, request_.prefix, request_.delimiter);
    if (!inside) return listing_start(request_.prefix, request_.delimiter, marker);
    after = request_.version_marker;
    return marker;
  }

  Result<storage::Scan> add(const journal::Version& v) {
    if (!BytesView(v.record.key).starts_with(request_.prefix)) return storage::Scan::kStop;
    if (page_.rows.size() + page_.prefixes.size() == request_.limit) {
      page_.truncated = true;
      return storage::Scan::kStop;
    }
    if (auto rolled = common_prefix(v.record.key, request_.prefix, request_.delimiter)) {
      Bytes next = after_prefix(*rolled);
      if (!next.empty()) next_ = std::move(next);
      page_.next_key = *rolled;
      page_.next_version.reset();
      page_.prefixes.push_back(std::move(*rolled));
      return storage::Scan::kStop;
    }
    page_.rows.push_back(version_row(v));
    page_.next_key = v.record.key;
    page_.next_version = v.version;
    return storage::Scan::kContinue;
  }

  const ListVersionsRequest& request_;
  VersionsPage page_;
  std::optional<Bytes> next_;
};

}  // namespace

Task<ListPage> Objects::list(gate::Permit permit, ListRequest request) {
  DL_CO_OK(check_permit(permit, {"s3:ListBucket"}));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  request.limit = std::min(request.limit, limits::kMaxListing);
  co_return co_await on_pool<ListPage>(&deps_, [place, request]() -> Result<ListPage> {
    DL_TRY(auto view, place.at.partition->snapshot());
    return Pager(request).fill(*view, *place.at.space);
  });
}

Task<VersionsPage> Objects::list_versions(gate::Permit permit, ListVersionsRequest request) {
  DL_CO_OK(check_permit(permit, {"s3:ListBucketVersions"}));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  request.limit = std::min(request.limit, limits::kMaxListing);
  co_return co_await on_pool<VersionsPage>(&deps_, [place, request]() -> Result<VersionsPage> {
    DL_TRY(auto view, place.at.partition->snapshot());
    return VersionsPager(request).fill(*view, *place.at.space);
  });
}

Task<std::vector<Objects::ConflictRow>> Objects::list_conflicts(gate::Permit permit, Bytes after, size_t limit) {
  using Rows = std::vector<ConflictRow>;
  DL_CO_OK(check_permit(permit, {"s3:ListBucketVersions"}));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  co_return co_await on_pool<Rows>(&deps_, [place, after = std::move(after), limit]() -> Result<Rows> {
    DL_TRY(auto view, place.at.partition->snapshot());
    Rows rows;
    Bytes from = after;
    if (!from.empty()) from.push_back('\0');
    DL_OK(journal::scan_conflicts(*view, *place.at.space, from,
                                  [&rows, limit](const journal::Conflict& conflict) -> Result<storage::Scan> {
                                    if (rows.size() == limit) return storage::Scan::kStop;
                                    ConflictRow row;
                                    row.key = conflict.key;
                                    row.current = version_row(conflict.current);
                                    row.principals.push_back(conflict.current.record.principal);
                                    row.origins.push_back(conflict.current.record.origin);
                                    for (const auto& head : conflict.heads) {
                                      row.heads.push_back(version_row(head));
                                      row.principals.push_back(head.record.principal);
                                      row.origins.push_back(head.record.origin);
                                    }
                                    rows.push_back(std::move(row));
                                    return storage::Scan::kContinue;
                                  }));
    return rows;
  });
}

}  // namespace dl::objects

#include <algorithm>

#include "base/hex.h"
#include "base/task.h"
#include "objects/engine.h"
#include "objects/paging.h"
#include "objects/run.h"
#include "objects/upload_rows.h"

namespace dl::objects {
namespace {

class UploadsPager {
 public:
  explicit UploadsPager(const ListUploadsRequest& request) : request_(request) {}

  Result<UploadsPage> fill(const storage::View& view, const BucketId& bucket) {
    if (request_.limit == 0) return std::move(page_);
    next_ = start(bucket);
    while (next_) {
      const Bytes from = std::move(*next_);
      next_.reset();
      DL_OK(view.scan(from, format::uploads_end(bucket),
                      [this, &bucket](BytesView row, BytesView value) { return add(bucket, row, value); }));
    }
    return std::move(page_);
  }

 private:
  std::optional<Bytes> start(const BucketId& bucket) const {
    const Bytes& marker = request_.key_marker;
    if (request_.upload_marker && BytesView(marker).starts_with(request_.prefix) &&
        !common_prefix(marker, request_.prefix, request_.delimiter)) {
      Bytes row = format::upload_key(bucket, marker, *request_.upload_marker);
      row.push_back('\0');
      return row;
    }
    auto from = listing_start(request_.prefix, request_.delimiter, marker);
    if (!from) return std::nullopt;
    return format::uploads_begin(bucket, *from);
  }

  Result<storage::Scan> add(const BucketId& bucket, BytesView row, BytesView value) {
    DL_TRY(auto name, format::parse_upload_key(row));
    if (!BytesView(name.key).starts_with(request_.prefix)) return storage::Scan::kStop;
    if (page_.uploads.size() + page_.prefixes.size() == request_.limit) {
      page_.truncated = true;
      return storage::Scan::kStop;
    }
    if (auto rolled = common_prefix(name.key, request_.prefix, request_.delimiter)) {
      Bytes next = after_prefix(*rolled);
      if (!next.empty()) next_ = format::uploads_begin(bucket, next);
      page_.next_key = *rolled;
      page_.next_upload.reset();
      page_.prefixes.push_back(std::move(*rolled));
      return storage::Scan::kStop;
    }
    DL_TRY(auto upload, format::decode_upload(value));
    page_.next_key = name.key;
    page_.next_upload = name.upload;
    page_.uploads.push_back({std::move(name.key), name.upload, std::move(upload.principal),
                             WallTime(Millis(upload.created_millis)), upload.checksum, upload.composite});
    return storage::Scan::kContinue;
  }

  const ListUploadsRequest& request_;
  UploadsPage page_;
  std::optional<Bytes> next_;
};

Result<PartsPage> load_page(const Place& place, BytesView key, const UploadId& upload, uint32_t after, size_t limit) {
  DL_TRY(auto view, place.at.partition->snapshot());
  DL_TRY(auto row, load_upload(*view, place, key, upload));
  PartsPage page;
  page.principal = row.principal;
  page.checksum = row.checksum;
  page.composite = row.composite;
  if (limit == 0 || after >= limits::kMaxParts) return page;
  DL_OK(scan_parts(*view, place, upload, after, [&](uint32_t number, format::UploadPart part) -> Result<storage::Scan> {
    if (page.parts.size() == limit) {
      page.truncated = true;
      return storage::Scan::kStop;
    }
    page.parts.push_back({number, part.size, to_hex(part.md5), part.checksum, WallTime(Millis(part.modified_millis))});
    return storage::Scan::kContinue;
  }));
  return page;
}

}  // namespace

Task<PartsPage> Objects::list_parts(gate::Permit permit, UploadId upload, uint32_t after, size_t limit) {
  DL_CO_OK(check_permit(permit, {"s3:ListMultipartUploadParts"}));
  DL_CO_OK(check_key(permit.key()));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  co_return co_await on_pool<PartsPage>(
      &deps_, [place, key = permit.key(), upload, after, limit = std::min(limit, limits::kMaxListing)] {
        return load_page(place, key, upload, after, limit);
      });
}

Task<UploadsPage> Objects::list_uploads(gate::Permit permit, ListUploadsRequest request) {
  DL_CO_OK(check_permit(permit, {"s3:ListBucketMultipartUploads"}));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  request.limit = std::min(request.limit, limits::kMaxListing);
  co_return co_await on_pool<UploadsPage>(&deps_, [place, request]() -> Result<UploadsPage> {
    DL_TRY(auto view, place.at.partition->snapshot());
    return UploadsPager(request).fill(*view, place.bucket.id);
  });
}

}  // namespace dl::objects

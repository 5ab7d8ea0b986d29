#include "node/census.h"

#include <algorithm>

#include "format/keys.h"
#include "format/rows.h"
#include "format/upload.h"

namespace dl::node {
namespace {

Bytes first_of(format::RowType type) { return Bytes(1, static_cast<char>(type)); }

}  // namespace

// Listing rows, then uploads.
Result<void> Census::step(size_t rows) {
  std::lock_guard lock(m_);
  const Bytes listings = first_of(format::RowType::kListing), uploads = first_of(format::RowType::kUpload);
  if (at_.empty()) {
    at_ = listings;
    so_far_ = {};
  }
  auto walk = [&]() -> Result<bool> {
    DL_TRY(auto view, partition_.snapshot());
    size_t seen = 0;
    bool more = false;
    auto each = [&](BytesView key, BytesView value) -> Result<storage::Scan> {
      if (++seen > rows) {
        at_ = Bytes(key);
        more = true;
        return storage::Scan::kStop;
      }
      if (key[0] == listings[0]) {
        DL_TRY(auto row, format::decode_listing_row(value));
        so_far_.conflicts += row.conflicts > 0;
      } else {
        DL_TRY(auto name, format::parse_upload_key(key));
        auto since = format::begun_at(name.upload);
        so_far_.uploads++;
        so_far_.oldest_upload = so_far_.oldest_upload ? std::min(*so_far_.oldest_upload, since) : since;
      }
      return storage::Scan::kContinue;
    };
    if (at_[0] == listings[0]) {
      DL_OK(view->scan(at_, format::prefix_end(listings), each));
      if (more) return true;
      at_ = uploads;
    }
    DL_OK(view->scan(at_, format::prefix_end(uploads), each));
    return more;
  };
  auto more = walk();
  if (!more.ok()) {
    at_.clear();
    return std::move(more).error();
  }
  if (*more) return {};
  at_.clear();
  last_ = so_far_;
  return {};
}

std::optional<Census::Counts> Census::counts() const {
  std::lock_guard lock(m_);
  return last_;
}

}  // namespace dl::node

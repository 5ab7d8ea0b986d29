#include "base/task.h"
#include "objects/engine.h"
#include "objects/run.h"
#include "objects/upload_rows.h"

namespace dl::objects {
namespace {

Result<bool> is_empty(const storage::View& view, const Place& place) {
  DL_TRY(bool holds, journal::space_holds_anything(view, *place.at.space));
  if (holds) return false;
  DL_TRY(bool uploads, has_uploads(view, place.bucket.id));
  return !uploads;
}

Error not_empty(const std::string& name) {
  return refuse(Code::kConflict, Reason::kBucketNotEmpty,
                "the bucket " + name + " still has objects, versions, markers or uploads in progress",
                "delete all versions and abort all uploads first");
}

Result<void> delete_now(const Deps& deps, const gate::Permit& permit, const Place& place) {
  // Whether this node may delete buckets at all is the source's to say, before it asks. The row says "deleted" before
  // this runs; writes that were decided before it have either run, or fail on the revision.
  auto still_empty = [&place]() -> Result<bool> {
    bool after = false;
    DL_OK(place.at.partition->commit_wait(
        [&place, &after](storage::Batch& batch) -> Result<void> {
          DL_TRY(after, is_empty(batch, place));
          return {};
        },
        storage::Purpose::kFree));
    return after;
  };
  auto deleted = deps.buckets->delete_bucket(permit.author(), place.bucket.name, still_empty);
  if (!deleted.ok() && deleted.error().code == Code::kConflict) return not_empty(place.bucket.name);
  return deleted;
}

}  // namespace

Task<BucketInfo> Objects::create_bucket(gate::Permit permit) {
  DL_CO_OK(check_permit(permit, {"s3:CreateBucket"}));
  BucketSource* buckets = deps_.buckets;
  auto held = std::make_shared<gate::Permit>(std::move(permit));
  auto made = co_await on_pool<BucketInfo>(
      &deps_, [buckets, held] { return buckets->create_bucket(held->author(), held->bucket()); });
  if (!made.ok() && made.error().code == Code::kExists)
    co_return refuse(Code::kExists, Reason::kBucketExists, made.error().message);
  co_return std::move(made);
}

Task<void> Objects::delete_bucket(gate::Permit permit) {
  DL_CO_OK(check_permit(permit, {"s3:DeleteBucket"}));
  DL_CO_TRY(Place place, find_place(deps_, permit));
  auto held = std::make_shared<gate::Permit>(std::move(permit));
  co_return co_await net::run_blocking(*deps_.runtime, [this, held, place] { return delete_now(deps_, *held, place); });
}

Result<BucketInfo> Objects::find_bucket(const gate::Permit& permit, std::string_view action) const {
  DL_OK(check_permit(permit, {action}));
  auto bucket = deps_.buckets->find_bucket(permit.bucket());
  if (!bucket || bucket->deleted)
    return refuse(Code::kNotFound, Reason::kNoSuchBucket, "there is no bucket " + permit.bucket() + " here");
  return std::move(*bucket);
}

Result<std::vector<BucketInfo>> Objects::list_buckets(const gate::Permit& permit) const {
  DL_OK(check_permit(permit, {"s3:ListAllMyBuckets"}));
  return deps_.buckets->list_buckets();
}

Task<void> Objects::set_versioning(gate::Permit permit, journal::Versioning versioning) {
  DL_CO_OK(check_permit(permit, {"s3:PutBucketVersioning"}));
  DL_CO_TRY(BucketInfo bucket, find_bucket(permit, "s3:PutBucketVersioning"));
  BucketSource* buckets = deps_.buckets;
  auto held = std::make_shared<gate::Permit>(std::move(permit));
  co_return co_await net::run_blocking(*deps_.runtime, [buckets, held, name = bucket.name, versioning] {
    return buckets->set_versioning(held->author(), name, versioning);
  });
}

}  // namespace dl::objects

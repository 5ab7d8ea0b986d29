#include "api/admin/call.h"
#include "api/admin/render.h"
#include "base/task.h"

// Buckets, under the same S3 rights and functions as the S3 door.
namespace dl::api::admin {

Json bucket_json(const Bucket& b) {
  return Json::object()
      .set("name", b.name)
      .set("id", b.id.hex())
      .set("created", time_text(b.created))
      .set("versioning", b.versioning)
      .set("owner", b.owner)
      .set("home", b.home)
      .set("ready", b.ready);
}

namespace {

Task<Json> list_buckets(Call* call) {
  DL_CO_TRY(auto buckets, co_await call->node().objects->list_buckets(std::move(call->admission)));
  Json list = Json::array();
  for (const auto& b : buckets) list.push(bucket_json(b));
  co_return Json::object().set("buckets", std::move(list));
}

Task<Json> create_bucket(Call* call) {
  DL_CO_TRY(auto name, call->text("name"));
  DL_CO_TRY(auto bucket, co_await call->node().objects->create_bucket(std::move(call->admission), name));
  co_return bucket_json(bucket);
}

Task<Json> delete_bucket(Call* call) {
  DL_CO_OK(co_await call->node().objects->delete_bucket(std::move(call->admission), call->argument("bucket")));
  co_return done_json();
}

Task<Json> set_versioning(Call* call) {
  DL_CO_TRY(auto status, call->text("status"));
  if (status != "enabled" && status != "suspended")
    co_return error(Code::kInvalid, "field 'status' is \"enabled\" or \"suspended\"");
  DL_CO_OK(co_await call->node().objects->set_versioning(std::move(call->admission), call->argument("bucket"),
                                                         status == "enabled"));
  co_return done_json();
}

}  // namespace

std::vector<Route> bucket_routes() {
  return {
      {"GET", "/api/v1/buckets", "s3:ListAllMyBuckets", "s3:", nullptr, list_buckets},
      {"POST", "/api/v1/buckets", "s3:CreateBucket", "s3:{name}", nullptr, create_bucket, {"name"}},
      {"DELETE", "/api/v1/buckets/{bucket}", "s3:DeleteBucket", "s3:{bucket}", nullptr, delete_bucket},
      {"PUT",
       "/api/v1/buckets/{bucket}/versioning",
       "s3:PutBucketVersioning",
       "s3:{bucket}",
       nullptr,
       set_versioning,
       {"status"}},
  };
}

}  // namespace dl::api::admin

#include "api/admin/call.h"
#include "api/admin/render.h"
#include "base/task.h"

// The node's own image store.
namespace dl::api::admin {

Json image_json(const ImageInfo& i) {
  return Json::object()
      .set("name", i.name)
      .set("digest", i.digest)
      .set("os", i.os)
      .set("architecture", i.architecture)
      .set("size", i.size)
      .set("imported", time_text(i.imported));
}

namespace {

Result<Images*> images_of(const Call& call) {
  if (!call.node().images)
    return error(Code::kUnsupported, "this node runs no workloads", "`demilune doctor` says what is missing.");
  return call.node().images;
}

Result<Json> list_images(Call& call) {
  DL_TRY(auto* images, images_of(call));
  DL_TRY(auto found, images->list());
  Json list = Json::array();
  for (const auto& i : found) list.push(image_json(i));
  return Json::object().set("images", std::move(list));
}

Task<Json> import_image(Call* call) {
  DL_CO_TRY(auto* images, images_of(*call));
  DL_CO_TRY(auto image, co_await images->import(call->stream, call->argument("name")));
  co_return image_json(image);
}

Result<Json> remove_image(Call& call) {
  DL_TRY(auto* images, images_of(call));
  if (call.argument("name").empty()) return error(Code::kInvalid, "the query names no image", "Ask with ?name=N.");
  DL_OK(images->remove(call.argument("name")));
  return done_json();
}

}  // namespace

std::vector<Route> image_routes() {
  Route import{"POST", "/api/v1/images", "demilune:ImportImage", "image/{name}", nullptr, import_image, {}, {"name"}};
  import.streams = true;
  return {
      {"GET", "/api/v1/images", "demilune:ListImages", "image/*", list_images},
      import,
      {"DELETE", "/api/v1/images", "demilune:DeleteImage", "image/{name}", remove_image, nullptr, {}, {"name"}},
  };
}

}  // namespace dl::api::admin

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

Json images_json(const std::vector<ImageInfo>& images) {
  Json list = Json::array();
  for (const auto& i : images) list.push(image_json(i));
  return Json::object().set("images", std::move(list));
}

Result<Json> list_images(Call& call) {
  DL_TRY(auto found, call.node().images->list());
  return images_json(found);
}

Task<Json> import_image(Call* call) {
  DL_CO_TRY(auto found, co_await call->node().images->import(call->stream, call->argument("name")));
  co_return images_json(found);
}

Result<Json> remove_image(Call& call) {
  if (call.argument("name").empty()) return error(Code::kInvalid, "the query names no image", "Ask with ?name=N.");
  DL_OK(call.node().images->remove(call.argument("name")));
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

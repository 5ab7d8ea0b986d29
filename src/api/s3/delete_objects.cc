#include "api/s3/call.h"
#include "api/s3/documents.h"
#include "api/s3/limits.h"
#include "api/s3/text.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

using Outcome = Result<objects::RemoveResult>;

Result<objects::RemoveRequest> request_of(const DeleteDocument::Object& object) {
  objects::RemoveRequest out;
  out.key = object.key;
  if (object.version) {
    out.version = objects::parse_version(*object.version);
    if (!out.version) return refuse(S3Code::kNoSuchVersion, "The specified version does not exist.");
  }
  if (object.etag) out.conditions.if_match = objects::EtagMatch{*object.etag == "*", {unquote(*object.etag)}};
  if (object.key.size() > limits::kMaxKeyBytes) return refuse(S3Code::kKeyTooLong, "Your key is too long");
  return out;
}

// Each key has a decision of its own; what is refused before the write is told in its place.
struct DeletePlan {
  std::vector<std::optional<Error>> refused;  // by place in the document
  std::vector<objects::Objects::RemoveItem> items;
  std::vector<size_t> places;  // of the items
};

DeletePlan decide(Call* call, const DeleteDocument& document) {
  DeletePlan plan;
  plan.refused.resize(document.objects.size());
  for (size_t i = 0; i < document.objects.size(); ++i) {
    auto request = request_of(document.objects[i]);
    if (!request.ok()) {
      plan.refused[i] = std::move(request).error();
      continue;
    }
    const std::string_view action = request->version ? "s3:DeleteObjectVersion" : "s3:DeleteObject";
    auto permit = call->permit(action, call->request.bucket, request->key);
    if (!permit.ok()) {
      plan.refused[i] = std::move(permit).error();
      continue;
    }
    plan.items.push_back({std::move(*permit), std::move(*request)});
    plan.places.push_back(i);
  }
  return plan;
}

void write_error(XmlWriter& xml, const DeleteDocument::Object& object, const Error& e) {
  xml.open("Error");
  xml.element("Key", object.key);
  if (object.version) xml.element("VersionId", *object.version);
  xml.element("Code", info_of(s3_code_of(e)).name);
  xml.element("Message", e.message);
  xml.close();
}

void write_deleted(XmlWriter& xml, const DeleteDocument::Object& object, const objects::RemoveResult& result) {
  xml.open("Deleted");
  xml.element("Key", object.key);
  if (object.version) xml.element("VersionId", *object.version);
  if (result.marker) {
    xml.flag("DeleteMarker", true);
    xml.element("DeleteMarkerVersionId", objects::version_text(result.null, *result.version));
  }
  xml.close();
}

}  // namespace

Task<void> delete_objects(Call* call) {
  // Each key in the document is decided on its own, so it is read before anybody knows what its sender may.
  DL_CO_TRY(Bytes bytes, co_await read_document(call, limits::kMaxXmlBytes));
  DL_CO_TRY(DeleteDocument document, read_delete(bytes));
  DeletePlan plan = decide(call, document);
  std::vector<Outcome> outcomes;
  if (!plan.items.empty()) {
    DL_CO_TRY(outcomes, co_await call->objects->remove_many(std::move(plan.items)));
  }
  std::vector<const Outcome*> by_place(document.objects.size(), nullptr);
  for (size_t i = 0; i < outcomes.size(); ++i) by_place[plan.places[i]] = &outcomes[i];

  XmlWriter xml("DeleteResult");
  for (size_t i = 0; i < document.objects.size(); ++i) {
    const auto& object = document.objects[i];
    if (plan.refused[i]) {
      write_error(xml, object, *plan.refused[i]);
    } else if (!by_place[i]->ok()) {
      write_error(xml, object, by_place[i]->error());
    } else if (!document.quiet) {
      write_deleted(xml, object, by_place[i]->value());
    }
  }
  co_return co_await send_xml(call, std::move(xml));
}

}  // namespace dl::api::s3

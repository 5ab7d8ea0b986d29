#include "api/admin/call.h"
#include "api/admin/render.h"
#include "base/task.h"

// Versions of a key that did not know each other.
namespace dl::api::admin {

Json conflict_json(const Conflict& c) {
  Json versions = Json::array();
  for (const auto& h : c.versions) {
    Json j = Json::object();
    j.set("version", h.version).set("current", h.current).set("kind", h.marker ? "delete-marker" : "object");
    j.set("size", h.size).set("etag", h.etag).set("principal", h.principal);
    j.set("device", h.device).set("origin", h.origin.hex()).set("written", time_text(h.written.wall()));
    versions.push(std::move(j));
  }
  return Json::object().set("bucket", c.bucket).set("key", c.key).set("versions", std::move(versions));
}

namespace {

// The buckets this caller may look into: the one that is named, else all whose versions they may list.
struct Asked {
  std::string bucket;
  Admission admission;
};

Task<std::vector<Asked>> asked_buckets(Call* call) {
  auto named = call->argument("bucket");
  std::vector<std::string> names;
  if (!named.empty())
    names.push_back(named);
  else
    for (const auto& [name, id] : call->node().control->state()->bucket_names) names.push_back(name);
  std::vector<Asked> out;
  for (const auto& name : names) {
    auto admitted = call->admit({"s3:ListBucketVersions", "arn:aws:s3:::" + name, name, {}});
    if (admitted.ok())
      out.push_back({name, std::move(*admitted)});
    else if (!named.empty() || admitted.error().code != Code::kDenied)
      co_return std::move(admitted).error();
  }
  co_return out;
}

Task<Json> list_conflicts(Call* call) {
  DL_CO_TRY(auto limit, call->query_number("limit", limits::kMaxPage, limits::kMaxPage));
  DL_CO_TRY(auto asked, co_await asked_buckets(call));
  Json list = Json::array();
  bool truncated = false;
  for (auto& a : asked) {
    size_t left = limit - list.items().size();
    Bytes after = call->argument("bucket").empty() ? Bytes() : call->argument("after");
    DL_CO_TRY(auto found,
              co_await call->node().objects->list_conflicts(std::move(a.admission), a.bucket, after, left + 1));
    for (size_t i = 0; i < found.size() && i < left; i++) list.push(conflict_json(found[i]));
    truncated = truncated || found.size() > left;
    if (truncated) break;
  }
  co_return Json::object().set("conflicts", std::move(list)).set("truncated", truncated);
}

// The largest byte string below `key`, so that the page that starts after it begins with the key: one byte shorter when
// it ends with zero, else one less followed by nothing larger than any key of ours may continue.
Bytes just_below(Bytes key) {
  if (key.empty()) return key;
  if (key.back() == '\0') {
    key.pop_back();
    return key;
  }
  key.back() = static_cast<char>(static_cast<uint8_t>(key.back()) - 1);
  key.append(1024, '\xff');
  return key;
}

Error no_conflict(const std::string& bucket, const std::string& key) {
  return error(Code::kNotFound, "s3://" + bucket + "/" + key + " has no conflict",
               "`demilune conflict list` shows the keys that have one.");
}

Task<Json> show_conflict(Call* call) {
  auto bucket = call->argument("bucket"), key = call->argument("key");
  if (key.empty()) co_return error(Code::kInvalid, "the query names no key", "Ask with ?bucket=B&key=K.");
  DL_CO_TRY(auto found,
            co_await call->node().objects->list_conflicts(std::move(call->admission), bucket, just_below(key), 1));
  if (found.empty() || found[0].key != key) co_return no_conflict(bucket, key);
  co_return conflict_json(found[0]);
}

Task<Json> resolve_conflict(Call* call) {
  DL_CO_TRY(auto bucket, call->text("bucket"));
  DL_CO_TRY(auto key, call->text("key"));
  DL_CO_TRY(auto keep, call->text("keep"));
  // The right to write that key is what counts.
  DL_CO_TRY(auto admitted, call->admit({"s3:PutObject", "arn:aws:s3:::" + bucket + "/" + key, bucket, key}));
  DL_CO_TRY(auto resolved, co_await call->node().objects->resolve(std::move(admitted), bucket, key, keep));
  Json out = Json::object();
  out.set("bucket", bucket).set("key", key).set("kept", keep).set("version", resolved.version);
  co_return out.set("durable", resolved.at_hub ? "hub" : "local");
}

}  // namespace

std::vector<Route> conflict_routes() {
  return {
      {"GET", "/api/v1/conflicts", "", "", nullptr, list_conflicts, {}, {"bucket", "after", "limit"}},
      {"GET",
       "/api/v1/conflicts/show",
       "s3:ListBucketVersions",
       "s3:{bucket}",
       nullptr,
       show_conflict,
       {},
       {"bucket", "key"}},
      {"POST", "/api/v1/conflicts/resolve", "", "", nullptr, resolve_conflict, {"bucket", "key", "keep"}},
  };
}

}  // namespace dl::api::admin

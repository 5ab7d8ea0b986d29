#include "api/admin/call.h"
#include "api/admin/render.h"

// What the link does, and what an object waits for.
namespace dl::api::admin {

Json sync_json(const Clock& clock, const SyncStatus& status) {
  Json links = Json::array();
  for (const auto& l : status.links) {
    Json j = Json::object();
    j.set("peer", l.peer).set("state", l.state).set("message", l.message);
    j.set("last_contact", time_or_null(l.last_contact)).set("age_seconds", age_or_null(clock, l.last_contact));
    j.set("sent_bytes", l.sent_bytes).set("received_bytes", l.received_bytes);
    links.push(std::move(j));
  }
  Json spaces = Json::array();
  for (const auto& s : status.spaces) {
    Json j = Json::object();
    j.set("bucket", s.bucket).set("peer", s.peer).set("cursor", s.cursor).set("newest", s.newest);
    j.set("undecided", s.undecided).set("bodies_missing", s.bodies_missing).set("bytes_missing", s.bytes_missing);
    j.set("as_of", time_or_null(s.as_of)).set("age_seconds", age_or_null(clock, s.as_of));
    spaces.push(std::move(j));
  }
  Json out = Json::object();
  return out.set("paused", status.paused).set("links", std::move(links)).set("spaces", std::move(spaces));
}

namespace {

Result<Json> get_sync(Call& call) { return sync_json(*call.node().clock, call.node().sync->status()); }

template <Result<void> (SyncControl::*change)(const std::string&)>
Result<Json> steer(Call& call) {
  DL_TRY(auto peer, call.text_or("peer", ""));
  DL_OK((call.node().sync->*change)(peer));
  return sync_json(*call.node().clock, call.node().sync->status());
}

Result<Json> why(Call& call) {
  auto bucket = call.argument("bucket"), key = call.argument("key");
  if (bucket.empty() || key.empty())
    return error(Code::kInvalid, "the query names no bucket and key", "Ask with ?bucket=B&key=K.");
  DL_TRY(auto facts, call.node().sync->why(bucket, key));
  Json list = Json::array();
  for (const auto& f : facts) list.push(Json::object().set("name", f.name).set("value", f.value));
  return Json::object().set("bucket", bucket).set("key", key).set("facts", std::move(list));
}

}  // namespace

std::vector<Route> sync_routes() {
  return {
      {"GET", "/api/v1/sync", "demilune:GetStatus", "node", get_sync},
      {"GET", "/api/v1/sync/why", "s3:ListBucketVersions", "s3:{bucket}", why, nullptr, {}, {"bucket", "key"}},
      {"POST", "/api/v1/sync/now", "demilune:SteerSync", "node", steer<&SyncControl::now>, nullptr, {"peer"}},
      {"POST", "/api/v1/sync/pause", "demilune:SteerSync", "node", steer<&SyncControl::pause>, nullptr, {"peer"}},
      {"POST", "/api/v1/sync/resume", "demilune:SteerSync", "node", steer<&SyncControl::resume>, nullptr, {"peer"}},
  };
}

}  // namespace dl::api::admin

#include "api/admin/call.h"

// What waits for a person, and what was decided.
namespace dl::api::admin {
namespace {

Json item_json(const InboxItem& i) {
  Json j = Json::object();
  j.set("id", i.id).set("kind", i.kind).set("bucket", i.bucket).set("key", i.key).set("device", i.device);
  return j.set("principal", i.principal).set("reason", i.reason).set("written", time_text(i.written.wall()));
}

Result<Json> list_inbox(Call& call) {
  DL_TRY(auto items, call.node().inbox(limits::kMaxPage));
  Json list = Json::array();
  for (const auto& i : items) list.push(item_json(i));
  return Json::object().set("items", std::move(list));
}

Result<Json> get_inbox(Call& call) {
  DL_TRY(auto items, call.node().inbox(limits::kMaxPage));
  for (const auto& i : items)
    if (i.id == call.argument("item")) return item_json(i);
  return error(Code::kNotFound, "nothing of that id waits here", "`demilune inbox list` shows what does.");
}

Result<Json> search_audit(Call& call) {
  AuditQuery q;
  q.principal = call.argument("principal");
  q.action = call.argument("action");
  q.denied_only = call.argument("decision") == "denied";
  DL_TRY(q.limit, call.query_number("limit", 100, limits::kMaxPage));
  DL_TRY(auto seconds, call.query_number("last_seconds", 0, 1ull << 40));
  if (seconds > 0) q.since = call.node().clock->wall() - std::chrono::seconds(seconds);
  DL_TRY(auto rows, call.node().audit(q));
  Json list = Json::array();
  for (const auto& r : rows) {
    Json j = Json::object();
    j.set("time", time_text(r.time)).set("principal", r.principal).set("action", r.action);
    j.set("resource", r.resource)
        .set("decision", r.decision)
        .set("outcome", r.outcome)
        .set("reason", r.reason)
        .set("source", r.source);
    list.push(std::move(j));
  }
  return Json::object().set("records", std::move(list));
}

}  // namespace

std::vector<Route> record_routes() {
  return {
      {"GET", "/api/v1/inbox", "demilune:ListInbox", "inbox/*", list_inbox},
      {"GET", "/api/v1/inbox/{item}", "demilune:GetInbox", "inbox/{item}", get_inbox},
      {"GET",
       "/api/v1/audit",
       "demilune:SearchAudit",
       "audit",
       search_audit,
       nullptr,
       {},
       {"principal", "action", "decision", "limit", "last_seconds"}},
  };
}

}  // namespace dl::api::admin

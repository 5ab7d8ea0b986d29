#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/admin/context.h"
#include "api/admin/limits.h"
#include "base/result.h"
#include "base/task_fwd.h"
#include "format/json.h"

namespace dl::api::admin {

using format::Json;

// One authenticated request on its way through a handler. Owned by the API for as long as the handler runs.
struct Call {
  const AdminContext* context = nullptr;
  Caller caller;
  std::map<std::string, std::string> path;   // what stands in the pattern's braces, decoded
  std::map<std::string, std::string> query;  // decoded; only fields the route knows
  Json body = Json::object();                // only fields the route knows
  Admission admission;                       // of the route's action, when it has one
  net::BodyReader* stream = nullptr;         // routes that stream their body

  const AdminContext& node() const { return *context; }
  // Who changes something, with the audit record of the route's admission. This outlives it.
  audit::Author by() const { return admission.permit ? admission.permit->author() : audit::Author(caller.principal); }
  // From the path, then the query; empty when absent.
  std::string argument(const std::string& name) const;
  // Fields of the body. Errors: kInvalid (absent though needed, of another type, empty, out of range).
  Result<std::string> text(std::string_view name) const;
  Result<std::string> text_or(std::string_view name, std::string fallback) const;
  Result<uint64_t> number_or(std::string_view name, uint64_t fallback, uint64_t max) const;
  Result<bool> flag_or(std::string_view name, bool fallback) const;
  Result<std::vector<std::string>> texts(std::string_view name, size_t max) const;  // absent: none
  // A number of the query. Errors: kInvalid.
  Result<uint64_t> query_number(const std::string& name, uint64_t fallback, uint64_t max) const;
  // Another decision than the route's, for handlers that find out what is asked.
  Result<Admission> admit(Need need) const { return context->door->admit(caller, need); }
};

using BlockingHandler = Result<Json> (*)(Call&);  // on the pool
using WaitingHandler = Task<Json> (*)(Call*);     // on the connection's loop

// One line of the API: what is asked, what right it needs, which fields it knows, who answers.
struct Route {
  std::string_view method;
  std::string_view pattern;   // "/api/v1/users/{user}"
  std::string_view action;    // empty: the handler asks the gate itself
  std::string_view resource;  // "user/{user}" after arn:demilune:::, or "s3:{bucket}"; braces from path, query, body
  BlockingHandler blocking = nullptr;
  WaitingHandler waiting = nullptr;
  std::vector<std::string_view> fields = {};  // of the JSON body
  std::vector<std::string_view> query = {};
  bool streams = false;
  int status = 200;
};

struct RouteMatch {
  const Route* route = nullptr;
  std::map<std::string, std::string> path;
};

// A route's name in the metrics.
std::string_view operation_of(const Route& route);
// All routes, in the order of docs/admin-api.md.
const std::vector<Route>& routes();
// Errors: kNotFound (no such path), kUnsupported (another method; the message lists those that are offered).
Result<RouteMatch> find_route(std::string_view method, std::string_view raw_path);
// Errors: kInvalid (bad escapes, a field twice or unknown, too many).
Result<std::map<std::string, std::string>> parse_query(std::string_view raw, const Route& route);
// Accepts any bytes; an empty body is an empty object. Errors: kInvalid, kTooLarge.
Result<Json> parse_body(BytesView raw, const Route& route);
// What the route's action is asked about.
Need need_of(const Route& route, const Call& call);

// Pieces of answers.
std::string time_text(WallTime t);  // RFC 3339, seconds, "Z"
Json time_or_null(const std::optional<WallTime>& t);
// Seconds since t; null when there is no t.
Json age_or_null(const Clock& clock, const std::optional<WallTime>& t);
Json done_json();  // {"done":true}

// Handlers, one file a noun.
std::vector<Route> node_routes();
std::vector<Route> user_routes();
std::vector<Route> bucket_routes();
std::vector<Route> device_routes();
std::vector<Route> sync_routes();
std::vector<Route> conflict_routes();
std::vector<Route> image_routes();
std::vector<Route> job_routes();
std::vector<Route> record_routes();  // inbox, audit

}  // namespace dl::api::admin

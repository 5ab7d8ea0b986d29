#include "api/admin/call.h"

// Users, their policies and access keys. At a device all changes are refused by control: "done at the hub".
namespace dl::api::admin {
namespace {

Error no_user(const std::string& name) {
  return error(Code::kNotFound, "there is no user '" + name + "'", "`demilune user list` shows the users.");
}

Json user_json(const format::UserRow& row) {
  Json policies = Json::array();
  for (const auto& p : row.policies) policies.push(p.name);
  return Json::object()
      .set("name", row.name)
      .set("enabled", row.enabled)
      .set("created", time_text(WallTime(Millis(row.created_millis))))
      .set("policies", std::move(policies));
}

Result<Json> list_users(Call& call) {
  auto state = call.node().control->state();
  Json list = Json::array();
  for (const auto& [name, row] : state->users) list.push(user_json(row));
  return Json::object().set("users", std::move(list));
}

Result<Json> get_user(Call& call) {
  auto state = call.node().control->state();
  const auto* row = state->find_user(call.argument("user"));
  if (!row) return no_user(call.argument("user"));
  return user_json(*row);
}

// A policy comes as a JSON object, or as the text of one.
Result<std::string> document_of(const Json& v) {
  if (v.is_object()) return format::write_json(v);
  if (v.is_string() && !v.as_string().empty()) return v.as_string();
  return error(Code::kInvalid, "a policy document is a JSON object");
}

Result<std::vector<format::NamedPolicy>> policies_of(const Json* list) {
  std::vector<format::NamedPolicy> out;
  if (!list || list->is_null()) return out;
  if (!list->is_array()) return error(Code::kInvalid, "field 'policies' is a list of {name, document}");
  for (const auto& p : list->items()) {
    const Json* document = p.find("document");
    if (!document || p.text("name").empty() || p.members().size() != 2)
      return error(Code::kInvalid, "field 'policies' is a list of {name, document}");
    DL_TRY(auto text, document_of(*document));
    out.push_back({p.text("name"), std::move(text)});
  }
  return out;
}

Result<Json> create_user(Call& call) {
  DL_TRY(auto name, call.text("name"));
  DL_TRY(auto policies, policies_of(call.body.find("policies")));
  DL_OK(call.node().control->create_user(call.by(), name, std::move(policies)));
  auto state = call.node().control->state();
  const auto* row = state->find_user(name);
  if (!row) return no_user(name);
  return user_json(*row);
}

Result<Json> delete_user(Call& call) {
  DL_OK(call.node().control->delete_user(call.by(), call.argument("user")));
  return done_json();
}

Result<Json> enable_user(Call& call) {
  DL_OK(call.node().control->set_user_enabled(call.by(), call.argument("user"), true));
  return done_json();
}

Result<Json> disable_user(Call& call) {
  DL_OK(call.node().control->set_user_enabled(call.by(), call.argument("user"), false));
  return done_json();
}

Result<Json> list_policies(Call& call) {
  auto state = call.node().control->state();
  const auto* row = state->find_user(call.argument("user"));
  if (!row) return no_user(call.argument("user"));
  Json list = Json::array();
  for (const auto& p : row->policies) {
    auto document = format::parse_json(p.document);
    list.push(
        Json::object().set("name", p.name).set("document", document.ok() ? std::move(*document) : Json(p.document)));
  }
  return Json::object().set("policies", std::move(list));
}

Result<Json> put_policy(Call& call) {
  const Json* document = call.body.find("document");
  if (!document) return error(Code::kInvalid, "field 'document' is missing");
  DL_TRY(auto text, document_of(*document));
  DL_OK(call.node().control->put_policy(call.by(), call.argument("user"), {call.argument("policy"), std::move(text)}));
  return done_json();
}

Result<Json> delete_policy(Call& call) {
  DL_OK(call.node().control->delete_policy(call.by(), call.argument("user"), call.argument("policy")));
  return done_json();
}

Json key_json(const std::string& id, const std::string& user, bool enabled) {
  return Json::object().set("access_key_id", id).set("user", user).set("enabled", enabled);
}

Result<Json> list_keys_of(Call& call, const std::string& user) {
  auto state = call.node().control->state();
  Json list = Json::array();
  for (const auto& [id, row] : state->keys) {
    if (!user.empty() && row.user != user) continue;
    list.push(key_json(id, row.user, row.enabled).set("created", time_text(WallTime(Millis(row.created_millis)))));
  }
  // At a device: the days that are left are what an operator has to know.
  auto today = std::chrono::floor<std::chrono::days>(call.node().clock->wall()).time_since_epoch().count();
  for (const auto& [id, row] : state->day_keys) {
    if (!user.empty() && row.user != user) continue;
    auto end = static_cast<int64_t>(row.first_day) + row.days();
    list.push(key_json(id, row.user, row.enabled).set("days_left", std::max<int64_t>(0, end - today)));
  }
  return Json::object().set("keys", std::move(list));
}

Result<Json> list_keys(Call& call) { return list_keys_of(call, {}); }

Result<Json> list_user_keys(Call& call) {
  auto state = call.node().control->state();
  if (!state->find_user(call.argument("user"))) return no_user(call.argument("user"));
  return list_keys_of(call, call.argument("user"));
}

Result<Json> create_key(Call& call) {
  DL_TRY(auto key, call.node().control->create_key(call.by(), call.argument("user")));
  return key_json(key.id, call.argument("user"), true).set("secret_access_key", key.secret);
}

// The right is asked for the user whose key it is.
Result<std::string> admit_key(Call& call, const char* action) {
  auto id = call.argument("key");
  auto state = call.node().control->state();
  auto it = state->keys.find(id);
  auto day = state->day_keys.find(id);
  std::string user = it != state->keys.end() ? it->second.user : day != state->day_keys.end() ? day->second.user : "";
  DL_TRY(call.admission, call.admit({action, "arn:demilune:::user/" + (user.empty() ? "*" : user), {}, {}}));
  if (user.empty())
    return error(Code::kNotFound, "there is no access key '" + id + "'", "`demilune key list` shows the keys.");
  return id;
}

Result<Json> delete_key(Call& call) {
  DL_TRY(auto id, admit_key(call, "demilune:DeleteKey"));
  DL_OK(call.node().control->delete_key(call.by(), id));
  return done_json();
}

Result<Json> enable_key(Call& call) {
  DL_TRY(auto id, admit_key(call, "demilune:UpdateKey"));
  DL_OK(call.node().control->set_key_enabled(call.by(), id, true));
  return done_json();
}

Result<Json> disable_key(Call& call) {
  DL_TRY(auto id, admit_key(call, "demilune:UpdateKey"));
  DL_OK(call.node().control->set_key_enabled(call.by(), id, false));
  return done_json();
}

}  // namespace

std::vector<Route> user_routes() {
  return {
      {"GET", "/api/v1/users", "demilune:ListUsers", "user/*", list_users},
      {"POST", "/api/v1/users", "demilune:CreateUser", "user/{name}", create_user, nullptr, {"name", "policies"}},
      {"GET", "/api/v1/users/{user}", "demilune:GetUser", "user/{user}", get_user},
      {"DELETE", "/api/v1/users/{user}", "demilune:DeleteUser", "user/{user}", delete_user},
      {"POST", "/api/v1/users/{user}/enable", "demilune:UpdateUser", "user/{user}", enable_user},
      {"POST", "/api/v1/users/{user}/disable", "demilune:UpdateUser", "user/{user}", disable_user},
      {"GET", "/api/v1/users/{user}/policies", "demilune:ListPolicies", "user/{user}", list_policies},
      {"PUT",
       "/api/v1/users/{user}/policies/{policy}",
       "demilune:PutPolicy",
       "user/{user}",
       put_policy,
       nullptr,
       {"document"}},
      {"DELETE", "/api/v1/users/{user}/policies/{policy}", "demilune:DeletePolicy", "user/{user}", delete_policy},
      {"GET", "/api/v1/users/{user}/keys", "demilune:ListKeys", "user/{user}", list_user_keys},
      {"POST", "/api/v1/users/{user}/keys", "demilune:CreateKey", "user/{user}", create_key},
      {"GET", "/api/v1/keys", "demilune:ListKeys", "user/*", list_keys},
      {"DELETE", "/api/v1/keys/{key}", "", "", delete_key},
      {"POST", "/api/v1/keys/{key}/enable", "", "", enable_key},
      {"POST", "/api/v1/keys/{key}/disable", "", "", disable_key},
  };
}

}  // namespace dl::api::admin

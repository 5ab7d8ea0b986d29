#include "cli/command.h"
#include "cli/http_api.h"

// Users, access keys, policies. Changes are made at the hub.
namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

std::string user_path(const Args& args) { return "/api/v1/users/" + escape(args.text("USER")); }

Result<Json> read_policy(Session& s, const std::string& path) {
  DL_TRY(auto text, read_file(*s.hooks->files, path));
  auto policy = format::parse_json(text);
  if (!policy.ok()) return std::move(policy).error().within(path);
  return policy;
}

Result<int> create_user(Session& s, const Args& args) {
  Json body = Json::object();
  body.set("name", args.text("USER"));
  if (args.has("--policy")) {
    DL_TRY(auto document, read_policy(s, args.text("--policy")));
    Json policy = Json::object();
    policy.set("name", "default").set("document", std::move(document));
    body.set("policies", Json::array().push(std::move(policy)));
  }
  DL_TRY(auto answer, s.send("POST", "/api/v1/users", std::move(body)));
  s.out.item(answer, {{"Name", "name"}, {"Policies", "policies"}, {"Created", "created"}});
  if (!args.has("--policy")) s.out.note("The user may do nothing yet: `demilune policy put USER NAME FILE`.");
  return 0;
}

Result<int> list_users(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/users"));
  s.out.rows(answer, "users",
             {{"NAME", "name"}, {"ENABLED", "enabled"}, {"POLICIES", "policies"}, {"CREATED", "created"}});
  return 0;
}

Result<int> done(Session& s, Result<Json> answer, const std::string& what) {
  if (!answer.ok()) return std::move(answer).error();
  s.out.note(what);
  return 0;
}

Result<int> delete_user(Session& s, const Args& args) {
  return done(s, s.send("DELETE", user_path(args)), "User " + args.text("USER") + " and the keys are deleted.");
}
Result<int> enable_user(Session& s, const Args& args) {
  return done(s, s.send("POST", user_path(args) + "/enable"), "User " + args.text("USER") + " is enabled.");
}
Result<int> disable_user(Session& s, const Args& args) {
  return done(s, s.send("POST", user_path(args) + "/disable"), "User " + args.text("USER") + " is disabled.");
}

Result<int> create_key(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("POST", user_path(args) + "/keys"));
  if (args.has("--file")) {
    DL_TRY(auto file, s.hooks->files->create(args.text("--file"), 0600));
    DL_OK(file->write("[default]\naws_access_key_id = " + answer.text("access_key_id") +
                      "\naws_secret_access_key = " + answer.text("secret_access_key") + "\n"));
    DL_OK(file->finish());
    Json shown = Json::object();
    shown.set("access_key_id", answer.text("access_key_id")).set("user", answer.text("user"));
    s.out.item(shown.set("file", args.text("--file")),
               {{"Access key", "access_key_id"}, {"User", "user"}, {"File", "file"}});
    return 0;
  }
  s.out.item(answer, {{"Access key", "access_key_id"}, {"Secret", "secret_access_key"}, {"User", "user"}});
  s.out.note("The secret is shown this once.");
  return 0;
}

Result<int> list_keys(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get(args.has("USER") ? user_path(args) + "/keys" : "/api/v1/keys"));
  s.out.rows(answer, "keys",
             {{"ACCESS KEY", "access_key_id"}, {"USER", "user"}, {"ENABLED", "enabled"}, {"DAYS LEFT", "days_left"}});
  return 0;
}

std::string key_path(const Args& args) { return "/api/v1/keys/" + escape(args.text("KEY")); }

Result<int> disable_key(Session& s, const Args& args) {
  return done(s, s.send("POST", key_path(args) + "/disable"), "Key " + args.text("KEY") + " is disabled.");
}
Result<int> enable_key(Session& s, const Args& args) {
  return done(s, s.send("POST", key_path(args) + "/enable"), "Key " + args.text("KEY") + " is enabled.");
}
Result<int> delete_key(Session& s, const Args& args) {
  return done(s, s.send("DELETE", key_path(args)), "Key " + args.text("KEY") + " is deleted.");
}

Result<int> put_policy(Session& s, const Args& args) {
  DL_TRY(auto document, read_policy(s, args.text("FILE")));
  return done(s,
              s.send("PUT", user_path(args) + "/policies/" + escape(args.text("POLICY")),
                     Json::object().set("document", std::move(document))),
              "Policy " + args.text("POLICY") + " of " + args.text("USER") + " is set.");
}

Result<int> list_policies(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get(user_path(args) + "/policies"));
  if (s.out.shape() != Shape::kTable) {
    s.out.rows(answer, "policies", {{"NAME", "name"}});
    return 0;
  }
  for (const auto& p : answer.find("policies") ? answer.find("policies")->items() : Json::Array()) {
    s.out.line(p.text("name") + ":");
    if (const Json* document = p.find("document"))
      s.out.raw(format::write_json(*document, format::JsonStyle::kPretty) + "\n");
  }
  return 0;
}

Result<int> delete_policy(Session& s, const Args& args) {
  return done(s, s.send("DELETE", user_path(args) + "/policies/" + escape(args.text("POLICY"))),
              "Policy " + args.text("POLICY") + " of " + args.text("USER") + " is deleted.");
}

}  // namespace

std::vector<Command> user_commands() {
  const Positional user{"USER", "The user"};
  const Positional key{"KEY", "The access key's id"};
  const Positional policy{"POLICY", "The policy's name"};
  return {
      {"user create",
       "Make a user",
       "",
       "demilune user create alice --policy readers.json",
       {user},
       {{"--policy", Take::kValue, "FILE", "An IAM policy document, stored as the policy 'default'"}},
       create_user},
      {"user list", "List users", "", "demilune user list", {}, {}, list_users},
      {"user delete", "Delete a user with all keys", "", "demilune user delete alice", {user}, {}, delete_user},
      {"user enable", "Let a disabled user in again", "", "demilune user enable alice", {user}, {}, enable_user},
      {"user disable", "Refuse a user, keys and all", "", "demilune user disable alice", {user}, {}, disable_user},
      {"key create",
       "Make an access key",
       "",
       "demilune key create alice --file alice.key",
       {user},
       {{"--file", Take::kValue, "FILE", "Write it there as an AWS credentials file, mode 0600, and do not print it"}},
       create_key},
      {"key list",
       "List access keys",
       "",
       "demilune key list alice",
       {{"USER", "Only this user's", Positional::Count::kOptional}},
       {},
       list_keys},
      {"key disable", "Refuse a key", "", "demilune key disable DLKEXAMPLE", {key}, {}, disable_key},
      {"key enable", "Accept a disabled key again", "", "demilune key enable DLKEXAMPLE", {key}, {}, enable_key},
      {"key delete", "Delete a key", "", "demilune key delete DLKEXAMPLE", {key}, {}, delete_key},
      {"policy put",
       "Set a policy of a user",
       "",
       "demilune policy put alice readers readers.json",
       {user, policy, {"FILE", "An IAM policy document"}},
       {},
       put_policy},
      {"policy list", "Show a user's policies", "", "demilune policy list alice", {user}, {}, list_policies},
      {"policy delete",
       "Delete a policy of a user",
       "",
       "demilune policy delete alice readers",
       {user, policy},
       {},
       delete_policy},
  };
}

}  // namespace dl::cli

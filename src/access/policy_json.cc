#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "access/canonical.h"
#include "access/limits.h"
#include "access/policy.h"
#include "access/refusal.h"

// Reading of policy documents; the only file of the room that sees Boost.JSON.
namespace dl::access {
namespace {

namespace json = boost::json;

Error bad(std::string message, std::string next = {}) {
  return refuse(Refusal::kBadPolicy, "the policy document " + std::move(message), std::move(next));
}

// Boost.JSON keeps the last of two members of one name; which one a person meant is not known, so both are refused.
struct UniqueNames {
  static constexpr size_t max_object_size = 1000, max_array_size = 10'000;
  static constexpr size_t max_key_size = limits::kMaxPolicyBytes, max_string_size = limits::kMaxPolicyBytes;
  std::vector<std::set<std::string>> open;
  std::string key, twice;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(size_t, json::error_code&) {
    open.pop_back();
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view s, size_t, json::error_code&) {
    key.append(s.data(), s.size());
    return true;
  }
  bool on_key(json::string_view s, size_t, json::error_code& ec) {
    key.append(s.data(), s.size());
    if (!open.back().insert(key).second) {
      twice = key;
      ec = json::error::syntax;
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(json::string_view, size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double, json::string_view, json::error_code&) { return true; }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

json::parse_options options() {
  json::parse_options o;
  o.max_depth = limits::kMaxJsonDepth;
  return o;
}

Result<json::value> read_json(std::string_view document) {
  if (document.size() > limits::kMaxPolicyBytes)
    return bad("has " + std::to_string(document.size()) + " bytes; 20480 are allowed");
  json::basic_parser<UniqueNames> names(options());
  json::error_code ec;
  size_t used = names.write_some(false, document.data(), document.size(), ec);
  if (!names.handler().twice.empty())
    return bad("has the member '" + names.handler().twice.substr(0, 64) + "' twice", "keep one");
  if (!ec && used == document.size()) {
    json::value v = json::parse(document, ec, {}, options());
    if (!ec) return v;
  }
  return bad("is not JSON, or is nested deeper than 8: " + (ec ? ec.message() : "something follows its end"));
}

Result<std::string> text_of(const json::value& v, const char* member) {
  if (!v.is_string()) return bad(std::string("has a '") + member + "' that is not a string");
  return std::string(v.as_string());
}

Result<std::vector<std::string>> texts_of(const json::value& v, const char* member) {
  std::vector<std::string> out;
  if (!v.is_array()) {
    DL_TRY(std::string one, text_of(v, member));
    out.push_back(std::move(one));
    return out;
  }
  for (const json::value& item : v.as_array()) {
    DL_TRY(std::string one, text_of(item, member));
    out.push_back(std::move(one));
  }
  if (out.empty()) return bad(std::string("has an empty '") + member + "'");
  return out;
}

Result<std::string> read_action(const std::string& text) {
  std::string action = lower(text);
  if (action == "*") return action;
  size_t colon = std::min(action.find(':'), action.size());
  std::string service = action.substr(0, colon);
  if (colon == action.size() || (service != "s3" && service != "sts" && service != "iam" && service != "demilune"))
    return bad("has the action '" + text.substr(0, 64) + "'", "actions are * or start with s3: sts: iam: demilune:");
  std::string name = action.substr(colon + 1);
  bool ok = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '*' || c == '?';
  });
  if (!ok) return bad("has the action '" + text.substr(0, 64) + "', which is no name with * and ?");
  return action;
}

Result<std::string> read_resource(std::string text) {
  if (text.size() > limits::kMaxPatternBytes) return bad("has a resource over 2048 bytes");
  if (text.find("${") != std::string::npos)
    return bad("uses policy variables, which are not offered", "write the names out");
  bool ok = text == "*" || (text.starts_with("arn:aws:s3:::") && text.size() > 13) ||
            (text.starts_with("arn:demilune:") && text.size() > 13);
  if (!ok)
    return bad("has the resource '" + text.substr(0, 100) + "'",
               "resources are *, arn:aws:s3:::BUCKET, arn:aws:s3:::BUCKET/KEY or arn:demilune:..., with * and ?");
  return text;
}

Error unknown_member(std::string_view where, std::string_view name) {
  static constexpr std::string_view kNotOffered[] = {"Condition", "Principal", "NotPrincipal", "NotAction",
                                                     "NotResource"};
  bool known = std::find(std::begin(kNotOffered), std::end(kNotOffered), name) != std::end(kNotOffered);
  return bad("has '" + std::string(name.substr(0, 64)) + "' in " + std::string(where) +
                 (known ? ", which this version does not offer" : ", which is no member of a policy"),
             known ? "say it with Effect, Action and Resource" : "check the spelling; case counts");
}

Result<void> read_sid(const json::value& v, Statement& out) {
  DL_TRY(out.sid, text_of(v, "Sid"));
  bool ok = out.sid.size() <= 128 && std::all_of(out.sid.begin(), out.sid.end(), [](unsigned char c) {
              return c < 0x80 && (std::isalnum(c) || c == '-' || c == '_' || c == ' ');
            });
  if (!ok) return bad("has a Sid that is not at most 128 letters, digits, blanks, - and _");
  return {};
}

Result<void> read_member(std::string_view name, const json::value& v, Statement& out) {
  if (name == "Sid") return read_sid(v, out);
  if (name == "Effect") {
    DL_TRY(std::string effect, text_of(v, "Effect"));
    if (effect != "Allow" && effect != "Deny") return bad("has an Effect that is neither Allow nor Deny");
    out.effect = effect == "Allow" ? Effect::kAllow : Effect::kDeny;
    return {};
  }
  if (name == "Action") {
    DL_TRY(auto texts, texts_of(v, "Action"));
    for (const std::string& text : texts) {
      DL_TRY(std::string action, read_action(text));
      out.actions.push_back(std::move(action));
    }
    return {};
  }
  if (name == "Resource") {
    DL_TRY(auto texts, texts_of(v, "Resource"));
    for (std::string& text : texts) {
      DL_TRY(std::string resource, read_resource(std::move(text)));
      out.resources.push_back(std::move(resource));
    }
    return {};
  }
  return unknown_member("a statement", name);
}

Result<Statement> read_statement(const json::value& v) {
  if (!v.is_object()) return bad("has a statement that is not an object");
  const json::object& o = v.as_object();
  Statement out;
  for (const auto& [name, value] : o) DL_OK(read_member({name.data(), name.size()}, value, out));
  for (const char* needed : {"Effect", "Action", "Resource"})
    if (!o.contains(needed)) return bad(std::string("has a statement without ") + needed);
  return out;
}

Result<void> read_statements(const json::value& v, Policy& out) {
  if (!v.is_array()) {
    DL_TRY(Statement one, read_statement(v));
    out.statements.push_back(std::move(one));
    return {};
  }
  if (v.as_array().empty() || v.as_array().size() > limits::kMaxStatements)
    return bad("has " + std::to_string(v.as_array().size()) + " statements; 1 to 100 are allowed");
  for (const json::value& item : v.as_array()) {
    DL_TRY(Statement one, read_statement(item));
    for (const Statement& other : out.statements)
      if (!one.sid.empty() && other.sid == one.sid) return bad("has the Sid '" + one.sid + "' twice");
    out.statements.push_back(std::move(one));
  }
  return {};
}

}  // namespace

Result<Policy> parse_policy(std::string policy_name, std::string_view document) {
  DL_TRY(json::value v, read_json(document));
  if (!v.is_object()) return bad("is not an object");
  Policy out{.name = std::move(policy_name)};
  const json::object& o = v.as_object();
  for (const auto& [key, value] : o) {
    std::string_view name(key.data(), key.size());
    if (name == "Statement") {
      DL_OK(read_statements(value, out));
    } else if (name == "Version") {
      DL_TRY(std::string version, text_of(value, "Version"));
      if (version != "2012-10-17" && version != "2008-10-17")
        return bad("has the Version '" + version.substr(0, 40) + "'", "use 2012-10-17");
    } else if (name == "Id") {
      DL_TRY(std::string id, text_of(value, "Id"));
    } else {
      return unknown_member("the document", name);
    }
  }
  if (out.statements.empty()) return bad("has no Statement");
  return out;
}

}  // namespace dl::access

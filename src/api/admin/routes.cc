#include "api/admin/admin.h"
#include "api/admin/call.h"

namespace dl::api::admin {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 section 2.1. kInvalid for an escape that is none.
Result<std::string> percent_decode(std::string_view raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); i++) {
    if (raw[i] != '%') {
      out += raw[i];
      continue;
    }
    int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
    if (high < 0 || low < 0) return error(Code::kInvalid, "the address has a broken %-escape");
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

bool is_variable(std::string_view word) { return word.size() > 2 && word.front() == '{' && word.back() == '}'; }

// nullopt: another path.
Result<std::optional<std::map<std::string, std::string>>> match_path(std::string_view pattern, std::string_view path) {
  using Found = std::optional<std::map<std::string, std::string>>;
  auto want = split(pattern, '/'), have = split(path, '/');
  if (want.size() != have.size()) return Found();
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < want.size(); i++) {
    if (!is_variable(want[i])) {
      if (want[i] != have[i]) return Found();
      continue;
    }
    DL_TRY(auto value, percent_decode(have[i]));
    if (value.empty()) return Found();
    out[std::string(want[i].substr(1, want[i].size() - 2))] = std::move(value);
  }
  return Found(std::move(out));
}

std::string fill(std::string_view text, const Call& call) {
  std::string out;
  while (!text.empty()) {
    size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    size_t close = text.find('}', open);
    std::string name(text.substr(open + 1, close - open - 1));
    std::string value = call.argument(name);
    out += value.empty() ? call.body.text(name) : value;
    text.remove_prefix(close + 1);
  }
  return out;
}

bool knows(const std::vector<std::string_view>& names, std::string_view name) {
  for (auto n : names)
    if (n == name) return true;
  return false;
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> out;
    for (auto part : {node_routes(), user_routes(), bucket_routes(), device_routes(), sync_routes(), conflict_routes(),
                      image_routes(), job_routes(), record_routes()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return all;
}

std::string_view operation_of(const Route& route) {
  return route.action.empty() ? route.pattern : route.action.substr(route.action.find(':') + 1);
}

std::vector<std::string_view> operation_names() {
  std::vector<std::string_view> out;
  for (const auto& route : routes()) out.push_back(operation_of(route));
  return out;
}

Result<RouteMatch> find_route(std::string_view method, std::string_view raw_path) {
  std::string offered;
  for (const auto& route : routes()) {
    DL_TRY(auto path, match_path(route.pattern, raw_path));
    if (!path) continue;
    if (route.method == method) return RouteMatch{&route, std::move(*path)};
    offered += (offered.empty() ? "" : ", ") + std::string(route.method);
  }
  if (!offered.empty())
    return error(Code::kUnsupported, "this address does not answer " + std::string(method.substr(0, 16)),
                 "Use " + offered + ".");
  return error(Code::kNotFound, "there is nothing at this address", "docs/admin-api.md lists the addresses.");
}

Result<std::map<std::string, std::string>> parse_query(std::string_view raw, const Route& route) {
  std::map<std::string, std::string> out;
  if (raw.empty()) return out;
  for (auto field : split(raw, '&')) {
    if (field.empty()) continue;
    size_t equal = field.find('=');
    DL_TRY(auto name, percent_decode(field.substr(0, equal)));
    DL_TRY(auto value, percent_decode(equal == std::string_view::npos ? "" : field.substr(equal + 1)));
    if (!knows(route.query, name)) return error(Code::kInvalid, "the query field '" + name + "' is not known here");
    if (out.size() >= limits::kMaxQueryFields || !out.emplace(name, std::move(value)).second)
      return error(Code::kInvalid, "the query field '" + name + "' stands twice");
  }
  return out;
}

Result<Json> parse_body(BytesView raw, const Route& route) {
  if (raw.size() > limits::kMaxBodyBytes)
    return error(Code::kTooLarge, "the request has more than " + std::to_string(limits::kMaxBodyBytes) + " bytes");
  if (raw.empty()) return Json::object();
  DL_TRY(auto json, format::parse_json(raw, {.bytes = limits::kMaxBodyBytes, .depth = limits::kMaxDepth}));
  if (!json.is_object()) return error(Code::kInvalid, "the request is no JSON object");
  for (const auto& m : json.members())
    if (!knows(route.fields, m.name))
      return error(Code::kInvalid, "the field '" + m.name + "' is not known here",
                   "docs/admin-api.md shows the request.");
  return json;
}

Need need_of(const Route& route, const Call& call) {
  Need need;
  need.action = route.action;
  if (route.resource.starts_with("s3:")) {
    need.bucket = fill(route.resource.substr(3), call);
    need.resource = "arn:aws:s3:::" + need.bucket;
  } else {
    need.resource = "arn:demilune:::" + fill(route.resource, call);
  }
  return need;
}

}  // namespace dl::api::admin

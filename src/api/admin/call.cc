#include "api/admin/call.h"

#include <charconv>

#include <fmt/chrono.h>

namespace dl::api::admin {
namespace {

Error field_error(std::string_view name, std::string_view what) {
  return error(Code::kInvalid, "field '" + std::string(name) + "' " + std::string(what),
               "docs/admin-api.md shows the request.");
}

}  // namespace

std::string Call::argument(const std::string& name) const {
  if (auto it = path.find(name); it != path.end()) return it->second;
  if (auto it = query.find(name); it != query.end()) return it->second;
  return {};
}

Result<std::string> Call::text(std::string_view name) const {
  const Json* v = body.find(name);
  if (!v) return field_error(name, "is missing");
  if (!v->is_string() || v->as_string().empty()) return field_error(name, "is a text that is not empty");
  return v->as_string();
}

Result<std::string> Call::text_or(std::string_view name, std::string fallback) const {
  const Json* v = body.find(name);
  if (!v || v->is_null()) return fallback;
  if (!v->is_string()) return field_error(name, "is a text");
  return v->as_string();
}

Result<uint64_t> Call::number_or(std::string_view name, uint64_t fallback, uint64_t max) const {
  const Json* v = body.find(name);
  if (!v || v->is_null()) return fallback;
  if (v->kind() != Json::Kind::kInt || v->as_int() < 0 || static_cast<uint64_t>(v->as_int()) > max)
    return field_error(name, "is a whole number from 0 to " + std::to_string(max));
  return static_cast<uint64_t>(v->as_int());
}

Result<bool> Call::flag_or(std::string_view name, bool fallback) const {
  const Json* v = body.find(name);
  if (!v || v->is_null()) return fallback;
  if (v->kind() != Json::Kind::kBool) return field_error(name, "is true or false");
  return v->as_bool();
}

Result<std::vector<std::string>> Call::texts(std::string_view name, size_t max) const {
  std::vector<std::string> out;
  const Json* v = body.find(name);
  if (!v || v->is_null()) return out;
  if (!v->is_array()) return field_error(name, "is a list of texts");
  if (v->items().size() > max) return field_error(name, "has at most " + std::to_string(max) + " texts");
  for (const auto& item : v->items()) {
    if (!item.is_string()) return field_error(name, "is a list of texts");
    out.push_back(item.as_string());
  }
  return out;
}

Result<uint64_t> Call::query_number(const std::string& name, uint64_t fallback, uint64_t max) const {
  auto it = query.find(name);
  if (it == query.end()) return fallback;
  const auto& s = it->second;
  uint64_t v = 0;
  auto [end, failed] = std::from_chars(s.data(), s.data() + s.size(), v);
  if (failed != std::errc() || end != s.data() + s.size() || v > max)
    return field_error(name, "of the query is a whole number from 0 to " + std::to_string(max));
  return v;
}

std::string time_text(WallTime t) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::time_point_cast<std::chrono::seconds>(t));
}

Json time_or_null(const std::optional<WallTime>& t) { return t ? Json(time_text(*t)) : Json(); }

Json age_or_null(const Clock& clock, const std::optional<WallTime>& t) {
  if (!t) return {};
  auto age = std::chrono::duration_cast<std::chrono::seconds>(clock.wall() - *t);
  return age.count();
}

Json done_json() { return Json::object().set("done", true); }

}  // namespace dl::api::admin

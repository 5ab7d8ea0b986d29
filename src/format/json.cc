#include "format/json.h"

#include "base/assert.h"

namespace dl::format {

Json::Json() = default;
Json::Json(bool v) : v_(v) {}
Json::Json(double v) : v_(v) {}
Json::Json(std::string v) : v_(std::move(v)) {}
Json::Json(std::string_view v) : v_(std::string(v)) {}
Json::Json(const char* v) : v_(std::string(v)) {}
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::object() {
  Json j;
  j.v_ = Object();
  return j;
}

Json Json::array() {
  Json j;
  j.v_ = Array();
  return j;
}

Json::Kind Json::kind() const { return static_cast<Kind>(v_.index()); }

bool Json::as_bool() const { return std::get<bool>(v_); }
int64_t Json::as_int() const { return std::get<int64_t>(v_); }
double Json::as_double() const { return std::get<double>(v_); }
const std::string& Json::as_string() const { return std::get<std::string>(v_); }
const Json::Array& Json::items() const { return std::get<Array>(v_); }
const Json::Object& Json::members() const { return std::get<Object>(v_); }

Json& Json::set(std::string_view name, Json value) {
  DL_REQUIRE(is_object(), "set() is for objects");
  for (auto& m : std::get<Object>(v_))
    if (m.name == name) {
      m.value = std::move(value);
      return *this;
    }
  std::get<Object>(v_).push_back({std::string(name), std::move(value)});
  return *this;
}

Json& Json::push(Json value) {
  DL_REQUIRE(is_array(), "push() is for arrays");
  std::get<Array>(v_).push_back(std::move(value));
  return *this;
}

const Json* Json::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  for (const auto& m : members())
    if (m.name == name) return &m.value;
  return nullptr;
}

std::string Json::scalar_text() const {
  switch (kind()) {
    case Kind::kBool:
      return as_bool() ? "true" : "false";
    case Kind::kInt:
      return std::to_string(as_int());
    case Kind::kDouble:
      return write_json(*this);
    case Kind::kString:
      return as_string();
    default:
      return {};
  }
}

std::string Json::text(std::string_view name) const {
  const Json* m = find(name);
  return m ? m->scalar_text() : std::string();
}

int64_t Json::number(std::string_view name) const {
  const Json* m = find(name);
  return m && m->kind() == Kind::kInt ? m->as_int() : 0;
}

bool Json::operator==(const Json& other) const { return v_ == other.v_; }

}  // namespace dl::format

#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// JSON (RFC 8259) as the administration API and the commands speak it.
namespace dl::format {

struct JsonMember;

// One JSON value. Objects keep the order in which members were set, so that output is stable. Strings are UTF-8; what
// is not is replaced by U+FFFD when written.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<JsonMember>;
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

  Json();
  Json(bool v);  // NOLINT(google-explicit-constructor): values are written as literals
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T v)  // NOLINT(google-explicit-constructor)
      : v_(std::in_range<int64_t>(v) ? static_cast<int64_t>(v) : INT64_MAX) {}
  Json(double v);            // NOLINT(google-explicit-constructor)
  Json(std::string v);       // NOLINT(google-explicit-constructor)
  Json(std::string_view v);  // NOLINT(google-explicit-constructor)
  Json(const char* v);       // NOLINT(google-explicit-constructor)
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  static Json object();
  static Json array();

  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_object() const { return kind() == Kind::kObject; }

  // Precondition of each: the kind.
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& items() const;
  const Object& members() const;

  // Precondition: an object. Replaces a member of that name, or adds it at the end.
  Json& set(std::string_view name, Json value);
  // Precondition: an array.
  Json& push(Json value);
  // nullptr when this is no object or has no such member.
  const Json* find(std::string_view name) const;
  // A member's string, number or truth as text; empty when it is absent, null, an array or an object.
  std::string text(std::string_view name) const;
  // A member's number; 0 when it is absent or no integer.
  int64_t number(std::string_view name) const;
  // This scalar as text; empty for null, arrays and objects.
  std::string scalar_text() const;

  bool operator==(const Json& other) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> v_;
};

struct JsonMember {
  std::string name;
  Json value;
  bool operator==(const JsonMember&) const = default;
};

struct JsonLimits {
  size_t bytes = 1 << 20;
  size_t depth = 16;
  size_t members = 1024;  // of one object
};

// Accepts any bytes. Refuses comments, trailing commas, invalid UTF-8, a member named twice. Errors: kInvalid,
// kTooLarge.
Result<Json> parse_json(BytesView text, const JsonLimits& limits = {});

enum class JsonStyle { kCompact, kPretty };
std::string write_json(const Json& value, JsonStyle style = JsonStyle::kCompact);
// A block document of YAML 1.2 with the same content; strings that could be read as something else are quoted.
std::string write_yaml(const Json& value);

// Any bytes as valid UTF-8.
std::string valid_utf8(BytesView raw);

}  // namespace dl::format

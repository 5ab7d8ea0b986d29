#include <cmath>

#include <fmt/format.h>

#include "format/json.h"

namespace dl::format {
namespace {

// Length of the UTF-8 sequence at `i`, 0 when there is none (RFC 3629: shortest form, no surrogates).
size_t utf8_length(BytesView s, size_t i) {
  auto at = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : 0; };
  auto tail = [&](size_t k) { return (at(k) & 0xC0) == 0x80; };
  uint8_t c = at(i), d = at(i + 1);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF && tail(i + 1)) return 2;
  if (c >= 0xE0 && c <= 0xEF && tail(i + 1) && tail(i + 2)) {
    if ((c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4 && tail(i + 1) && tail(i + 2) && tail(i + 3)) {
    if ((c == 0xF0 && d < 0x90) || (c == 0xF4 && d > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

void write_string(std::string& out, BytesView raw) {
  out += '"';
  for (char ch : valid_utf8(raw)) {
    auto c = static_cast<uint8_t>(ch);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c < 0x20 || c == 0x7F)
          out += fmt::format("\\u{:04x}", c);
        else
          out += ch;
    }
  }
  out += '"';
}

void write_double(std::string& out, double v) {
  if (!std::isfinite(v)) {
    out += "null";  // JSON has no word for it
    return;
  }
  if (v == 0) v = 0;  // "-0" would be read as an integer, which has no such zero
  out += fmt::format("{}", v);
}

void write_value(std::string& out, const Json& v, bool pretty, size_t indent) {
  auto line = [&](size_t depth) {
    if (pretty) out += '\n' + std::string(depth * 2, ' ');
  };
  switch (v.kind()) {
    case Json::Kind::kNull:
      out += "null";
      return;
    case Json::Kind::kBool:
      out += v.as_bool() ? "true" : "false";
      return;
    case Json::Kind::kInt:
      out += std::to_string(v.as_int());
      return;
    case Json::Kind::kDouble:
      return write_double(out, v.as_double());
    case Json::Kind::kString:
      return write_string(out, v.as_string());
    case Json::Kind::kArray: {
      out += '[';
      bool first = true;
      for (const auto& item : v.items()) {
        if (!std::exchange(first, false)) out += ',';
        line(indent + 1);
        write_value(out, item, pretty, indent + 1);
      }
      if (!v.items().empty()) line(indent);
      out += ']';
      return;
    }
    case Json::Kind::kObject: {
      out += '{';
      bool first = true;
      for (const auto& m : v.members()) {
        if (!std::exchange(first, false)) out += ',';
        line(indent + 1);
        write_string(out, m.name);
        out += pretty ? ": " : ":";
        write_value(out, m.value, pretty, indent + 1);
      }
      if (!v.members().empty()) line(indent);
      out += '}';
      return;
    }
  }
}

// A plain scalar of YAML that every reader takes for a string: a letter first, then harmless characters, and none of
// the words with a meaning of their own.
bool plain_in_yaml(std::string_view s) {
  if (s.empty() || s.size() > 60) return false;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(s[0])) return false;
  for (char c : s)
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.' && c != '/') return false;
  std::string low;
  for (char c : s) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (std::string_view word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"})
    if (low == word) return false;
  return true;
}

std::string yaml_scalar(const Json& v) {
  if (v.is_string() && plain_in_yaml(v.as_string())) return v.as_string();
  return write_json(v);  // JSON is YAML
}

bool yaml_inline(const Json& v) {
  return !(v.is_array() && !v.items().empty()) && !(v.is_object() && !v.members().empty());
}

void yaml_value(std::string& out, const Json& v, size_t indent, bool first_on_line);

void yaml_member(std::string& out, const JsonMember& m, size_t indent) {
  out += yaml_scalar(Json(m.name)) + ":";
  if (yaml_inline(m.value)) {
    out += " " + yaml_scalar(m.value) + "\n";
    return;
  }
  out += "\n";
  yaml_value(out, m.value, m.value.is_array() ? indent : indent + 2, false);
}

void yaml_value(std::string& out, const Json& v, size_t indent, bool first_on_line) {
  std::string pad(indent, ' ');
  if (yaml_inline(v)) {
    out += (first_on_line ? "" : pad) + yaml_scalar(v) + "\n";
    return;
  }
  if (v.is_array()) {
    for (const auto& item : v.items()) {
      out += (std::exchange(first_on_line, false) ? "" : pad) + "- ";
      yaml_value(out, item, indent + 2, true);
    }
    return;
  }
  for (const auto& m : v.members()) {
    if (!std::exchange(first_on_line, false)) out += pad;
    yaml_member(out, m, indent);
  }
}

}  // namespace

std::string valid_utf8(BytesView raw) {
  std::string out;
  out.reserve(raw.size());
  for (size_t i = 0; i < raw.size();) {
    size_t n = utf8_length(raw, i);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      i++;
    } else {
      out.append(raw.substr(i, n));
      i += n;
    }
  }
  return out;
}

std::string write_json(const Json& value, JsonStyle style) {
  std::string out;
  write_value(out, value, style == JsonStyle::kPretty, 0);
  return out;
}

std::string write_yaml(const Json& value) {
  std::string out;
  yaml_value(out, value, 0, false);
  return out;
}

}  // namespace dl::format

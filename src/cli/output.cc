#include "cli/output.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error_table.h"

namespace dl::cli {
namespace {

using format::Json;

const Json* member(const Json& row, std::string_view path) {
  const Json* at = &row;
  while (at && !path.empty()) {
    size_t dot = path.find('.');
    at = at->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

// Width on a terminal: code points, which is right for what we print.
size_t width(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string joined(const Json& list) {
  std::string out;
  for (const auto& item : list.items()) out += (out.empty() ? "" : ",") + item.scalar_text();
  return out;
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); i++) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); i++) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

Result<Shape> parse_shape(std::string_view text) {
  if (text == "table") return Shape::kTable;
  if (text == "json") return Shape::kJson;
  if (text == "yaml") return Shape::kYaml;
  if (text == "name") return Shape::kName;
  return error(Code::kInvalid, "there is no output '" + safe_text(text) + "'", "Use -o table, json, yaml or name.");
}

std::string safe_text(std::string_view text) {
  std::string out;
  for (char ch : format::valid_utf8(text)) {
    auto c = static_cast<uint8_t>(ch);
    if (c < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", c);
    else
      out += ch;
  }
  // C1 controls (U+0080 to U+009F) are two bytes, and steer some terminals too.
  for (size_t at = 0; (at = out.find('\xC2', at)) != std::string::npos; at++) {
    auto next = static_cast<uint8_t>(out[at + 1]);
    if (next <= 0x9F) out.replace(at, 2, fmt::format("\\x{:02x}", next));
  }
  return out;
}

std::string bytes_text(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double v = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (v >= 1024 && unit + 1 < std::size(kUnits)) {
    v /= 1024;
    unit++;
  }
  return fmt::format("{:.1f} {}", v, kUnits[unit]);
}

std::string age_text(int64_t seconds) {
  if (seconds < 0) return fmt::format("in {}", age_text(-seconds));
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

std::string cell_text(const Json& row, const Column& column) {
  const Json* v = member(row, column.member);
  if (!v || v->is_null()) return "-";
  std::string text;
  bool number = v->kind() == Json::Kind::kInt;
  if (column.as == Column::As::kBytes && number)
    text = bytes_text(static_cast<uint64_t>(std::max<int64_t>(0, v->as_int())));
  else if (column.as == Column::As::kAge && number)
    text = age_text(v->as_int());
  else if (column.as == Column::As::kCount && v->is_array())
    text = std::to_string(v->items().size());
  else if (v->is_array())
    text = joined(*v);
  else if (v->kind() == Json::Kind::kBool)
    text = v->as_bool() ? "yes" : "no";
  else
    text = v->scalar_text();
  return text.empty() ? "-" : safe_text(text);
}

void Output::rows(const Json& answer, std::string_view list, const std::vector<Column>& columns) {
  if (shape_ == Shape::kJson) return data_(format::write_json(answer, format::JsonStyle::kPretty) + "\n");
  if (shape_ == Shape::kYaml) return data_(format::write_yaml(answer));
  const Json* items = member(answer, list);
  if (!items || !items->is_array()) return;
  if (shape_ == Shape::kName) {
    for (const auto& row : items->items()) data_(cell_text(row, columns.front()) + "\n");
    return;
  }
  std::vector<std::vector<std::string>> table(1);
  for (const auto& c : columns) table[0].emplace_back(c.title);
  for (const auto& row : items->items()) {
    auto& cells = table.emplace_back();
    for (const auto& c : columns) cells.push_back(cell_text(row, c));
  }
  data_(table_text(table));
}

void Output::item(const Json& answer, const std::vector<Column>& columns) {
  if (shape_ == Shape::kJson) return data_(format::write_json(answer, format::JsonStyle::kPretty) + "\n");
  if (shape_ == Shape::kYaml) return data_(format::write_yaml(answer));
  if (shape_ == Shape::kName) return data_(cell_text(answer, columns.front()) + "\n");
  std::vector<std::vector<std::string>> table;
  for (const auto& c : columns) table.push_back({std::string(c.title) + ":", cell_text(answer, c)});
  data_(table_text(table));
}

void Output::line(std::string_view text) {
  if (shape_ == Shape::kTable) data_(safe_text(text) + "\n");
}

void Output::note(std::string_view text) {
  // Lines are ours; what stands in them may come from elsewhere.
  for (;;) {
    size_t end = text.find('\n');
    talk_(safe_text(text.substr(0, end)) + "\n");
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void Output::error(const Error& e) {
  const auto& info = error_info(e.code);
  std::string next = e.next.empty() ? std::string(info.next) : e.next;
  talk_(fmt::format("demilune: {}\n  next: {}\n  code: DL-{} ({}); `demilune explain DL-{}` says more\n",
                    safe_text(e.message), safe_text(next), info.number, info.name, info.number));
}

}  // namespace dl::cli

#include "base/settings.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace dl {
namespace {

constexpr std::string_view kPrefix = "DEMILUNE_", kFileSuffix = "_FILE", kSeparator = "__";
constexpr uint64_t kNoLimit = UINT64_MAX;

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr Unit kTimeUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Unit kSizeUnits[] = {
    {"", 1}, {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}};

Result<uint64_t> parse_unsigned(std::string_view text, uint64_t most) {
  uint64_t v = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return error(Code::kInvalid, "'" + std::string(text) + "' is no number");
    auto digit = static_cast<uint64_t>(c - '0');
    if (v > (most - digit) / 10) return error(Code::kInvalid, "'" + std::string(text) + "' is too large");
    v = v * 10 + digit;
  }
  if (text.empty()) return error(Code::kInvalid, "a number is missing");
  return v;
}

Result<uint64_t> parse_units(std::string_view text, std::span<const Unit> units, std::string_view form) {
  size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  for (const auto& unit : units)
    if (text.substr(digits) == unit.name) {
      DL_TRY(uint64_t n, parse_unsigned(text.substr(0, digits), static_cast<uint64_t>(INT64_MAX) / unit.factor));
      return n * unit.factor;
    }
  return error(Code::kInvalid, "'" + std::string(text) + "' is not of the form " + std::string(form));
}

Result<void> check_value(SettingType type, const std::string& text) {
  switch (type) {
    case SettingType::kText:
    case SettingType::kList:
      return {};
    case SettingType::kFlag:
      if (text == "true" || text == "false") return {};
      return error(Code::kInvalid, "'" + text + "' is neither true nor false");
    case SettingType::kNumber: {
      DL_OK(parse_unsigned(text, kNoLimit));
      return {};
    }
    case SettingType::kDuration: {
      DL_OK(parse_duration(text));
      return {};
    }
    case SettingType::kSize: {
      DL_OK(parse_size(text));
      return {};
    }
  }
  return error(Code::kInternal, "a setting of unknown type");
}

// Of a value that is of its type already.
Result<uint64_t> amount_of(SettingType type, std::string_view text) {
  if (type == SettingType::kNumber) return parse_unsigned(text, kNoLimit);
  if (type == SettingType::kSize) return parse_size(text);
  DL_TRY(Millis duration, parse_duration(text));
  return static_cast<uint64_t>(duration.count());
}

bool is_amount(SettingType type) {
  return type == SettingType::kNumber || type == SettingType::kSize || type == SettingType::kDuration;
}

Result<void> check_range(const SettingInfo& info, std::string_view text) {
  if (info.range.empty()) return {};
  size_t dots = info.range.find("..");
  if (is_amount(info.type)) {
    DL_REQUIRE(dots != std::string_view::npos, "a range is LEAST..MOST: " + std::string(info.key));
    DL_TRY(uint64_t least, amount_of(info.type, info.range.substr(0, dots)));
    DL_TRY(uint64_t most, amount_of(info.type, info.range.substr(dots + 2)));
    DL_TRY(uint64_t value, amount_of(info.type, text));
    if (value >= least && value <= most) return {};
    return error(Code::kInvalid, fmt::format("'{}' is out of range", text),
                 fmt::format("It can be {} to {}.", info.range.substr(0, dots), info.range.substr(dots + 2)));
  }
  for (std::string_view rest = info.range; !rest.empty();) {
    size_t bar = std::min(rest.find('|'), rest.size());
    if (rest.substr(0, bar) == text) return {};
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return error(Code::kInvalid, fmt::format("'{}' is none of {}", text, info.range));
}

Result<void> check_setting(const SettingInfo& info, const std::string& text) {
  DL_OK(check_value(info.type, text));
  return check_range(info, text);
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

// Calls `leaf` with dotted key and text of each value. Arrays of texts become a list with commas.
Result<void> flatten(const toml::table& table, const std::string& prefix,
                     const std::function<Result<void>(const std::string&, std::string)>& leaf) {
  for (const auto& [name, node] : table) {
    std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      DL_OK(flatten(*inner, key + ".", leaf));
    } else if (const auto* array = node.as_array()) {
      std::string joined;
      for (const auto& element : *array) {
        auto text = element.value_exact<std::string>();
        if (!text || text->find(',') != std::string::npos)
          return error(Code::kInvalid, key + ": a list holds texts without commas");
        joined += (joined.empty() ? "" : ",") + *text;
      }
      DL_OK(leaf(key, joined));
    } else if (auto text = node.value_exact<std::string>()) {
      DL_OK(leaf(key, *text));
    } else if (auto number = node.value_exact<int64_t>()) {
      DL_OK(leaf(key, std::to_string(*number)));
    } else if (auto flag = node.value_exact<bool>()) {
      DL_OK(leaf(key, *flag ? "true" : "false"));
    } else {
      return error(Code::kInvalid, key + ": only texts, whole numbers, true, false and lists of texts are settings");
    }
  }
  return {};
}

}  // namespace

std::string_view setting_type_name(SettingType type) {
  static constexpr std::string_view kNames[] = {"text", "list", "flag", "number", "duration", "size"};
  return kNames[static_cast<size_t>(type)];
}

std::string setting_variable(std::string_view key) {
  std::string out(kPrefix);
  for (char c : key) {
    if (c == '.') {
      out += kSeparator;
    } else {
      out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    }
  }
  return out;
}

Result<Millis> parse_duration(std::string_view text) {
  DL_TRY(uint64_t n, parse_units(text, kTimeUnits, "250ms, 10s, 5m, 24h or 7d"));
  return Millis(static_cast<int64_t>(n));
}

Result<uint64_t> parse_size(std::string_view text) {
  return parse_units(text, kSizeUnits, "512, 64KiB, 16MiB, 2GiB or 1TiB");
}

std::string_view suggest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  size_t distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (auto candidate : known) {
    size_t d = edit_distance(word, candidate);
    if (d < distance) {
      distance = d;
      best = candidate;
    }
  }
  return best;
}

Result<void> Settings::set(std::string_view key, std::string text, std::string source) {
  auto at = values_.find(key);
  if (at == values_.end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, value] : values_) known.push_back(name);
    std::string_view meant = suggest(key, known);
    return error(Code::kInvalid, fmt::format("{}: there is no setting '{}'", source, key),
                 meant.empty() ? fmt::format("The settings are: {}.", fmt::join(known, ", "))
                               : fmt::format("Did you mean '{}'?", meant));
  }
  auto checked = check_setting(*at->second.info, text);
  if (!checked.ok()) return std::move(checked).error().within(source + ": " + std::string(key));
  at->second.text = std::move(text);
  at->second.source = std::move(source);
  return {};
}

Result<void> Settings::set_from_toml(const Sources& sources) {
  if (sources.toml.empty()) return {};
  try {
    toml::table table = toml::parse(sources.toml, sources.toml_name);
    return flatten(table, "", [&](const std::string& key, std::string text) {
      return set(key, std::move(text), sources.toml_name);
    });
  } catch (const toml::parse_error& e) {
    return error(Code::kInvalid,
                 fmt::format("{}, line {}: {}", sources.toml_name, e.source().begin.line, e.description()),
                 "Correct the file.");
  }
}

Result<void> Settings::set_from_environment(const Sources& sources) {
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with(kPrefix) || name.find(kSeparator) == std::string::npos) continue;
    std::string_view rest = std::string_view(name).substr(kPrefix.size());
    std::string key = lower(rest);
    for (size_t at; (at = key.find(kSeparator)) != std::string::npos;) key.replace(at, kSeparator.size(), ".");
    std::string text = value;
    // A secret may stand in a file that the variable NAME_FILE names.
    if (!values_.contains(key) && rest.ends_with(kFileSuffix)) {
      std::string bare = key.substr(0, key.size() - kFileSuffix.size());
      auto at = values_.find(bare);
      if (at != values_.end() && at->second.info->secrecy == SettingSecrecy::kSecret) {
        if (!sources.read_file) return error(Code::kUnsupported, name + ": files cannot be read here");
        DL_TRY(text, sources.read_file(value));
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
        key = bare;
      }
    }
    DL_OK(set(key, std::move(text), name));
  }
  return {};
}

Result<Settings> Settings::load(const Sources& sources, std::span<const SettingInfo> table) {
  Settings out;
  for (const auto& info : table) {
    DL_REQUIRE(check_setting(info, std::string(info.fallback)).ok(), "a default fits: " + std::string(info.key));
    out.values_[std::string(info.key)] = {&info, std::string(info.fallback), "default"};
  }
  DL_REQUIRE(out.values_.size() == table.size(), "a key stands once in the table");
  DL_OK(out.set_from_toml(sources));
  DL_OK(out.set_from_environment(sources));
  for (const auto& [key, text] : sources.flags) {
    auto at = out.values_.find(key);
    if (at != out.values_.end() && at->second.info->secrecy == SettingSecrecy::kSecret)
      return error(Code::kInvalid, "the secret '" + key + "' may not be given as a flag: every user could read it",
                   "Use the variable " + setting_variable(key) + "_FILE.");
    DL_OK(out.set(key, text, "flag"));
  }
  return out;
}

const Settings::Value& Settings::get(std::string_view key, SettingType type) const {
  auto at = values_.find(key);
  DL_REQUIRE(at != values_.end() && at->second.info->type == type, "a setting of the table: " + std::string(key));
  return at->second;
}

const std::string& Settings::text(std::string_view key) const { return get(key, SettingType::kText).text; }
bool Settings::flag(std::string_view key) const { return get(key, SettingType::kFlag).text == "true"; }
uint64_t Settings::number(std::string_view key) const {
  return parse_unsigned(get(key, SettingType::kNumber).text, kNoLimit).value();
}
Millis Settings::duration(std::string_view key) const {
  return parse_duration(get(key, SettingType::kDuration).text).value();
}
uint64_t Settings::size(std::string_view key) const { return parse_size(get(key, SettingType::kSize).text).value(); }

std::vector<std::string> Settings::list(std::string_view key) const {
  std::vector<std::string> out;
  std::string_view rest = get(key, SettingType::kList).text;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    std::string_view item = rest.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) out.emplace_back(item);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

std::vector<Settings::Shown> Settings::show() const {
  std::vector<Shown> out;
  for (const auto& [key, value] : values_) {
    bool hide = value.info->secrecy == SettingSecrecy::kSecret && !value.text.empty();
    Shown shown{key, hide ? "(secret)" : value.text, value.source, value.info, {}};
    if (is_amount(value.info->type)) shown.amount = amount_of(value.info->type, value.text).value();
    out.push_back(std::move(shown));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** at = environ; at && *at; at++) {
    std::string_view entry(*at);
    size_t equals = entry.find('=');
    if (equals != std::string_view::npos) out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

}  // namespace dl

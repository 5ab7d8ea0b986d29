#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// What an operator may set. Parser, help, reference page and redaction all come from one table.
namespace dl {

enum class SettingType : uint8_t {
  kText,
  kList,      // texts; separated by commas outside TOML
  kFlag,      // true, false
  kNumber,    // unsigned
  kDuration,  // "250ms", "10s", "5m", "24h", "7d"
  kSize,      // bytes: "512", "64KiB", "16MiB", "2GiB", "1TiB"
};

enum class SettingSecrecy : uint8_t { kPublic, kSecret };

struct SettingInfo {
  std::string_view key;  // "section.name"
  SettingType type;
  std::string_view fallback;  // the default, as one would write it
  std::string_view doc;       // one sentence
  // "LEAST..MOST" of a number, a duration or a size, both included and as one would write them; "a|b|c": the only
  // texts. Empty: any.
  std::string_view range = {};
  SettingSecrecy secrecy = SettingSecrecy::kPublic;
};

// The program's settings, sorted by key (settings_table.cc).
std::span<const SettingInfo> settings_table();
std::string_view setting_type_name(SettingType type);
// "DEMILUNE_S3__REGION" for "s3.region".
std::string setting_variable(std::string_view key);

// All settings of a process, checked once at start, then only read. Thread-safe.
class Settings {
 public:
  // In falling order of weight.
  struct Sources {
    std::vector<std::pair<std::string, std::string>> flags;        // key, value
    std::vector<std::pair<std::string, std::string>> environment;  // name, value; names without "__" are not ours
    std::string toml;                                              // text of the file; empty: none
    std::string toml_name = "demilune.toml";                       // for messages
    // Reads the file that a variable NAME_FILE names, for secrets.
    std::function<Result<std::string>(const std::string& path)> read_file;
  };

  // kInvalid: an unknown key (a suggestion is made), a value that is not of the key's type or out of its range,
  // malformed TOML, or a secret given as a flag, where every user of the machine could read it. The message names key,
  // value and where it came from.
  static Result<Settings> load(const Sources& sources, std::span<const SettingInfo> table = settings_table());

  // Preconditions: the key is in the table and of that type.
  const std::string& text(std::string_view key) const;
  std::vector<std::string> list(std::string_view key) const;
  bool flag(std::string_view key) const;
  uint64_t number(std::string_view key) const;
  Millis duration(std::string_view key) const;
  uint64_t size(std::string_view key) const;

  struct Shown {
    std::string key, value;             // a secret that is set shows as "(secret)"
    std::string source;                 // "flag", "DEMILUNE_S3__REGION", "demilune.toml", "default"
    const SettingInfo* info = nullptr;  // lives as long as the table
    // What it says in numbers: bytes, milliseconds, a count; nullopt: no number.
    std::optional<uint64_t> amount;
  };
  std::vector<Shown> show() const;

 private:
  struct Value {
    const SettingInfo* info = nullptr;
    std::string text, source;
  };
  const Value& get(std::string_view key, SettingType type) const;
  Result<void> set(std::string_view key, std::string text, std::string source);
  Result<void> set_from_environment(const Sources& sources);
  Result<void> set_from_toml(const Sources& sources);
  std::map<std::string, Value, std::less<>> values_;
};

// The process's environment, as Settings wants it.
std::vector<std::pair<std::string, std::string>> process_environment();

// The nearest of `known`, when it is near enough to be meant; empty otherwise.
std::string_view suggest(std::string_view word, std::span<const std::string_view> known);

Result<Millis> parse_duration(std::string_view text);
Result<uint64_t> parse_size(std::string_view text);

}  // namespace dl

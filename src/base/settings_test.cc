#include "base/settings.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <tuple>

using namespace dl;

namespace {

constexpr SettingInfo kTable[] = {
    {"a.flag", SettingType::kFlag, "false", "A flag."},
    {"a.idle", SettingType::kDuration, "10s", "A duration."},
    {"a.level", SettingType::kText, "info", "A choice.", "info|warn"},
    {"a.names", SettingType::kList, "", "A list."},
    {"a.number", SettingType::kNumber, "7", "A number."},
    {"a.secret", SettingType::kText, "", "A secret.", {}, SettingSecrecy::kSecret},
    {"a.size", SettingType::kSize, "16KiB", "A size.", "4KiB..1MiB"},
    {"a.wait", SettingType::kDuration, "10s", "A bounded duration.", "100ms..1m"},
    {"s3.long_region", SettingType::kText, "us-east-1", "A text."},
};

Result<Settings> load(Settings::Sources sources) { return Settings::load(sources, kTable); }

std::string failure(Settings::Sources sources) {
  auto r = load(std::move(sources));
  REQUIRE(!r.ok());
  CHECK(r.error().code == Code::kInvalid);
  return r.error().message + " " + r.error().next;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("defaults hold; flag beats environment beats file") {
  auto s = load({}).value();
  CHECK(s.text("s3.long_region") == "us-east-1");
  CHECK(s.duration("a.idle") == Millis(10'000));
  CHECK(s.size("a.size") == 16 * 1024);
  CHECK(s.number("a.number") == 7);
  CHECK(!s.flag("a.flag"));
  CHECK(s.list("a.names").empty());
  Settings::Sources sources;
  sources.toml = "[s3]\nlong_region = \"file\"\n[a]\nnumber = 8\nflag = true\nnames = [\"x\", \"y\"]\nidle = \"5m\"\n";
  CHECK(load(sources).value().text("s3.long_region") == "file");
  sources.environment = {{"DEMILUNE_S3__LONG_REGION", "env"}, {"DEMILUNE_DATA_DIR", "/x"}, {"HOME", "/"}};
  CHECK(load(sources).value().text("s3.long_region") == "env");
  sources.flags = {{"s3.long_region", "flag"}, {"a.names", "p, q"}};
  s = load(sources).value();
  CHECK(s.text("s3.long_region") == "flag");
  CHECK(s.list("a.names") == std::vector<std::string>{"p", "q"});
  CHECK(s.number("a.number") == 8);
  CHECK(s.flag("a.flag"));
  CHECK(s.duration("a.idle") == Millis(300'000));
}

TEST_CASE("an unknown key is an error that names the one that was meant") {
  Settings::Sources file, variable, flag;
  file.toml = "[s3]\nlong_regoin = \"x\"\n";
  CHECK(has(failure(file), "s3.long_region"));
  variable.environment = {{"DEMILUNE_A__NUMBR", "1"}};
  CHECK(has(failure(variable), "DEMILUNE_A__NUMBR"));
  CHECK(has(failure(variable), "a.number"));
  flag.flags = {{"zzzzzzzzz", "1"}};
  CHECK(!has(failure(flag), "Did you mean"));
}

TEST_CASE("a value of the wrong kind is refused with key and source") {
  for (const char* toml : {"[a]\nnumber = \"x\"", "[a]\nnumber = -1", "[a]\nflag = \"yes\"", "[a]\nidle = 10",
                           "[a]\nidle = \"10 s\"", "[a]\nsize = \"16kb\"", "[a]\nnumber = 1.5", "[a]\nnames = [1]",
                           "[a]\nsize = \"99999999999TiB\"", "[a]\nnumber = 1979-05-27"}) {
    Settings::Sources sources;
    sources.toml = toml;
    CHECK_MESSAGE(has(failure(sources), "a."), toml);
  }
  Settings::Sources broken;
  broken.toml = "[a]\nnumber = = 3";
  CHECK(has(failure(broken), "demilune.toml, line 2"));
}

TEST_CASE("a value out of its range is refused with key, value, source and range; the ends are taken") {
  for (auto [key, below, least, most, above] :
       {std::tuple("a.size", "4095", "4KiB", "1MiB", "1048577"), std::tuple("a.wait", "99ms", "100ms", "60s", "61s")}) {
    for (const char* fits : {least, most}) {
      Settings::Sources sources;
      sources.flags = {{key, fits}};
      CHECK_MESSAGE(load(sources).ok(), fits);
    }
    for (const char* wrong : {below, above}) {
      Settings::Sources sources;
      sources.environment = {{setting_variable(key), wrong}};
      std::string told = failure(sources);
      CHECK(has(told, key));
      CHECK(has(told, wrong));
      CHECK(has(told, setting_variable(key)));
      CHECK(has(told, "It can be"));
    }
  }
  Settings::Sources sources;
  sources.toml = "[a]\nlevel = \"loud\"";
  CHECK(has(failure(sources), "info|warn"));
}

TEST_CASE("amounts are shown in bytes, milliseconds and counts") {
  std::map<std::string, uint64_t> amounts;
  for (const auto& shown : load({}).value().show())
    if (shown.amount) amounts[shown.key] = *shown.amount;
  CHECK(amounts == std::map<std::string, uint64_t>{
                       {"a.idle", 10'000}, {"a.number", 7}, {"a.size", 16 * 1024}, {"a.wait", 10'000}});
}

TEST_CASE("a secret is never a flag, never shown, and may come from a file") {
  Settings::Sources sources;
  sources.flags = {{"a.secret", "s3cret"}};
  CHECK(has(failure(sources), "DEMILUNE_A__SECRET_FILE"));
  sources.flags.clear();
  sources.environment = {{"DEMILUNE_A__SECRET_FILE", "/run/secret"}};
  sources.read_file = [](const std::string& path) -> Result<std::string> { return "from " + path + "\n"; };
  auto s = load(sources).value();
  CHECK(s.text("a.secret") == "from /run/secret");
  for (const auto& shown : s.show()) {
    CHECK(!has(shown.value, "/run/secret"));
    if (shown.key == "a.secret") CHECK(shown.value == "(secret)");
  }
  sources.environment = {{"DEMILUNE_A__NUMBER_FILE", "/run/secret"}};
  CHECK(has(failure(sources), "no setting"));
}

TEST_CASE("the program's table is sorted, documented and loads") {
  auto table = settings_table();
  CHECK(std::is_sorted(table.begin(), table.end(), [](auto& a, auto& b) { return a.key < b.key; }));
  for (const auto& info : table) {
    CHECK(info.doc.ends_with('.'));
    CHECK(info.key.find('.') != std::string_view::npos);
    // What has no upper end is no limit.
    bool amount =
        info.type == SettingType::kNumber || info.type == SettingType::kSize || info.type == SettingType::kDuration;
    CHECK_MESSAGE((!amount || info.range.find("..") != std::string_view::npos), info.key);
  }
  auto s = Settings::load({}).value();
  CHECK(s.show().size() == table.size());
  CHECK(setting_variable("s3.region") == "DEMILUNE_S3__REGION");
}

#include "cli/command.h"

// Settings: of the node that runs, and of the one that would start here.
namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

void show_settings(Session& s, const Json& answer, bool origin) {
  std::vector<Column> columns = {{"SETTING", "key"}, {"VALUE", "value"}};
  if (origin) {
    columns.push_back({"ORIGIN", "origin"});
    columns.push_back({"DEFAULT", "default"});
    columns.push_back({"RANGE", "range"});
  }
  s.out.rows(answer, "settings", columns);
  const Json* memory = answer.find("memory");
  if (s.out.shape() != Shape::kTable || !memory) return;
  s.out.line("");
  s.out.rows(*memory, "parts", {{"MEMORY, AT MOST", "name"}, {"BYTES", "bytes", As::kBytes}, {"MADE OF", "made_of"}});
  s.out.line("Sum: " + bytes_text(static_cast<uint64_t>(memory->number("bytes"))));
}

Result<int> show(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get("/api/v1/config"));
  show_settings(s, answer, args.has("--origin"));
  return 0;
}

Result<int> check(Session& s, const Args& args) {
  DL_TRY(auto answer, s.hooks->check_config(args.text("--config")));
  show_settings(s, answer, true);
  return 0;
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {"config show",
       "Every setting of the running node, and the memory they allow",
       "--origin adds where each value came from (default, the file's path, the variable's name, flag), its default "
       "and\n"
       "its range. JSON has all of it.",
       "demilune config show --origin",
       {},
       {{"--origin", Take::kFlag, "", "Add origin, default and range"}},
       show},
      {"config check",
       "The same for the next start here: file and environment, without a node",
       "A value that `demilune up` would refuse is refused the same way. Flags of `up` are not known here.",
       "demilune config check --config /etc/demilune/demilune.toml",
       {},
       {{"--config", Take::kValue, "FILE", "Settings file; otherwise /etc/demilune/demilune.toml, if it is there"}},
       check},
  };
}

}  // namespace dl::cli

#include <charconv>

#include <fmt/format.h>

#include "base/error_table.h"
#include "cli/command.h"

// What needs no node.
namespace dl::cli {
namespace {

using format::Json;

Result<int> explain(Session& s, const Args& args) {
  std::string text = args.text("CODE");
  std::string_view digits = text;
  if (digits.starts_with("DL-") || digits.starts_with("dl-")) digits.remove_prefix(3);
  int number = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const ErrorInfo* info =
      failed == std::errc() && end == digits.data() + digits.size() ? find_error_info(number) : nullptr;
  if (!info)
    return error(Code::kNotFound, "there is no error code '" + safe_text(text) + "'", "Codes look like DL-1003.");
  Json j = Json::object();
  j.set("code", fmt::format("DL-{}", info->number)).set("name", info->name).set("meaning", info->meaning);
  j.set("next", info->next).set("exit_status", info->exit_status);
  s.out.item(
      j,
      {{"Code", "code"}, {"Name", "name"}, {"Meaning", "meaning"}, {"Next", "next"}, {"Exit status", "exit_status"}});
  return 0;
}

Result<int> version(Session& s, const Args&) {
  s.out.item(Json::object().set("version", s.hooks->version), {{"Demilune", "version"}});
  return 0;
}

Result<int> demo(Session& s, const Args& args) {
  if (!s.hooks->run_demo)
    return error(Code::kUnsupported, "this build of demilune carries no demo", "Run `./dev demo` in the source tree.");
  return s.hooks->run_demo({args.has("--check"), args.has("--bare"), args.text("--keep")});
}

// docs/cli.md, made from the same table as the help.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

Result<int> reference(Session& s, const Args&) {
  s.out.raw("| command | does | example |\n|---|---|---|\n");
  for (const auto& c : commands()) {
    std::string words(c.path);
    for (const auto& p : c.positionals)
      words += p.count == Positional::Count::kOne        ? " " + std::string(p.name)
               : p.count == Positional::Count::kOptional ? " [" + std::string(p.name) + "]"
                                                         : " [-- " + std::string(p.name) + "...]";
    for (const auto& o : c.options) {
      std::string option = std::string(o.name) + (o.value.empty() ? "" : " " + std::string(o.value));
      words += o.required ? " " + option : " [" + option + "]";
    }
    s.out.raw(fmt::format("| `{}` | {} | `{}` |\n", cell(words), cell(c.summary), cell(c.example)));
  }
  return 0;
}

}  // namespace

std::vector<Command> program_commands() {
  return {
      {"explain", "Explain an error code", "", "demilune explain DL-1003", {{"CODE", "DL-nnnn"}}, {}, explain},
      {"version", "Print the version", "", "demilune version", {}, {}, version},
      {"demo",
       "A hub and two devices on this machine, a link that is cut, a job, a conflict",
       "--check plays the whole story alone, prints the mission report and exits 0 only if nothing was lost.",
       "demilune demo --check",
       {},
       {{"--check", Take::kFlag, "", "Play it alone and judge"},
        {"--bare", Take::kFlag, "", "No story: hub and two devices, left running"},
        {"--keep", Take::kValue, "DIR", "Keep everything there"}},
       demo},
      {"reference",
       "Print all commands as a Markdown table (docs/cli.md)",
       "",
       "demilune reference",
       {},
       {},
       reference},
  };
}

}  // namespace dl::cli

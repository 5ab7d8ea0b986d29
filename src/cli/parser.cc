#include "cli/parser.h"

// The only file that sees CLI11: it walks over the table of commands.
#include <list>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace dl::cli {
namespace {

constexpr const char* kAbout =
    "Demilune: objects and containers on hub and devices, with or without a link.\n"
    "Each command has --help with an example; `demilune explain DL-nnnn` explains an error.";

struct GroupHelp {
  std::string_view name, summary;
};
constexpr GroupHelp kGroups[] = {
    {"device", "Invite, enrol and look after devices"},
    {"bucket", "Make and remove buckets"},
    {"sync", "What the link does and what waits"},
    {"conflict", "Versions that did not know each other"},
    {"image", "The node's own container images"},
    {"job", "Jobs and services"},
    {"user", "Users"},
    {"key", "Access keys of users"},
    {"policy", "What users may do"},
    {"inbox", "What waits for a person"},
    {"audit", "What was decided"},
    {"config", "Settings, where they come from, what they take"},
};

// Where CLI11 puts what it finds. Lists, so that addresses stay.
struct Values {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  struct Flag {
    std::string name;
    bool set = false;
  };
  struct One {
    std::string name;
    std::string given;
    CLI::Option* option = nullptr;
  };
  struct Many {
    std::string name;
    std::vector<std::string> given;
  };
  std::list<Flag> flags;
  std::list<One> ones;
  std::list<Many> lists;
};

CLI::Option* add_one(Values& v, std::string name, std::string_view help) {
  auto& one = v.ones.emplace_back(Values::One{std::move(name), {}, nullptr});
  one.option = v.app->add_option(one.name, one.given, std::string(help));
  return one.option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
}

// What stands behind "--" is taken by us, word for word: CLI11 would look for options and sub-commands in it.
void add_positional(Values& v, const Positional& p) {
  if (p.count == Positional::Count::kMany) return;
  auto* option = add_one(v, std::string(p.name), p.help);
  option->type_name("")->required(p.count == Positional::Count::kOne);
}

void add_option(Values& v, const Option& o) {
  std::string name(o.name);
  if (o.take == Take::kFlag) {
    auto& flag = v.flags.emplace_back(Values::Flag{name, false});
    v.app->add_flag(name, flag.set, std::string(o.help));
  } else if (o.take == Take::kValue) {
    add_one(v, name, o.help)->type_name(std::string(o.value))->required(o.required);
  } else {
    auto& many = v.lists.emplace_back(Values::Many{name, {}});
    auto* option = v.app->add_option(name, many.given, std::string(o.help));
    option->type_name(std::string(o.value))->required(o.required)->allow_extra_args(false)->take_all();
  }
}

CLI::App* group_of(CLI::App& root, std::string_view name) {
  for (auto* present : root.get_subcommands([](const CLI::App*) { return true; }))
    if (present->get_name() == name) return present;
  std::string summary;
  for (const auto& g : kGroups)
    if (g.name == name) summary = g.summary;
  auto* group = root.add_subcommand(std::string(name), summary);
  group->require_subcommand(1)->fallthrough();
  return group;
}

void add_command(CLI::App& root, std::list<Values>& all, const Command& command) {
  std::string_view path = command.path;
  CLI::App* parent = &root;
  if (size_t space = path.find(' '); space != std::string_view::npos) {
    parent = group_of(root, path.substr(0, space));
    path = path.substr(space + 1);
  }
  auto& v = all.emplace_back();
  v.command = &command;
  std::string about(command.summary);
  v.app = parent->add_subcommand(std::string(path), about);
  v.app->fallthrough();
  std::string footer;
  if (!command.detail.empty()) footer += std::string(command.detail) + "\n\n";
  footer += "Example:\n  " + std::string(command.example);
  v.app->footer(footer);
  for (const auto& p : command.positionals) add_positional(v, p);
  for (const auto& o : command.options) add_option(v, o);
}

Args args_of(const Values& v) {
  Args args;
  for (const auto& f : v.flags)
    if (f.set) args.add(f.name, "");
  for (const auto& o : v.ones)
    if (o.option->count() > 0) args.add(o.name, o.given);
  for (const auto& m : v.lists)
    for (const auto& g : m.given) args.add(m.name, g);
  return args;
}

// A first or second word that is no command, told as such; nullopt when the words are known.
std::optional<UsageError> unknown_word(const std::vector<std::string>& words) {
  if (words.empty() || words[0].starts_with("-")) return std::nullopt;
  bool group = false;
  std::string offered;
  for (const auto& c : commands()) {
    if (c.path == words[0]) return std::nullopt;
    if (!c.path.starts_with(words[0] + " ")) continue;
    group = true;
    auto second = c.path.substr(words[0].size() + 1);
    if (words.size() > 1 && (words[1] == second || words[1].starts_with("-"))) return std::nullopt;
    offered += (offered.empty() ? "" : ", ") + std::string(second);
  }
  if (!group) return UsageError{"there is no command '" + words[0] + "'", "`demilune --help` lists the commands."};
  if (words.size() == 1) return UsageError{"`" + words[0] + "` wants a word more", "One of: " + offered + "."};
  return UsageError{"there is no command '" + words[0] + " " + words[1] + "'", "One of: " + offered + "."};
}

// "demilune device invite --help" of where the words went wrong.
std::string help_hint(const CLI::App& root) {
  std::string words = "demilune";
  const CLI::App* at = &root;
  for (bool more = true; more;) {
    more = false;
    for (const auto* sub : at->get_subcommands()) {
      words += " " + sub->get_name();
      at = sub;
      more = true;
      break;
    }
  }
  return "Try `" + words + " --help`.";
}

void add_globals(CLI::App& root, GlobalOptions& global, bool& json) {
  auto* where = root.add_option_group("Where", "");
  where
      ->add_option("--data-dir", global.data_dir,
                   "Data directory of the local node (DEMILUNE_DATA_DIR, /var/lib/demilune)")
      ->type_name("DIR");
  where->add_option("--endpoint", global.endpoint, "Administration port of a node elsewhere")->type_name("https://A:P");
  where->add_option("--ca", global.ca, "File with that node's CA (`demilune ca`)")->type_name("FILE");
  where
      ->add_option("--region", global.region,
                   "Region of that node: a device's name, or the hub's (AWS_REGION, us-east-1)")
      ->type_name("NAME");
  auto* how = root.add_option_group("How", "");
  how->add_option("-o,--output", global.output, "table, json, yaml or name")->type_name("SHAPE");
  how->add_flag("--json", json, "The same as -o json");
}

}  // namespace

std::variant<Parsed, HelpText, UsageError> parse(
    std::vector<std::string> words, const std::function<std::optional<std::string>(const char*)>& environment) {
  CLI::App root(kAbout, "demilune");
  root.require_subcommand(1);
  root.set_help_all_flag("--help-all", "Help of all commands");
  GlobalOptions global;
  bool json = false;
  add_globals(root, global, json);
  std::list<Values> all;
  for (const auto& command : commands()) add_command(root, all, command);
  auto mark = std::find(words.begin(), words.end(), "--");
  bool marked = mark != words.end();
  std::vector<std::string> rest(marked ? mark + 1 : mark, words.end());
  words.erase(mark, words.end());
  auto unknown = unknown_word(words);
  std::reverse(words.begin(), words.end());  // as CLI11 wants it
  try {
    root.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return HelpText{root.help()};
  } catch (const CLI::CallForAllHelp&) {
    return HelpText{root.help("", CLI::AppFormatMode::All)};
  } catch (const CLI::Error& e) {
    if (unknown) return *unknown;
    return UsageError{e.what(), help_hint(root)};
  }
  if (json) {
    if (!global.output.empty() && global.output != "json")
      return UsageError{"--json and -o " + global.output + " contradict each other", "Give one of them."};
    global.output = "json";
  }
  if (global.output.empty()) global.output = "table";
  if (global.data_dir.empty()) global.data_dir = environment("DEMILUNE_DATA_DIR").value_or("/var/lib/demilune");
  for (const auto& v : all) {
    if (!v.app->parsed()) continue;
    Args args = args_of(v);
    const Positional* many = nullptr;
    for (const auto& p : v.command->positionals)
      if (p.count == Positional::Count::kMany) many = &p;
    if (marked && !many) return UsageError{"this command takes nothing behind --", help_hint(root)};
    for (auto& word : rest) args.add(many->name, std::move(word));
    return Parsed{v.command, std::move(args), global};
  }
  return UsageError{"a command is missing", help_hint(root)};
}

}  // namespace dl::cli

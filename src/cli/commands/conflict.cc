#include "cli/command.h"

namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

// One row a version, so that a table shows who wrote what.
Json flat(const Json& conflicts) {
  Json rows = Json::array();
  for (const auto& c : conflicts.items()) {
    const Json* versions = c.find("versions");
    if (!versions || !versions->is_array()) continue;
    for (Json row : versions->items()) {
      row.set("object", "s3://" + c.text("bucket") + "/" + c.text("key"));
      rows.push(std::move(row));
    }
  }
  return Json::object().set("rows", std::move(rows));
}

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {{"OBJECT", "object"},    {"VERSION", "version"},       {"CURRENT", "current"},
                                          {"KIND", "kind"},        {"SIZE", "size", As::kBytes}, {"DEVICE", "device"},
                                          {"PERSON", "principal"}, {"WRITTEN", "written"}};
  return all;
}

void show_conflicts(Session& s, const Json& answer, const Json& conflicts) {
  if (s.out.shape() == Shape::kJson || s.out.shape() == Shape::kYaml) return s.out.rows(answer, "conflicts", columns());
  if (s.out.shape() == Shape::kTable) return s.out.rows(flat(conflicts), "rows", columns());
  for (const auto& c : conflicts.items()) s.out.raw(safe_text("s3://" + c.text("bucket") + "/" + c.text("key")) + "\n");
}

Result<int> list(Session& s, const Args& args) {
  std::string path = "/api/v1/conflicts";
  if (args.has("BUCKET")) path += "?bucket=" + escape(args.text("BUCKET"));
  DL_TRY(auto answer, s.get(path));
  const Json* conflicts = answer.find("conflicts");
  if (!conflicts || !conflicts->is_array()) return error(Code::kInternal, "the node's answer has no conflicts");
  show_conflicts(s, answer, *conflicts);
  if (conflicts->items().empty()) s.out.note("No conflicts.");
  if (answer.text("truncated") == "true") s.out.note("There are more; resolve some or name a bucket.");
  return 0;
}

Result<int> show(Session& s, const Args& args) {
  DL_TRY(auto at, parse_s3_uri(args.text("OBJECT")));
  DL_TRY(auto answer, s.get("/api/v1/conflicts/show?bucket=" + escape(at.bucket) + "&key=" + escape(at.key)));
  show_conflicts(s, answer, Json::array().push(answer));
  s.out.note("Read one with `demilune cat " + args.text("OBJECT") +
             " --version V`, settle it with `demilune conflict resolve " + args.text("OBJECT") + " --keep V`.");
  return 0;
}

Result<int> resolve(Session& s, const Args& args) {
  DL_TRY(auto at, parse_s3_uri(args.text("OBJECT")));
  Json body = Json::object();
  body.set("bucket", at.bucket).set("key", at.key).set("keep", args.text("--keep"));
  DL_TRY(auto answer, s.send("POST", "/api/v1/conflicts/resolve", std::move(body)));
  s.out.item(answer, {{"Version", "version"}, {"Kept", "kept"}, {"Durable", "durable"}});
  if (answer.text("durable") == "local") s.out.note("Settled here; the hub hears of it with the next contact.");
  return 0;
}

}  // namespace

std::vector<Command> conflict_commands() {
  const Positional object{"OBJECT", "s3://BUCKET/KEY"};
  return {
      {"conflict list",
       "Objects with versions that did not know each other",
       "",
       "demilune conflict list mission",
       {{"BUCKET", "Only this bucket", Positional::Count::kOptional}},
       {},
       list},
      {"conflict show",
       "The versions of one object: device, person, time",
       "",
       "demilune conflict show s3://mission/plan.txt",
       {object},
       {},
       show},
      {"conflict resolve",
       "Settle it: one version is kept as the current one",
       "The other versions stay readable under their version ids.",
       "demilune conflict resolve s3://mission/plan.txt --keep 0123456789abcdef0123456789abcdef",
       {object},
       {{"--keep", Take::kValue, "VERSION", "The version to keep", true}},
       resolve},
  };
}

}  // namespace dl::cli

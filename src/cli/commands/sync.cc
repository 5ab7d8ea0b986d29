#include "cli/command.h"
#include "cli/commands/sync_tables.h"

namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

void show(Session& s, const Json& sync) {
  if (s.out.shape() != Shape::kTable) return s.out.rows(sync, "spaces", {{"BUCKET", "bucket"}});
  if (const Json* paused = sync.find("paused"); paused && *paused == Json(true)) s.out.line("Sync is paused.");
  show_sync(s, sync);
}

Result<int> status(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/sync"));
  show(s, answer);
  return 0;
}

bool settled(const Json& sync) {
  for (const auto& space : sync.find("spaces")->items())
    if (space.number("undecided") > 0 || space.number("bodies_missing") > 0 ||
        space.number("cursor") < space.number("newest"))
      return false;
  for (const auto& link : sync.find("links")->items())
    if (link.text("state") != "connected") return false;
  return true;
}

Result<int> watch(Session& s, const Args& args) {
  DL_TRY(auto every, parse_duration(args.text("--every", "2s")));
  DL_TRY(auto timeout, parse_duration(args.text("--timeout", "0s")));
  if (every < Millis(100)) every = Millis(100);
  for (Millis waited(0);; waited += every) {
    DL_TRY(auto answer, s.get("/api/v1/sync"));
    if (!answer.find("spaces") || !answer.find("links"))
      return error(Code::kInternal, "the node's answer has no spaces");
    bool done = settled(answer);
    if (!args.has("--until-settled") || done) show(s, answer);
    if (args.has("--until-settled") && done) return 0;
    if (timeout > Millis(0) && waited >= timeout)
      return error(Code::kTimeout, "the time of --timeout passed and not everything has met",
                   "`demilune sync status` shows what waits.");
    if (!args.has("--until-settled")) s.out.line("");
    s.wait(every);
  }
}

Result<int> steer(Session& s, const Args& args, const char* path) {
  Json body = Json::object();
  if (args.has("--peer")) body.set("peer", args.text("--peer"));
  DL_TRY(auto answer, s.send("POST", path, std::move(body)));
  show(s, answer);
  return 0;
}

Result<int> now(Session& s, const Args& args) { return steer(s, args, "/api/v1/sync/now"); }
Result<int> pause(Session& s, const Args& args) { return steer(s, args, "/api/v1/sync/pause"); }
Result<int> resume(Session& s, const Args& args) { return steer(s, args, "/api/v1/sync/resume"); }

Result<int> why(Session& s, const Args& args) {
  DL_TRY(auto at, parse_s3_uri(args.text("OBJECT")));
  DL_TRY(auto answer, s.get("/api/v1/sync/why?bucket=" + escape(at.bucket) + "&key=" + escape(at.key)));
  s.out.rows(answer, "facts", {{"FACT", "name"}, {"", "value"}});
  return 0;
}

}  // namespace

std::vector<Command> sync_commands() {
  const Option peer{"--peer", Take::kValue, "NAME", "Only this device (default: all)"};
  return {
      {"sync status", "Links, and how far each bucket has come", "", "demilune sync status", {}, {}, status},
      {"sync watch",
       "Show the status again and again",
       "",
       "demilune sync watch --until-settled --timeout 5m",
       {},
       {{"--every", Take::kValue, "TIME", "How often (2s)"},
        {"--until-settled", Take::kFlag, "", "End when links are up and nothing waits"},
        {"--timeout", Take::kValue, "TIME", "Then end with status 8"}},
       watch},
      {"sync now", "Connect at once instead of at the next try", "", "demilune sync now", {}, {peer}, now},
      {"sync pause", "Send and receive nothing until `sync resume`", "", "demilune sync pause", {}, {peer}, pause},
      {"sync resume", "Go on after `sync pause`", "", "demilune sync resume", {}, {peer}, resume},
      {"sync why",
       "What an object waits for",
       "",
       "demilune sync why s3://mission/plan.txt",
       {{"OBJECT", "s3://BUCKET/KEY"}},
       {},
       why},
  };
}

}  // namespace dl::cli

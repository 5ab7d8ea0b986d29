#include "cli/command.h"

namespace dl::cli {
namespace {

Result<int> list_inbox(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/inbox"));
  s.out.rows(answer, "items",
             {{"ID", "id"},
              {"KIND", "kind"},
              {"BUCKET", "bucket"},
              {"KEY", "key"},
              {"DEVICE", "device"},
              {"PERSON", "principal"},
              {"REASON", "reason"}});
  return 0;
}

Result<int> show_inbox(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get("/api/v1/inbox/" + escape(args.text("ID"))));
  s.out.item(answer, {{"Id", "id"},
                      {"Kind", "kind"},
                      {"Bucket", "bucket"},
                      {"Key", "key"},
                      {"Device", "device"},
                      {"Person", "principal"},
                      {"Reason", "reason"},
                      {"Written", "written"}});
  return 0;
}

Result<int> search_audit(Session& s, const Args& args) {
  std::string path = "/api/v1/audit?limit=" + escape(args.text("--limit", "100"));
  if (args.has("--principal")) path += "&principal=" + escape(args.text("--principal"));
  if (args.has("--action")) path += "&action=" + escape(args.text("--action"));
  if (args.has("--denied")) path += "&decision=denied";
  if (args.has("--last")) {
    DL_TRY(auto last, parse_duration(args.text("--last")));
    path += "&last_seconds=" + std::to_string(last.count() / 1000);
  }
  DL_TRY(auto answer, s.get(path));
  s.out.rows(answer, "records",
             {{"TIME", "time"},
              {"PRINCIPAL", "principal"},
              {"ACTION", "action"},
              {"RESOURCE", "resource"},
              {"DECISION", "decision"},
              {"OUTCOME", "outcome"},
              {"REASON", "reason"},
              {"SOURCE", "source"}});
  return 0;
}

}  // namespace

std::vector<Command> record_commands() {
  return {
      {"inbox list", "Held and refused records", "", "demilune inbox list", {}, {}, list_inbox},
      {"inbox show", "Show one", "", "demilune inbox show 3f2a...", {{"ID", "Its id"}}, {}, show_inbox},
      {"audit search",
       "What was decided at this node, newest first",
       "",
       "demilune audit search --denied --last 1h",
       {},
       {{"--principal", Take::kValue, "WHO", "Only this principal, as user/alice"},
        {"--action", Take::kValue, "ACTION", "Only this action, as s3:PutObject"},
        {"--denied", Take::kFlag, "", "Only refusals"},
        {"--last", Take::kValue, "TIME", "Only the last 1h, 7d, ..."},
        {"--limit", Take::kValue, "N", "At most so many (100)"}},
       search_audit},
  };
}

}  // namespace dl::cli

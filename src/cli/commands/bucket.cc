#include "cli/command.h"

namespace dl::cli {
namespace {

using format::Json;

Result<int> list(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/buckets"));
  s.out.rows(
      answer, "buckets",
      {{"NAME", "name"}, {"VERSIONING", "versioning"}, {"HOME", "home"}, {"READY", "ready"}, {"CREATED", "created"}});
  return 0;
}

Result<int> create(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("POST", "/api/v1/buckets", Json::object().set("name", args.text("NAME"))));
  if (args.has("--versioning")) {
    DL_TRY(auto done, s.send("PUT", "/api/v1/buckets/" + escape(args.text("NAME")) + "/versioning",
                             Json::object().set("status", "enabled")));
    (void)done;
    answer.set("versioning", "enabled");
  }
  s.out.item(answer, {{"Name", "name"}, {"Versioning", "versioning"}, {"Id", "id"}});
  return 0;
}

Result<int> remove(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("DELETE", "/api/v1/buckets/" + escape(args.text("NAME"))));
  (void)answer;
  s.out.note("Bucket " + args.text("NAME") + " is deleted.");
  return 0;
}

Result<int> versioning(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("PUT", "/api/v1/buckets/" + escape(args.text("NAME")) + "/versioning",
                             Json::object().set("status", args.text("STATUS"))));
  (void)answer;
  s.out.note("Versioning of " + args.text("NAME") + " is " + args.text("STATUS") + ".");
  return 0;
}

}  // namespace

std::vector<Command> bucket_commands() {
  const Positional name{"NAME", "The bucket"};
  return {
      {"bucket create",
       "Make a bucket (at the hub)",
       "",
       "demilune bucket create mission --versioning",
       {name},
       {{"--versioning", Take::kFlag, "", "Keep all versions"}},
       create},
      {"bucket list", "List buckets", "", "demilune bucket list", {}, {}, list},
      {"bucket delete",
       "Delete an empty bucket (at the hub)",
       "",
       "demilune bucket delete mission",
       {name},
       {},
       remove},
      {"bucket versioning",
       "Keep all versions, or stop doing so (at the hub)",
       "",
       "demilune bucket versioning mission enabled",
       {name, {"STATUS", "enabled or suspended"}},
       {},
       versioning},
  };
}

}  // namespace dl::cli

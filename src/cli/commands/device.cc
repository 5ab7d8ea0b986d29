#include "cli/command.h"

// The fleet. All but `enroll` ask the hub.
namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"NAME", "name"},       {"STATE", "state"},
      {"LINK", "link"},       {"LAST CONTACT", "last_contact_age_seconds", As::kAge},
      {"BUCKETS", "buckets"}, {"CREATED", "created"}};
  return all;
}

std::string device_path(const Args& args, std::string_view what = {}) {
  return "/api/v1/devices/" + escape(args.text("NAME")) + std::string(what);
}

Result<int> invite(Session& s, const Args& args) {
  DL_TRY(auto life, parse_duration(args.text("--expires", "24h")));
  Json body = Json::object();
  body.set("name", args.text("NAME"));
  body.set("expires_seconds", std::chrono::duration_cast<std::chrono::seconds>(life).count());
  if (args.has("--hub-address")) body.set("hub_address", args.text("--hub-address"));
  DL_TRY(auto answer, s.send("POST", "/api/v1/devices", std::move(body)));
  if (s.out.shape() == Shape::kTable || s.out.shape() == Shape::kName)
    s.out.raw(answer.text("code") + "\n");
  else
    s.out.item(answer, {{"Code", "code"}});
  s.out.note("Single use, until " + answer.text("expires") + ". On the device:\n" +
             "  demilune device enroll --code CODE --data-dir DIR");
  return 0;
}

Result<int> enroll(Session& s, const Args& args) {
  std::string code = args.text("--code");
  if (code == "-") code = s.read_line();
  if (code.empty())
    return error(Code::kInvalid, "the code is empty", "Ask the hub's operator for one: `demilune device invite NAME`.");
  DL_TRY(auto enrolled, s.hooks->enroll_device({code, s.global.data_dir}));
  Json out = Json::object();
  out.set("device", enrolled.device).set("hub", enrolled.hub).set("data_dir", s.global.data_dir);
  s.out.item(out, {{"Device", "device"}, {"Hub", "hub"}, {"Data directory", "data_dir"}});
  s.out.note("Start it with `demilune up --data-dir " + s.global.data_dir + "`.");
  return 0;
}

Result<int> list(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/devices"));
  s.out.rows(answer, "devices", columns());
  return 0;
}

void show_device(Session& s, const Json& device) {
  s.out.item(device, {{"Name", "name"},
                      {"State", "state"},
                      {"Buckets", "buckets"},
                      {"Link", "link"},
                      {"Last contact", "last_contact"},
                      {"Created", "created"},
                      {"Id", "id"},
                      {"Node", "node"},
                      {"Code expires", "code_expires"}});
}

Result<int> show(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get(device_path(args)));
  show_device(s, answer);
  return 0;
}

Result<int> ca(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get(device_path(args, "/ca")));
  s.out.raw(answer.text("pem"));
  return 0;
}

Result<int> change(Session& s, const Args& args, const char* what, Json body = {}) {
  DL_TRY(auto answer, s.send("POST", device_path(args, what), std::move(body)));
  show_device(s, answer);
  return 0;
}

Result<int> assign(Session& s, const Args& args) {
  return change(s, args, "/assign", Json::object().set("bucket", args.text("--bucket")));
}
Result<int> unassign(Session& s, const Args& args) {
  return change(s, args, "/unassign", Json::object().set("bucket", args.text("--bucket")));
}
Result<int> suspend(Session& s, const Args& args) { return change(s, args, "/suspend"); }
Result<int> resume(Session& s, const Args& args) { return change(s, args, "/resume"); }
Result<int> lost(Session& s, const Args& args) { return change(s, args, "/lost"); }
Result<int> retire(Session& s, const Args& args) { return change(s, args, "/retire"); }

}  // namespace

std::vector<Command> device_commands() {
  const Positional name{"NAME", "The device"};
  const Option bucket{"--bucket", Take::kValue, "BUCKET", "The bucket", true};
  return {
      {"device invite",
       "Print a single-use code for a new device",
       "Asked at the hub. The code carries the hub's address and the fingerprint of its CA.",
       "demilune device invite field-01 --expires 2h --hub-address hub.example:7445",
       {name},
       {{"--expires", Take::kValue, "TIME", "How long the code lives (24h)"},
        {"--hub-address", Take::kValue, "A:P", "Where devices reach the hub's link port (setting link.hub_address)"}},
       invite},
      {"device enroll",
       "Make a directory a device of the hub that gave the code",
       "--code - reads the code from standard input.",
       "demilune device enroll --code - --data-dir /srv/demilune < code",
       {},
       {{"--code", Take::kValue, "CODE", "The code of `device invite`", true}},
       enroll},
      {"device ca",
       "Print the CA that a device's S3 certificate hangs on",
       "",
       "demilune device ca field-01 > field-01.pem",
       {name},
       {},
       ca},
      {"device list", "List devices", "", "demilune device list -o json", {}, {}, list},
      {"device show", "Show one device", "", "demilune device show field-01", {name}, {}, show},
      {"device assign",
       "Give a device a bucket, also before it enrols",
       "",
       "demilune device assign field-01 --bucket mission",
       {name},
       {bucket},
       assign},
      {"device unassign",
       "Take a bucket from a device",
       "Hidden at once; what the device wrote and the hub has not is still sent, then its data is deleted.",
       "demilune device unassign field-01 --bucket mission",
       {name},
       {bucket},
       unassign},
      {"device suspend", "Refuse a device's link for now", "", "demilune device suspend field-01", {name}, {}, suspend},
      {"device resume",
       "Allow a suspended device's link again",
       "",
       "demilune device resume field-01",
       {name},
       {},
       resume},
      {"device lost",
       "A device is lost: what it sends later is held",
       "There is no way back.",
       "demilune device lost field-01",
       {name},
       {},
       lost},
      {"device retire",
       "A device is out of service",
       "There is no way back; its name is never given again.",
       "demilune device retire field-01",
       {name},
       {},
       retire},
  };
}

}  // namespace dl::cli

#include "cli/command.h"
#include "cli/commands/sync_tables.h"
#include "cli/http_api.h"

// The node itself.
namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

Result<int> up(Session& s, const Args& args) {
  UpOptions o;
  o.data_dir = s.global.data_dir;
  o.config = args.text("--config");
  o.listen_data = args.text("--listen-data");
  o.listen_admin = args.text("--listen-admin");
  o.listen_link = args.text("--listen-link");
  o.insecure_http = args.text("--insecure-http");
  o.admin_key_file = args.text("--admin-key-file");
  return s.hooks->run_node(o);
}

Result<int> status(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/status"));
  s.out.item(answer, {{"Node", "name"},
                      {"Role", "role"},
                      {"Hub", "hub"},
                      {"State", "device.state"},
                      {"State as of", "device.as_of"},
                      {"State age", "device.age_seconds", As::kAge},
                      {"Ready", "ready"},
                      {"Not ready because", "not_ready_because"},
                      {"Version", "version"},
                      {"Region", "region"},
                      {"Data", "data_endpoint"},
                      {"Administration", "admin_endpoint"},
                      {"Buckets", "counts.buckets"},
                      {"Devices", "counts.devices"},
                      {"Workloads", "counts.workloads"},
                      {"Partitions", "partitions", As::kCount}});
  if (s.out.shape() == Shape::kTable)
    if (const Json* sync = answer.find("sync")) {
      s.out.line("");
      show_sync(s, *sync);
    }
  return 0;
}

Result<int> ca(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/ca"));
  s.out.raw(answer.text("pem"));
  return 0;
}

std::string shell_quote(std::string_view v) {
  std::string out = "'";
  for (char c : v) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// A copy of the node's CA that its caller can read: the data directory is 0700.
Result<std::string> ca_copy(Session& s, const std::string& pem, const std::string& node) {
  std::string dir = s.environment("XDG_RUNTIME_DIR").value_or(s.environment("TMPDIR").value_or("/tmp"));
  std::string path = dir + "/demilune-" + node + "-" + s.environment("USER").value_or("ca") + ".pem";
  DL_TRY(auto file, s.hooks->files->create(path, 0600));
  DL_OK(file->write(pem));
  DL_OK(file->finish());
  return path;
}

Result<Json> environment_of(Session& s, const Args& args) {
  DL_TRY(auto node, s.get("/api/v1/node"));
  std::string bundle = args.text("--ca-file");
  if (bundle.empty()) {
    DL_TRY(bundle, ca_copy(s, node.text("ca_pem"), node.text("name")));
  } else {
    DL_TRY(auto file, s.hooks->files->create(bundle, 0644));
    DL_OK(file->write(node.text("ca_pem")));
    DL_OK(file->finish());
  }
  Json out = Json::object();
  out.set("AWS_ENDPOINT_URL", node.text("data_endpoint"));
  out.set("AWS_REGION", node.text("region")).set("AWS_DEFAULT_REGION", node.text("region"));
  out.set("AWS_CA_BUNDLE", bundle);
  if (args.has("--credentials")) {
    DL_TRY(auto text, read_file(*s.hooks->files, args.text("--credentials")));
    DL_TRY(auto keys, parse_credentials(text, args.text("--profile", "default")));
    out.set("AWS_ACCESS_KEY_ID", keys.id).set("AWS_SECRET_ACCESS_KEY", keys.secret);
  } else {
    auto id = s.environment("AWS_ACCESS_KEY_ID"), secret = s.environment("AWS_SECRET_ACCESS_KEY");
    if (id && secret) out.set("AWS_ACCESS_KEY_ID", *id).set("AWS_SECRET_ACCESS_KEY", *secret);
  }
  return out;
}

Result<int> env(Session& s, const Args& args) {
  DL_TRY(auto values, environment_of(s, args));
  if (!values.find("AWS_ACCESS_KEY_ID"))
    s.out.note(
        "No access key: give --credentials FILE (the hub's: --admin-key-file), or make one with "
        "`demilune key create USER`.");
  if (args.has("--shell") || s.out.shape() == Shape::kTable || s.out.shape() == Shape::kName) {
    for (const auto& m : values.members())
      s.out.raw((args.has("--shell") ? "export " + m.name + "=" + shell_quote(m.value.as_string())
                                     : m.name + "=" + m.value.as_string()) +
                "\n");
    return 0;
  }
  s.out.item(values, {{"Endpoint", "AWS_ENDPOINT_URL"}});
  return 0;
}

Json local_findings(const std::vector<LocalFinding>& found) {
  Json list = Json::array();
  bool healthy = true;
  for (const auto& f : found) {
    healthy = healthy && f.level != "error";
    list.push(
        Json::object().set("level", f.level).set("subject", f.subject).set("message", f.message).set("next", f.next));
  }
  return Json::object().set("healthy", healthy).set("findings", std::move(list));
}

Result<int> doctor(Session& s, const Args&) {
  auto answer = s.get("/api/v1/doctor");
  if (!answer.ok()) {
    if (answer.error().code != Code::kUnavailable || !s.hooks->local_doctor || !s.global.endpoint.empty())
      return std::move(answer).error();
    s.out.note("No node answers; this is what can be seen without one.");
    answer = local_findings(s.hooks->local_doctor(s.global.data_dir));
  }
  s.out.rows(*answer, "findings", {{"LEVEL", "level"}, {"SUBJECT", "subject"}, {"FOUND", "message"}, {"NEXT", "next"}});
  const Json* healthy = answer->find("healthy");
  return healthy && *healthy == Json(true) ? 0 : 1;
}

}  // namespace

std::vector<Command> node_commands() {
  return {
      {"up",
       "Serve in the foreground",
       "An empty directory becomes a hub: keys and CA are made, the administrator's access key is printed once.\n"
       "When it serves it prints one line to standard error: ready data=https://A:P admin=https://A:P link=A:P",
       "demilune up --data-dir /srv/demilune --admin-key-file admin.key",
       {},
       {{"--config", Take::kValue, "FILE", "Settings (demilune.toml)"},
        {"--listen-data", Take::kValue, "A:P", "S3 (hub: :7443, device: 127.0.0.1:7443)"},
        {"--listen-admin", Take::kValue, "A:P", "Administration (127.0.0.1:7444)"},
        {"--listen-link", Take::kValue, "A:P", "Device link, hub only (:7445)"},
        {"--insecure-http", Take::kValue, "A:P", "Plain S3 besides, loopback only"},
        {"--admin-key-file", Take::kValue, "FILE", "First start: the administrator's key goes there, mode 0600"}},
       up},
      {"status",
       "What this node is and how it does",
       "Every fact from elsewhere is shown with its age.",
       "demilune status --data-dir /srv/demilune",
       {},
       {},
       status},
      {"ca", "Print the CA that this node's certificate hangs on", "", "demilune ca > hub.pem", {}, {}, ca},
      {"env",
       "Print AWS_* for this node",
       "Endpoint, region and a copy of the CA; the access key comes from --credentials or the environment.",
       "eval \"$(demilune env --shell --credentials admin.key)\"",
       {},
       {{"--shell", Take::kFlag, "", "As export lines for a shell"},
        {"--credentials", Take::kValue, "FILE", "An AWS credentials file"},
        {"--profile", Take::kValue, "NAME", "Profile in it (default)"},
        {"--ca-file", Take::kValue, "FILE", "Where the copy of the CA goes"}},
       env},
      {"doctor",
       "What is missing or wrong",
       "Works without a running node too, with less to see.",
       "demilune doctor",
       {},
       {},
       doctor},
  };
}

}  // namespace dl::cli

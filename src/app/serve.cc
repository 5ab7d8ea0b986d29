#include "app/serve.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <cstdlib>

#include "base/error_table.h"
#include "base/log.h"
#include "node/node.h"

namespace dl::app {
namespace {

constexpr uint64_t kMaxSettingsFile = 1 << 20;
constexpr int kNeedsRepair = 65;  // EX_DATAERR: starting again does not help, and the unit does not
constexpr char kDefaultSettings[] = "/etc/demilune/demilune.toml";

int fail(const Error& e) {
  const auto& info = error_info(e.code);
  std::fprintf(stderr, "demilune: %s (DL-%d)\n", e.message.c_str(), info.number);
  if (!e.next.empty()) std::fprintf(stderr, "  next: %s\n", e.next.c_str());
  return info.exit_status;
}

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warn") return LogLevel::kWarn;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace

Result<Settings> load_settings(const cli::UpOptions& options) {
  auto& fs = storage::posix_file_system();
  Settings::Sources sources;
  sources.environment = process_environment();
  sources.read_file = [&fs](const std::string& path) -> Result<std::string> {
    return storage::read_file(fs, path, kMaxSettingsFile);
  };
  auto flag = [&](const char* key, const std::string& value) {
    if (!value.empty()) sources.flags.emplace_back(key, value);
  };
  flag("listen.data", options.listen_data);
  flag("listen.admin", options.listen_admin);
  flag("listen.link", options.listen_link);
  flag("listen.insecure_http", options.insecure_http);
  std::string file = options.config;
  if (file.empty()) {
    auto there = fs.exists(kDefaultSettings);
    if (there.ok() && *there) file = kDefaultSettings;
  }
  if (!file.empty()) {
    DL_TRY(sources.toml, storage::read_file(fs, file, kMaxSettingsFile));
    sources.toml_name = file;
  }
  return Settings::load(sources);
}

int serve(const cli::UpOptions& options, const std::string& version) {
  // Taken by sigwait below; every thread that starts from here on has them blocked, too.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto settings = load_settings(options);
  if (!settings.ok()) return fail(settings.error());
  set_log_level(level_of(settings->text("log.level")));
  node::NodeConfig config;
  config.data_dir = options.data_dir;
  config.settings = std::move(*settings);
  config.admin_key_file = options.admin_key_file;
  config.version = version;
  auto node = node::Node::start(node::this_machine(), std::move(config));
  if (!node.ok()) {
    const int status = fail(node.error());
    return node.error().code == Code::kCorrupt ? kNeedsRepair : status;
  }

  if (auto key = (*node)->first_key()) {
    std::printf(
        "The administrator's access key; it is shown this once:\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n",
        key->id.c_str(), key->secret.c_str());
    std::fflush(stdout);
  }
  auto a = (*node)->addresses();
  std::string line =
      "ready data=https://" + node::reach_locally(a.data) + " admin=https://" + node::reach_locally(a.admin);
  if (a.link) line += " link=" + node::reach_locally(*a.link);
  if (a.insecure_http) line += " insecure=http://" + node::reach_locally(*a.insecure_http);
  std::fprintf(stderr, "%s\n", line.c_str());
  sd_notify(0, "READY=1");

  int signal_number = 0;
  sigwait(&ends, &signal_number);
  log_info("app", "stopping on signal {}", signal_number);
  sd_notify(0, "STOPPING=1");
  (*node)->stop();
  return 0;
}

}  // namespace dl::app

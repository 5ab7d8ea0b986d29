#include "node/node.h"

#include "base/log.h"
#include "base/task.h"
#include "node/enroll.h"
#include "node/parts.h"
#include "node/sizing.h"

namespace dl::node {
namespace {

constexpr Millis kUpkeep{5'000};
constexpr int kUpkeepsADay = 24 * 3600 / 5;
constexpr Millis kKeepContact{60'000};  // how old the contact that a start knows of may be
constexpr size_t kCensusRows = 20'000;  // looked at in one upkeep

Result<net::HostPort> address_of(const Settings& settings, std::string_view key, const std::string& fallback) {
  const auto& text = settings.text(key);
  return net::parse_host_port(text.empty() ? fallback : text);
}

}  // namespace

World this_machine() { return {&storage::posix_file_system(), &system_clock(), &system_random()}; }

std::string reach_locally(const net::HostPort& bound) {
  return net::format_host_port({bound.host.empty() ? "localhost" : bound.host, bound.port});
}

Result<void> Node::Parts::open_data() {
  DL_TRY(keys, NodeKeys::open_or_make(*world.fs, config.data_dir, *world.random));
  DL_TRY(store,
         open_store(*world.fs, config.data_dir, *keys, *world.clock, *world.random, storage_limits(config.settings)));
  DL_TRY(auto known, load_identity(store->partition("control")));
  if (!known) {
    if (keys->find(kEnrolling))
      return error(
          Code::kConflict, config.data_dir + " was begun as a device, but its enrolment was not finished",
          "Run `demilune device enroll` again with the same code, or a new one, and then start it; a hub takes "
          "another directory.");
    known = new_hub_identity("hub", config.settings.text("s3.region"), *world.random);
    DL_OK(store_identity(store->partition("control"), *known));
    log_info("node", "a new hub in {}", config.data_dir);
  }
  identity = std::move(*known);
  DL_TRY(auto heard, load_contact(store->partition("control")));
  if (heard) heard_kept = heard->time_since_epoch();
  if (is_hub()) identity.region = config.settings.text("s3.region");
  DL_TRY(authority, ensure_own_authority(*keys, identity.name, *world.clock, *world.random));
  if (is_hub()) {
    DL_TRY(link_authority, ensure_link_authority(*keys, identity.name, *world.random));
  }
  for (const char* sub : {"tmp", "workloads"}) DL_OK(storage::make_dirs(*world.fs, dir(sub), 0700));
  return storage::write_file_atomic(*world.fs, dir("ca.pem"), authority->certificate.pem(), 0644);
}

Result<std::shared_ptr<net::TlsContext>> Node::Parts::server_context(const std::string& alpn, bool link) {
  auto extra = config.settings.list("tls.names");
  for (const auto* key : {"listen.data", "listen.admin", "listen.link"}) {
    auto address = net::parse_host_port(config.settings.text(key));
    if (address.ok() && !address->host.empty() && address->host != "*" && address->host != "0.0.0.0" &&
        address->host != "::")
      extra.push_back(address->host);
  }
  net::TlsOptions options;
  DL_TRY(options.identity, issue_server_identity(*authority, server_names(extra), *world.clock, *world.random));
  const auto& own_certificate = config.settings.text("tls.certificate_file");
  if (!own_certificate.empty() && !link) {
    DL_TRY(auto chain, storage::read_file(*world.fs, own_certificate, 1 << 20));
    DL_TRY(auto key, storage::read_file(*world.fs, config.settings.text("tls.key_file"), 1 << 20));
    options.identity = net::TlsIdentity{chain, key};
  }
  if (!link) {
    // One that cannot be read is refused below, by the library that has to use it.
    auto leaf = crypto::Certificate::from_pem(options.identity->chain_pem);
    if (leaf.ok())
      certificate_ends = std::chrono::duration_cast<std::chrono::seconds>(leaf->not_after().time_since_epoch());
  }
  options.alpn = alpn;
  if (link) {
    options.versions = net::TlsVersions::k13Only;
    options.peer = net::PeerCertificate::kOptional;
    options.dates = net::CertificateDates::kIgnored;
    // Who may do what is decided with the first frame, where a refusal can be told in words.
    options.verify = [](BytesView) { return Result<void>(); };
  }
  return net::TlsContext::server(std::move(options));
}

Result<void> Node::Parts::listen() {
  auto& settings = config.settings;
  std::string all = is_hub() ? "*" : "127.0.0.1";
  const net::HttpServerOptions options = http_options(settings);
  auto* handler = s3.get();
  data_server = std::make_unique<net::HttpServer>(
      *runtime, *world.clock, [handler](net::HttpExchange& exchange) { return handler->handle(&exchange); }, options);
  admin_server = std::make_unique<net::HttpServer>(*runtime, *world.clock, admin->handler(), options);
  DL_TRY(auto context, server_context("http/1.1", false));
  server_tls = std::make_shared<net::TlsSlot>(context);
  DL_TRY(auto data, address_of(settings, "listen.data", all + ":7443"));
  DL_TRY(addresses.data, data_server->listen_tls(data, server_tls));
  const auto& plain = settings.text("listen.insecure_http");
  if (!plain.empty()) {
    DL_TRY(auto address, net::parse_host_port(plain));
    if (!net::is_loopback(address.host))
      return error(Code::kInvalid, "--insecure-http is for loopback only, not for " + plain,
                   "Use the TLS port for other machines.");
    DL_TRY(addresses.insecure_http, data_server->listen_plain(address));
  }
  if (is_hub()) {
    DL_TRY(auto link_context, server_context("", true));
    DL_TRY(auto link, address_of(settings, "listen.link", "*:7445"));
    DL_TRY(addresses.link, hub_link->listen(link, std::make_shared<net::TlsSlot>(link_context)));
  }
  // Last, because whoever comes in here may ask for all of the addresses.
  DL_TRY(auto admin_address, address_of(settings, "listen.admin", all + ":7444"));
  std::lock_guard lock(opening);
  DL_TRY(addresses.admin, admin_server->listen_tls(admin_address, server_tls));
  return admin_server->listen_unix(dir("demilune.sock"));
}

Addresses Node::Parts::bound() const {
  std::lock_guard lock(opening);
  return addresses;
}

// Certificates long before they end, spaces that are no longer assigned.
void Node::Parts::start_upkeep() {
  upkeep = Thread("upkeep", [this] {
    for (int round = 1; upkeep_signal.wait_for(kUpkeep); round++) {
      keep_contact();
      auto counted = census->step(kCensusRows);
      if (!counted.ok()) log_debug("node", "counting conflicts and uploads: {}", counted.error().message);
      if (!is_hub()) {
        auto swept = spaces->sweep();
        if (!swept.ok()) log_warn("node", "deleting what is no longer assigned: {}", swept.error().message);
        if (swept.ok() && *swept) device_link->changed_all();
      }
      if (round % kUpkeepsADay != 0) continue;
      auto fresh = server_context("http/1.1", false);
      if (fresh.ok())
        server_tls->replace(*fresh);
      else
        log_warn("node", "the server certificate could not be renewed: {}", fresh.error().message);
    }
  });
}

std::optional<WallTime> Node::Parts::hub_heard() const {
  std::optional<WallTime> heard;
  if (auto kept = heard_kept.load(); kept > Millis(0)) heard = WallTime(kept);
  if (!device_link) return heard;
  auto now = device_link->report().last_contact;
  return now && (!heard || *now > *heard) ? now : heard;
}

void Node::Parts::keep_contact() {
  auto heard = hub_heard();
  if (is_hub() || !heard || heard->time_since_epoch() - heard_kept.load() < kKeepContact) return;
  auto kept = store_contact(store->partition("control"), *heard);
  if (kept.ok()) heard_kept = heard->time_since_epoch();
}

// New requests first, then those who change things by themselves, then what they stand on.
void Node::Parts::stop() {
  if (std::exchange(stopped, true)) return;
  upkeep_signal.stop();
  upkeep.join();
  if (pulse) pulse->stop();
  if (scrubber) scrubber->stop();
  if (data_server) data_server->stop();
  if (admin_server) admin_server->stop();
  if (bridge) bridge->stop();
  if (compute) compute->stop();
  if (device_link) device_link->stop();
  if (hub_link) hub_link->stop();
  if (projector) projector->stop();
  if (notifier) notifier->stop();
  if (sealer) sealer->stop();
  if (runtime) runtime->stop();
  if (audit) audit->stop();
  if (store) store->stop();
}

Result<std::unique_ptr<Node>> Node::start(World world, NodeConfig config) {
  auto parts = std::make_unique<Parts>();
  parts->begun = world.clock->wall();
  parts->world = world;
  parts->config = std::move(config);
  std::unique_ptr<Node> node(new Node(std::move(parts)));
  auto& p = *node->parts_;
  DL_OK(p.open_data());
  p.runtime = make_runtime(p.config.settings);
  p.runtime->start();
  p.metrics = std::make_unique<Metrics>();
  DL_OK(p.open_control());
  DL_OK(p.open_objects());
  DL_OK(p.open_fleet());
  DL_OK(p.open_compute());
  DL_OK(p.open_admin());
  DL_OK(p.listen());
  p.notifier->start();
  if (p.projector) p.projector->start();
  if (p.sealer) p.sealer->start();
  if (p.device_link) p.device_link->start();
  if (p.bridge) p.bridge->start();
  p.start_upkeep();
  return node;
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() { stop(); }
void Node::stop() { parts_->stop(); }
Addresses Node::addresses() const { return parts_->bound(); }
std::optional<Node::FirstKey> Node::first_key() const { return parts_->first_key; }

}  // namespace dl::node

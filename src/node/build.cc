#include <unistd.h>

#include "base/log.h"
#include "crypto/cipher.h"
#include "node/admin_key_file.h"
#include "node/parts.h"
#include "node/sizing.h"

// How a node's parts are made and who knows whom.
namespace dl::node {
namespace {

constexpr char kAdmin[] = "admin";
constexpr char kAllowAll[] =
    R"({"Version":"2012-10-17","Statement":[{"Sid":"Administrator","Effect":"Allow","Action":"*","Resource":"*"}]})";

// A policy may touch a bucket when one of its allowed resource patterns and the bucket's names have a text in common.
// Patterns are compared up to their first wildcard: that shows a name too many at times, never too few.
bool may_touch(const format::UserRow& user, const std::string& bucket) {
  const std::string arn = access::s3_arn(bucket, "");
  for (const auto& named : user.policies) {
    auto policy = access::parse_policy(named.name, named.document);
    if (!policy.ok()) continue;
    for (const auto& statement : policy->statements) {
      if (statement.effect != access::Effect::kAllow) continue;
      for (const auto& pattern : statement.resources) {
        auto wild = pattern.find_first_of("*?");
        std::string_view literal = std::string_view(pattern).substr(0, wild);
        if (std::string_view(arn).starts_with(literal) || (wild == std::string::npos && literal == arn) ||
            literal.starts_with(arn + "/") || literal == arn)
          return true;
      }
    }
  }
  return false;
}

uint32_t day_of(const Clock& clock) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::days>(clock.wall().time_since_epoch()).count());
}

}  // namespace

Result<void> Node::Parts::open_control() {
  DL_TRY(auto secret_key, keys->ensure_key(crypto::ring::kUserSecrets));
  notifier = std::make_unique<Notifier>([this] {
    if (sealer) sealer->wrote();
    if (device_link) device_link->changed_all();
    if (hub_link) hub_link->changed_all();
  });
  objects_partition = std::make_unique<NotifyingPartition>(store->partition("default"), *notifier);
  spaces = std::make_unique<NodeSpaces>(SpacesConfig{nullptr, store.get(), objects_partition.get(), world.clock,
                                                     identity.node, identity.device_id, is_hub(),
                                                     is_hub() ? identity.region : "us-east-1"});
  control::Config c;
  c.role = is_hub() ? control::Role::kHub : control::Role::kDevice;
  c.partition = &store->partition("control");
  c.space = {BucketId::of(identity.device_id.view()), identity.node, is_hub(), identity.space_id_key,
             &store->blobs("control")};
  c.clock = world.clock;
  c.random = world.random;
  c.seal_secret = [this, secret_key](BytesView id, BytesView secret) -> Result<Bytes> {
    Bytes nonce = world.random->bytes(crypto::kGcmNonceBytes);
    return nonce + crypto::aes256_gcm_seal(secret_key, nonce, id, secret);
  };
  c.open_secret = [secret_key](BytesView id, BytesView sealed) -> Result<Bytes> {
    if (sealed.size() < crypto::kGcmNonceBytes) return error(Code::kCorrupt, "a sealed secret that is cut");
    return crypto::aes256_gcm_open(secret_key, sealed.substr(0, crypto::kGcmNonceBytes), id,
                                   sealed.substr(crypto::kGcmNonceBytes));
  };
  c.check_policy = [](const std::string& document) -> Result<void> {
    auto parsed = access::parse_policy("new", document);
    if (!parsed.ok()) return std::move(parsed).error();
    return {};
  };
  c.fence = [this] {
    return store->partition("default").commit_wait([](storage::Batch&) { return Result<void>(); },
                                                   storage::Purpose::kFree);
  };
  DL_TRY(control, control::Control::open(std::move(c)));
  spaces->set_control(control.get());
  DL_OK(spaces->refresh());
  if (is_hub()) {
    DL_TRY(bool held, spaces->hold_lost());
    (void)held;
  }
  control->on_change([this] { control_changed(); });

  audit = std::make_unique<audit::Queue>(store->partition("default"), config.settings.number("audit.queue"),
                                         config.settings.size("audit.queue_size"));
  audit->start();
  damages = std::make_unique<DamageBook>([this](const DamagedThing& thing) {
    const std::string resource =
        thing.bucket.empty() ? "arn:demilune:::store/" + thing.place : access::s3_arn(thing.bucket, thing.key);
    auto author = audit::Author::of_node(identity.node, world.clock->wall(), "node/" + identity.name,
                                         "demilune:FindDamage", resource);
    // A full queue: the log has said it, and the next start finds it again.
    auto told = audit->submit(author.taken_back(thing.name() + ": " + thing.place).record());
    if (!told.ok()) log_warn("node", "recording damage: {}", told.error().message);
  });
  principals = std::make_unique<ControlPrincipals>(*control);
  gate::Gate::Config g;
  g.node_name = identity.name;
  g.node = identity.node;
  g.region = identity.region;
  g.own_uid = ::getuid();
  g.clock = world.clock;
  g.principals = principals.get();
  g.record = [this](Bytes record) { return audit->submit(std::move(record)); };
  gate = std::make_unique<gate::Gate>(std::move(g));
  // Objects are in `default`; its meter lives as long as the store.
  admission =
      std::make_unique<gate::Admission>(admission_limits(config.settings), *world.clock,
                                        [&meter = store->meter("default")](MonoTime now) { return meter.age(now); });
  if (is_hub() && control->state()->users.empty()) return make_administrator();
  tell_no_key_was_made();
  return {};
}

Result<void> Node::Parts::make_administrator() {
  auto by = [this](const char* action) {
    return audit::Author::of_node(identity.node, world.clock->wall(), "first-start", action,
                                  "arn:demilune:::user/" + std::string(kAdmin));
  };
  std::unique_ptr<AdminKeyFile> file;
  if (!config.admin_key_file.empty()) {
    DL_TRY(file, AdminKeyFile::prepare(*world.fs, config.admin_key_file));
  }
  DL_OK(control->create_user(by("demilune:CreateUser"), kAdmin, {{"administrator", kAllowAll}}));
  DL_TRY(auto key, control->create_key(by("demilune:CreateKey"), kAdmin));
  if (file) return file->write(key.id, key.secret);
  first_key = FirstKey{key.id, key.secret};
  return {};
}

// Only a hub's first start makes a key. A file that is there is that start's: units name it at every start.
void Node::Parts::tell_no_key_was_made() const {
  if (config.admin_key_file.empty()) return;
  auto there = world.fs->exists(config.admin_key_file);
  if (there.ok() && *there) return;
  log_warn("node", "no administrator's key was made, and {} was not written: {}. {}", config.admin_key_file,
           is_hub() ? "this hub has its users already" : "a device has none of its own",
           is_hub() ? "A new key: `demilune key create admin --file FILE`." : "Keys are made at the hub.");
}

// Facts moved: who may what, who is a device, which buckets are held. Runs on the thread that changed them.
void Node::Parts::control_changed() {
  if (is_hub()) {
    if (projector) projector->poke();
    if (hub_link) {
      for (const auto& [name, device] : control->state()->devices)
        if (device.state != format::DeviceState::kEnrolled) hub_link->drop(name);
      auto held = spaces->hold_lost();
      if (!held.ok()) log_error("node", "holding what lost devices left: {}", held.error().message);
      hub_link->changed_all();
    }
    return;
  }
  auto refreshed = spaces->refresh();
  if (!refreshed.ok()) log_error("node", "reading the held spaces: {}", refreshed.error().message);
  if (device_link) device_link->changed_all();
  if (bridge) bridge->poke();
}

Result<void> Node::Parts::open_objects() {
  DL_TRY(auto key, ensure_device_key(*keys, *world.random));
  sync::SealingKey sealing{identity.device_id, [key](BytesView message) -> Result<Bytes> { return key.sign(message); }};
  sync_spaces = std::make_unique<sync::JournalSpaces>(*spaces, *world.clock, std::move(sealing));
  if (!is_hub()) {
    sealer = std::make_unique<Sealer>([this]() -> Result<void> {
      for (const auto& space : spaces->written()) {
        auto sealed = sync_spaces->seal(space);
        // Let go of meanwhile.
        if (!sealed.ok() && sealed.error().code != Code::kNotFound) return sealed;
      }
      return {};
    });
    sync::DeviceLinkConfig d;
    d.runtime = runtime.get();
    d.clock = world.clock;
    d.spaces = sync_spaces.get();
    DL_TRY(d.hub_address, net::parse_host_port(identity.hub_address));
    net::TlsOptions tls;
    DL_TRY(auto certificate, crypto::Certificate::from_der(identity.link_certificate));
    tls.identity = net::TlsIdentity{certificate.pem(), key.pem()};
    tls.versions = net::TlsVersions::k13Only;
    tls.ca_pem = identity.hub_ca_pem;
    tls.dates = net::CertificateDates::kIgnored;
    DL_TRY(d.tls, net::TlsContext::client(std::move(tls)));
    d.self = identity.device_id;
    d.node = identity.node;
    d.hub = sync::Peer{identity.hub_id, identity.hub_name, NodeId{}, true, {}};
    d.history_arrived = [this](const BucketId& space) {
      if (space == BucketId::of(identity.device_id.view())) {
        auto reloaded = control->reload();
        if (!reloaded.ok()) log_error("node", "reading the projection: {}", reloaded.error().message);
        return;
      }
      auto refreshed = spaces->refresh();
      if (!refreshed.ok()) log_error("node", "reading the held spaces: {}", refreshed.error().message);
    };
    d.settled = [this](const BucketId& space, uint64_t oseq) { spaces->settled(space, oseq); };
    device_link = std::make_unique<sync::DeviceLink>(std::move(d));
    waiter = std::make_unique<LinkWaiter>(*device_link);
  }
  read_cache = std::make_unique<objects::ReadCache>(config.settings.size("objects.cache"));
  objects::Deps o;
  o.cache = read_cache.get();
  o.runtime = runtime.get();
  o.clock = world.clock;
  o.random = world.random;
  o.buckets = spaces.get();
  o.spaces = spaces.get();
  o.waiter = waiter.get();
  o.gate = gate.get();
  o.damaged = [this](const objects::Damaged& d) {
    damages->note({d.bucket, d.key, d.version, d.why, world.clock->wall()});
  };
  o.clock_trust = [] { return format::ClockTrust::kUnknown; };
  objects = std::make_unique<objects::Objects>(std::move(o));
  return {};
}

Result<sync::Peer> Node::Parts::find_peer(BytesView der) const {
  DL_TRY(auto certificate, crypto::Certificate::from_der(der));
  auto issued = crypto::verify_issued(certificate, link_authority->certificate, crypto::Usage::kClient, std::nullopt);
  if (!issued.ok())
    return error(Code::kForeign, "this hub did not issue that device's certificate",
                 "Connect the device to its own hub, or enrol it here.");
  DL_TRY(auto key, certificate.public_key());
  DL_TRY(auto member, fleet->find_member(key.spki()));
  DL_TRY(auto row, fleet->get(member.name));
  return sync::Peer{member.id, member.name, row.node, false, row.public_key};
}

Result<Bytes> Node::Parts::enroll(BytesView request_bytes, BytesView der) {
  DL_TRY(auto request, format::decode_enroll_request(request_bytes));
  DL_TRY(auto certificate, crypto::Certificate::from_der(der));
  DL_TRY(auto key, certificate.public_key());
  DL_TRY(auto answer, fleet->enroll(request, key.spki()));
  log_info("fleet", "device {} is enrolled", request.device);
  return format::encode(answer);
}

Result<void> Node::Parts::open_fleet() {
  if (!is_hub()) return {};
  fleet::FleetConfig f;
  f.control = control.get();
  f.clock = world.clock;
  f.random = world.random;
  f.hub_name = identity.name;
  f.hub_region = identity.region;
  f.hub_id = identity.device_id;
  f.hub_ca_pem = authority->certificate.pem();
  f.hub_ca_sha256 = authority->certificate.fingerprint();
  f.issue_certificate = [this](BytesView spki, const std::string& device) -> Result<Bytes> {
    DL_TRY(auto key, crypto::PublicKey::from_spki(spki));
    DL_TRY(auto certificate, crypto::issue_link(*link_authority, key, {identity.name, device},
                                                crypto::Validity::always(), *world.random));
    return certificate.der();
  };
  f.record = [this](Bytes record) { return audit->submit(std::move(record)); };
  fleet = std::make_unique<fleet::Fleet>(std::move(f));

  sync::HubLinkConfig h;
  h.runtime = runtime.get();
  h.clock = world.clock;
  h.spaces = sync_spaces.get();
  h.self = identity.device_id;
  h.node = identity.node;
  h.max_connections = config.settings.number("link.max_connections");
  h.find_peer = [this](BytesView der) { return find_peer(der); };
  h.enroll = [this](BytesView request, BytesView der) { return enroll(request, der); };
  h.records_arrived = [this](const BucketId&) { notifier->wrote(); };
  h.contact = [this](const sync::Peer&) { projector->poke(); };
  hub_link = std::make_unique<sync::HubLink>(std::move(h));

  fleet::ProjectorConfig p;
  p.control = control.get();
  p.partition = &store->partition("control");
  p.blobs = &store->blobs("control");
  p.clock = world.clock;
  p.self = identity.node;
  p.facts = [this] {
    fleet::ProjectionFacts facts;
    facts.hub_name = identity.name;
    facts.today = day_of(*world.clock);
    facts.lease_days = static_cast<uint32_t>(config.settings.number("fleet.lease_days"));
    facts.secret_of = [this](const std::string& id) { return control->secret_of(id); };
    facts.touches = may_touch;
    return facts;
  };
  p.changed = [this](const BucketId& space) { hub_link->changed(space); };
  projector = std::make_unique<fleet::Projector>(std::move(p));
  return {};
}

Result<void> Node::Parts::open_compute() {
  auto& partition = store->partition("control");
  registry::ImageStoreSettings i;
  i.rootfs_dir = dir("workloads/images");
  i.tmp_dir = dir("tmp");
  i.max_image_bytes = config.settings.size("registry.max_image");
  i.unpack.max_bytes = config.settings.size("registry.max_unpacked");
  i.unpack.max_entries = config.settings.number("registry.max_entries");
  images = std::make_unique<registry::ImageStore>(partition, store->blobs("control"), *world.fs, *world.clock,
                                                  *world.random, std::move(i));
  DL_OK(images->start());
  workload_table = std::make_unique<compute::PartitionWorkloadTable>(partition);
  containers = std::make_unique<compute::CrunRuntime>(*world.fs, compute::CrunSettings{dir("workloads/crun"), {}, {}});
  object_access = std::make_unique<GatedObjects>(*runtime, *gate, *objects, *world.fs);
  compute::ComputeSettings s;
  s.dir = dir("workloads");
  s.node = identity.name;
  s.workers = config.settings.number("compute.workers");
  s.max_log_bytes = config.settings.size("compute.log_size");
  compute = std::make_unique<compute::ComputeService>(*workload_table, *images, *containers, *object_access, *world.fs,
                                                      *world.clock, *world.random, std::move(s));
  DL_OK(compute->start());
  if (!is_hub())
    bridge = std::make_unique<WorkloadBridge>(*control, *workload_table, *compute, [this] {
      sealer->wrote();
      device_link->changed(BucketId::of(identity.device_id.view()));
    });
  return {};
}

}  // namespace dl::node

#include "node/enroll.h"

#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "format/frames.h"
#include "net/runtime.h"
#include "net/tls_stream.h"
#include "node/identity.h"
#include "node/node_keys.h"
#include "sync/meta_session.h"

namespace dl::node {
namespace {

// The hub is known by its CA's fingerprint alone, before a byte is sent to it.
Result<void> check_hub_chain(const std::vector<Bytes>& chain, const Sha256& ca_sha256) {
  auto foreign = [] {
    return error(Code::kForeign, "what answers there is not the hub that made this code",
                 "Check the address; if the hub was set up anew, ask for a new code.");
  };
  if (chain.empty()) return foreign();
  DL_TRY(auto leaf, crypto::Certificate::from_der(chain.front()));
  for (const auto& der : chain) {
    DL_TRY(auto candidate, crypto::Certificate::from_der(der));
    if (candidate.fingerprint() != ca_sha256) continue;
    auto issued = crypto::verify_issued(leaf, candidate, crypto::Usage::kServer, std::nullopt);
    if (issued.ok()) return {};
  }
  return foreign();
}

struct Exchange {
  format::InviteCode code;
  format::EnrollRequest request;
  std::shared_ptr<net::TlsContext> tls;
  format::EnrollAnswer answer;
};

Task<void> ask_hub(std::shared_ptr<Exchange> x) {
  DL_CO_TRY(auto address, net::parse_host_port(x->code.hub_address));
  DL_CO_TRY(auto stream, co_await net::connect_tls(address, x->tls));
  DL_CO_TRY(auto frame, format::encode_frame(format::EnrollFrame{format::encode(x->request)}));
  DL_CO_OK(co_await stream->write_all(frame));
  format::FrameReader reader;
  Bytes buffer(16 * 1024, '\0');
  for (;;) {
    DL_CO_TRY(auto next, reader.next());
    if (next) {
      if (const auto* deny = std::get_if<format::DenyFrame>(&*next)) co_return sync::error_of(*deny, "the hub");
      const auto* answer = std::get_if<format::EnrollAnswerFrame>(&*next);
      if (!answer) co_return error(Code::kInvalid, "the hub answered something else than an enrolment");
      DL_CO_TRY(x->answer, format::decode_enroll_answer(answer->answer));
      (void)(co_await stream->finish()).ok();
      co_return Result<void>();
    }
    DL_CO_TRY(size_t n, co_await stream->read_some(buffer.data(), buffer.size()));
    if (n == 0) co_return error(Code::kClosed, "the hub closed the link without an answer", "Run the command again.");
    reader.feed(BytesView(buffer).substr(0, n));
  }
}

// What is to be done with a directory that was begun as a device. It is kept, so that a start by itself (systemd) makes
// no hub of it. Without it a certificate that the hub has issued to its key would be lost: nothing is said of removing
// it when an earlier try may have come that far.
Error refused(Error e, const std::string& dir, bool begun_now) {
  if (e.code != Code::kDenied && e.code != Code::kForeign) return e;
  e.next += (e.next.empty() ? "" : " ") + dir + " stays begun as a device: run the command again with the right code.";
  if (begun_now) e.next += " To make something else of it, remove it first; it holds no data.";
  return e;
}

}  // namespace

Result<format::NodeIdentity> enroll_device(const std::string& code_text, const std::string& data_dir) {
  DL_TRY(auto code, format::decode_invite_code(code_text));
  auto& fs = storage::posix_file_system();
  auto& random = system_random();
  const auto& clock = system_clock();
  DL_TRY(bool fresh, NodeKeys::is_fresh(fs, data_dir));
  DL_TRY(auto keys, NodeKeys::open_or_make(fs, data_dir, random));
  // An enrolment that was cut off after its store was made goes on; anything else that is not empty is left alone.
  if (!fresh && !keys->find(kEnrolling))
    return error(Code::kExists, data_dir + " is a node already", "Choose an empty directory.");
  if (auto other = keys->find(crypto::ring::kLinkCaKey))
    return error(Code::kExists, data_dir + " was begun as a hub", "Choose an empty directory.");

  // Before the code is spent: is it a device already, or does a node run there?
  std::unique_ptr<storage::LocalStore> store;
  if (!fresh) {
    DL_TRY(store, open_store(fs, data_dir, *keys, clock, random));
    DL_TRY(auto before, load_identity(store->partition("control")));
    if (before)
      return error(Code::kExists, data_dir + " is device '" + before->name + "' already", "Choose an empty directory.");
  }

  auto x = std::make_shared<Exchange>();
  x->code = code;
  DL_TRY(auto key, ensure_device_key(*keys, random));
  DL_TRY(auto authority, ensure_own_authority(*keys, code.device, clock, random));
  auto node = keys->find(kEnrolling);
  const bool begun_now = !node;
  if (!node) {
    node = random.id<NodeId>().bytes();
    DL_OK(keys->change([&](crypto::KeyRing& ring) -> Result<void> {
      ring.set(kEnrolling, *node);
      return {};
    }));
  }
  DL_TRY(auto own, crypto::make_self_signed(key, code.device, crypto::Validity::always(), random));
  DL_TRY(auto node_id, NodeId::from_bytes(*node));
  x->request = {code.secret, code.device, authority.certificate.pem(), node_id};
  net::TlsOptions options;
  options.identity = net::TlsIdentity{own.pem(), key.pem()};
  options.versions = net::TlsVersions::k13Only;
  options.dates = net::CertificateDates::kIgnored;
  options.verify_chain = [ca = code.ca_sha256](const std::vector<Bytes>& chain) { return check_hub_chain(chain, ca); };
  DL_TRY(x->tls, net::TlsContext::client(std::move(options)));

  net::Runtime runtime(1, 1);
  runtime.start();
  auto asked = runtime.run([x] { return ask_hub(x); });
  runtime.stop();
  if (!asked.ok())
    return refused(std::move(asked).error().within("enrolling at " + code.hub_address), data_dir, begun_now);

  format::NodeIdentity identity;
  identity.role = format::NodeRole::kDevice;
  identity.name = code.device;
  identity.device_id = x->answer.device_id;
  identity.node = node_id;
  identity.space_id_key = x->answer.projection_id_key;
  identity.region = code.device;
  identity.hub_name = x->answer.hub_name;
  identity.hub_id = x->answer.hub_id;
  identity.hub_address = code.hub_address;
  identity.hub_ca_pem = x->answer.hub_ca_pem;
  identity.link_certificate = x->answer.certificate;
  if (!store) {
    DL_TRY(store, open_store(fs, data_dir, *keys, clock, random));
  }
  DL_OK(store_identity(store->partition("control"), identity));
  store->stop();
  return identity;
}

}  // namespace dl::node

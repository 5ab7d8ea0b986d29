#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

#include "net/limits.h"
#include "net/tls_impl.h"

namespace dl::net {
namespace {

namespace ssl = boost::asio::ssl;

int refusal_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Bytes certificate_der(X509* certificate) {
  Bytes der;
  int size = certificate ? i2d_X509(certificate, nullptr) : 0;
  if (size <= 0) return der;
  der.resize(static_cast<size_t>(size));
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &at);
  return der;
}

std::vector<Bytes> sent_chain(X509_STORE_CTX* store) {
  std::vector<Bytes> chain{certificate_der(X509_STORE_CTX_get0_cert(store))};
  auto* others = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(others); i++) {
    Bytes der = certificate_der(sk_X509_value(others, i));
    if (der != chain.front()) chain.push_back(std::move(der));
  }
  return chain;
}

// Stands in for OpenSSL's whole decision about the peer: chain when roots are given, then the caller's own word.
int decide_peer(X509_STORE_CTX* store, void* argument) {
  const auto& options = static_cast<TlsContext::Impl*>(argument)->options;
  auto* handle = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* refusal = static_cast<std::optional<Error>*>(SSL_get_ex_data(handle, refusal_index()));
  bool own_word = options.verify || options.verify_chain;
  bool chain = !options.ca_pem.empty() || !own_word;
  if (chain && X509_verify_cert(store) != 1) {
    int code = X509_STORE_CTX_get_error(store);
    *refusal = error(Code::kForeign,
                     std::string("the other side's certificate is refused: ") + X509_verify_cert_error_string(code),
                     "Check that the address is right, and that its CA is the one you trust.");
    return 0;
  }
  if (!own_word) return 1;
  auto word = options.verify_chain ? options.verify_chain(sent_chain(store))
                                   : options.verify(certificate_der(X509_STORE_CTX_get0_cert(store)));
  if (word.ok()) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  *refusal = std::move(word).error().within("the other side's certificate is refused");
  return 0;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* argument) {
  const auto& want = static_cast<TlsContext::Impl*>(argument)->options.alpn;
  for (unsigned at = 0; at < in_size; at += in[at] + 1u) {
    std::string_view offered(reinterpret_cast<const char*>(in + at + 1), in[at]);
    if (offered != want) continue;
    *out = in + at + 1;
    *out_size = in[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Error bad_pem(const char* what, const std::string& why) {
  return error(Code::kInvalid, std::string("the TLS ") + what + " cannot be used: " + why,
               "Give PEM files that belong together, the certificate first in its chain.");
}

Result<void> load_identity(ssl::context& context, const TlsIdentity& id) {
  boost::system::error_code ec;
  if (id.chain_pem.size() > limits::kMaxCertificateBytes || id.key_pem.size() > limits::kMaxCertificateBytes)
    return bad_pem("certificate", "it is longer than 64 KiB");
  context.use_certificate_chain(boost::asio::buffer(id.chain_pem), ec);
  if (ec) return bad_pem("certificate", ec.message());
  context.use_private_key(boost::asio::buffer(id.key_pem), ssl::context::pem, ec);
  if (ec) return bad_pem("key", ec.message());
  if (SSL_CTX_check_private_key(context.native_handle()) != 1)
    return bad_pem("key", "it does not belong to the certificate");
  return {};
}

Result<void> apply_common(TlsContext::Impl& impl) {
  SSL_CTX* handle = impl.context.native_handle();
  const TlsOptions& o = impl.options;
  SSL_CTX_set_min_proto_version(handle, o.versions == TlsVersions::k13Only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(handle, "ECDHE+AESGCM:ECDHE+CHACHA20");
  if (o.identity) DL_OK(load_identity(impl.context, *o.identity));
  if (!o.ca_pem.empty()) {
    boost::system::error_code ec;
    impl.context.add_certificate_authority(boost::asio::buffer(o.ca_pem), ec);
    if (ec) return bad_pem("CA", ec.message());
  }
  if (o.dates == CertificateDates::kIgnored)
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(handle), X509_V_FLAG_NO_CHECK_TIME);
  SSL_CTX_set_cert_verify_callback(handle, decide_peer, &impl);
  return {};
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::server(TlsOptions options) {
  if (!options.identity) return error(Code::kInvalid, "a TLS server needs a certificate and its key");
  if (options.peer != PeerCertificate::kNone && options.ca_pem.empty() && !options.verify && !options.verify_chain)
    return error(Code::kInvalid, "client certificates are asked for, but nothing says which are good");
  auto impl = std::make_unique<Impl>(std::move(options));
  DL_OK(apply_common(*impl));
  SSL_CTX* handle = impl->context.native_handle();
  int mode = SSL_VERIFY_NONE;
  if (impl->options.peer == PeerCertificate::kOptional) mode = SSL_VERIFY_PEER;
  if (impl->options.peer == PeerCertificate::kRequired) mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(handle, mode, nullptr);
  // A resumed session would skip the question whether the peer is still welcome.
  if (mode != SSL_VERIFY_NONE) {
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(handle, 0);
    SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
  }
  static constexpr std::string_view kSessionContext = "demilune";
  SSL_CTX_set_session_id_context(handle, as_u8(kSessionContext), kSessionContext.size());
  if (!impl->options.alpn.empty()) SSL_CTX_set_alpn_select_cb(handle, choose_alpn, impl.get());
  return std::make_shared<TlsContext>(std::move(impl));
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(TlsOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  DL_OK(apply_common(*impl));
  SSL_CTX* handle = impl->context.native_handle();
  SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
  const TlsOptions& o = impl->options;
  if (o.ca_pem.empty() && !o.verify && !o.verify_chain) SSL_CTX_set_default_verify_paths(handle);
  if (!o.alpn.empty()) {
    std::string wire = static_cast<char>(o.alpn.size()) + o.alpn;
    SSL_CTX_set_alpn_protos(handle, as_u8(wire), static_cast<unsigned>(wire.size()));
  }
  return std::make_shared<TlsContext>(std::move(impl));
}

void tls_prepare(SSL* handle, const TlsOptions& options, std::optional<Error>* refusal) {
  SSL_set_ex_data(handle, refusal_index(), refusal);
  if (options.name.empty()) return;
  boost::system::error_code ec;
  boost::asio::ip::make_address(options.name, ec);
  if (!ec) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), options.name.c_str());
    return;
  }
  SSL_set_tlsext_host_name(handle, options.name.c_str());
  SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(handle, options.name.c_str());
}

Bytes tls_peer_certificate(SSL* handle) { return certificate_der(SSL_get0_peer_certificate(handle)); }

Error tls_error(const boost::system::error_code& ec, const std::optional<Error>& refusal) {
  if (refusal) return *refusal;
  if (ec == ssl::error::stream_truncated) return error(Code::kClosed, "the TLS connection was cut");
  switch (ERR_GET_REASON(static_cast<unsigned long>(ec.value()))) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return error(Code::kDenied, "the other side refused our certificate (" + ec.message() + ")",
                   "Check that this node is enrolled there and not suspended.");
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return error(Code::kUnauthenticated, "the other side showed no certificate");
    default:
      return error(Code::kForeign, "the other side does not speak TLS as expected (" + ec.message() + ")",
                   "Check that the port is the right one.");
  }
}

}  // namespace dl::net

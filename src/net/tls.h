#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// TLS settings of one side. Made once, shared by many connections, never changed: to change a certificate, make a new
// one and put it into the TlsSlot.
namespace dl::net {

struct TlsIdentity {
  std::string chain_pem;  // leaf first
  std::string key_pem;
};

enum class TlsVersions { k12And13, k13Only };
enum class PeerCertificate { kNone, kOptional, kRequired };
enum class CertificateDates { kChecked, kIgnored };

struct TlsOptions {
  std::optional<TlsIdentity> identity;  // a server must have one
  TlsVersions versions = TlsVersions::k12And13;
  std::string alpn;  // the one protocol spoken, "http/1.1"; empty: none is negotiated
  // What the peer's chain must hang on, PEM. Empty: `verify` decides alone, or, in a client without it, the system's
  // roots hold.
  std::string ca_pem;
  CertificateDates dates = CertificateDates::kChecked;
  PeerCertificate peer = PeerCertificate::kNone;  // server only; a client always wants the server's
  // Client only: DNS name or IP address that the server's certificate must carry, and that is told to it (SNI). Empty:
  // not looked at.
  std::string name;
  // Asked last, with the peer's leaf certificate in DER. Called on any loop, several at a time; must not block.
  std::function<Result<void>(BytesView leaf_der)> verify;
  // Instead of `verify`: the certificates as the peer sent them, leaf first, not checked against each other. For a peer
  // that is known by the fingerprint of its root alone.
  std::function<Result<void>(const std::vector<Bytes>& chain_der)> verify_chain;
};

class TlsContext {
 public:
  // kInvalid: bad PEM, a key that is not the certificate's, or options that make no sense.
  static Result<std::shared_ptr<TlsContext>> server(TlsOptions options);
  static Result<std::shared_ptr<TlsContext>> client(TlsOptions options);
  ~TlsContext();

  struct Impl;
  Impl& impl() { return *impl_; }
  explicit TlsContext(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Where listeners look for the present context, so that a certificate is changed while they run: new connections get
// the new one, living ones keep theirs. Thread-safe.
class TlsSlot {
 public:
  explicit TlsSlot(std::shared_ptr<TlsContext> context) : context_(std::move(context)) {}
  std::shared_ptr<TlsContext> get() const {
    std::lock_guard lock(m_);
    return context_;
  }
  void replace(std::shared_ptr<TlsContext> context) {
    std::lock_guard lock(m_);
    context_ = std::move(context);
  }

 private:
  mutable std::mutex m_;
  std::shared_ptr<TlsContext> context_;
};

}  // namespace dl::net

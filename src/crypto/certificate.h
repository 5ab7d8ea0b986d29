#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/keys.h"

// X.509 version 3 certificates (RFC 5280) with P-256 keys, as the node makes and reads them.
namespace dl::crypto {

struct CertificateHandle;  // OpenSSL's object, inside this room

// Immutable, thread-safe; copies share one object.
class Certificate {
 public:
  // Errors: kInvalid (not one certificate, over 64 KiB).
  static Result<Certificate> from_der(BytesView der);
  static Result<Certificate> from_pem(BytesView pem);  // the first one of the text
  Bytes der() const;
  Bytes pem() const;
  Sha256 fingerprint() const;  // SHA-256 of the DER
  // Errors: kInvalid when the key is not on P-256.
  Result<PublicKey> public_key() const;
  std::string common_name() const;  // of the subject; empty when there is none
  std::vector<std::string> uri_names() const;
  std::vector<std::string> dns_names() const;
  std::vector<std::string> ip_names() const;  // "127.0.0.1", "::1"
  WallTime not_before() const;
  WallTime not_after() const;
  bool is_ca() const;

 private:
  friend struct CertificateHandle;
  explicit Certificate(std::shared_ptr<const CertificateHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const CertificateHandle> handle_;  // shared: immutable, and copied into sessions
};

struct Validity {
  WallTime from, to;
  // A day back, for clocks that lag, and `days` ahead.
  static Validity days(WallTime now, int days);
  // From 2000-01-01 to 9999-12-31T23:59:59Z, which RFC 5280, 4.1.2.5 means for "no end": for certificates whose dates
  // do not count.
  static Validity always();
};

inline constexpr int kServerCertificateDays = 90;

struct Authority {
  Certificate certificate;
  PrivateKey key;
};

// A root of its own: basicConstraints CA, keyCertSign and cRLSign. Errors: kInvalid for a name over 64 bytes.
Result<Authority> make_authority(const std::string& common_name, Validity validity, Random& random);

// For TLS servers: the first name is also the common name; every name that reads as an IP address becomes an IP name.
// Errors: kInvalid (no name, more than 100, or one that is neither a host name nor an address).
Result<Certificate> issue_server(const Authority& authority, const PublicKey& key,
                                 const std::vector<std::string>& names, Validity validity, Random& random);

// Who is at the other end of a device link: the one URI name "demilune:<hub>/<device>".
struct LinkName {
  std::string hub, device;
  std::string uri() const { return "demilune:" + hub + "/" + device; }
  bool operator==(const LinkName&) const = default;
};
// For TLS clients: one URI name, no other. Errors: kInvalid when a part is not [a-z0-9-]{1,63}.
Result<Certificate> issue_link(const Authority& authority, const PublicKey& key, const LinkName& name,
                               Validity validity, Random& random);
// Errors: kInvalid unless the certificate has exactly one subject alternative name and it is such a URI.
Result<LinkName> link_name(const Certificate& certificate);

// What a new device shows before it is enrolled: proves that it holds the key, nothing else.
Result<Certificate> make_self_signed(const PrivateKey& key, const std::string& common_name, Validity validity,
                                     Random& random);

enum class Usage { kServer, kClient };
// Whether `leaf` was issued by `authority` for that usage, under OpenSSL's strict rules; at a time, or without regard
// to dates (the device link). Errors: kUnauthenticated with OpenSSL's reason.
Result<void> verify_issued(const Certificate& leaf, const Certificate& authority, Usage usage,
                           std::optional<WallTime> at);

}  // namespace dl::crypto

#include "crypto/certificate.h"

#include <ctime>
#include <string_view>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "crypto/evp.h"
#include "crypto/hash.h"
#include "crypto/x509.h"

namespace dl::crypto {
namespace {

constexpr size_t kMaxCertificateBytes = 64 * 1024;

Result<Certificate> wrap(X509Ptr x509) {
  if (!x509) return error(Code::kInvalid, "no certificate in these bytes: " + openssl_error());
  return CertificateHandle::certificate(std::move(x509));
}

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

NamesPtr alternative_names(const Certificate& certificate) {
  X509* x509 = CertificateHandle::of(certificate);
  return NamesPtr(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
}

Bytes string_bytes(const ASN1_STRING* s) {
  return Bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<size_t>(ASN1_STRING_length(s)));
}

std::vector<std::string> names_of_type(const Certificate& certificate, int wanted) {
  std::vector<std::string> out;
  NamesPtr names = alternative_names(certificate);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); i++) {
    int type = 0;
    void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type == wanted) out.push_back(string_bytes(static_cast<ASN1_STRING*>(value)));
  }
  return out;
}

WallTime wall_of(const ASN1_TIME* time) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return {};
  return std::chrono::sys_days(std::chrono::year(tm.tm_year + 1900) / (tm.tm_mon + 1) / tm.tm_mday) +
         std::chrono::hours(tm.tm_hour) + std::chrono::minutes(tm.tm_min) + std::chrono::seconds(tm.tm_sec);
}

std::string ip_text(const Bytes& raw) {
  std::string out;
  if (raw.size() == 4) {
    for (size_t i = 0; i < 4; i++) out += (i ? "." : "") + std::to_string(static_cast<uint8_t>(raw[i]));
    return out;
  }
  if (raw.size() != 16) return "?";
  if (raw == Bytes(15, '\0') + '\1') return "::1";
  for (size_t i = 0; i < 16; i += 2) out += fmt::format("{}{:x}", i ? ":" : "", get_be16(BytesView(raw).substr(i)));
  return out;
}

}  // namespace

Result<Certificate> Certificate::from_der(BytesView der) {
  if (der.size() > kMaxCertificateBytes) return error(Code::kInvalid, "a certificate over 64 KiB");
  const uint8_t* at = as_u8(der);
  X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x509 && at != as_u8(der) + der.size()) return error(Code::kInvalid, "bytes behind the certificate");
  return wrap(std::move(x509));
}

Result<Certificate> Certificate::from_pem(BytesView pem) {
  if (pem.size() > 2 * kMaxCertificateBytes) return error(Code::kInvalid, "a certificate over 128 KiB");
  BioPtr bio = bio_over(pem);
  return wrap(X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)));
}

Bytes Certificate::der() const {
  uint8_t* out = nullptr;
  int size = i2d_X509(CertificateHandle::of(*this), &out);
  DL_ASSERT(size > 0, openssl_error());
  Bytes der(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return der;
}

Bytes Certificate::pem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  DL_ASSERT(bio && PEM_write_bio_X509(bio.get(), CertificateHandle::of(*this)) == 1, openssl_error());
  return bio_bytes(bio.get());
}

Sha256 Certificate::fingerprint() const { return sha256(der()); }

Result<PublicKey> Certificate::public_key() const {
  X509_PUBKEY* key = X509_get_X509_PUBKEY(CertificateHandle::of(*this));
  uint8_t* out = nullptr;
  int size = i2d_X509_PUBKEY(key, &out);
  if (size <= 0) return error(Code::kInvalid, "a certificate without a public key: " + openssl_error());
  Bytes spki(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return PublicKey::from_spki(spki);
}

std::string Certificate::common_name() const {
  X509_NAME* subject = X509_get_subject_name(CertificateHandle::of(*this));
  int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return string_bytes(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::vector<std::string> Certificate::uri_names() const { return names_of_type(*this, GEN_URI); }
std::vector<std::string> Certificate::dns_names() const { return names_of_type(*this, GEN_DNS); }

std::vector<std::string> Certificate::ip_names() const {
  std::vector<std::string> out;
  for (const Bytes& raw : names_of_type(*this, GEN_IPADD)) out.push_back(ip_text(raw));
  return out;
}

WallTime Certificate::not_before() const { return wall_of(X509_get0_notBefore(CertificateHandle::of(*this))); }
WallTime Certificate::not_after() const { return wall_of(X509_get0_notAfter(CertificateHandle::of(*this))); }
bool Certificate::is_ca() const { return X509_check_ca(CertificateHandle::of(*this)) == 1; }

Result<LinkName> link_name(const Certificate& certificate) {
  NamesPtr names = alternative_names(certificate);
  auto uris = certificate.uri_names();
  constexpr std::string_view kScheme = "demilune:";
  if (!names || sk_GENERAL_NAME_num(names.get()) != 1 || uris.size() != 1 || !uris[0].starts_with(kScheme))
    return error(Code::kInvalid, "the certificate is not one of a device link (one URI name demilune:<hub>/<device>)");
  std::string rest = uris[0].substr(kScheme.size());
  size_t slash = rest.find('/');
  if (slash == std::string::npos) return error(Code::kInvalid, "the link name has no device: " + uris[0]);
  LinkName name{rest.substr(0, slash), rest.substr(slash + 1)};
  DL_OK(check_link_name(name));
  return name;
}

Result<void> verify_issued(const Certificate& leaf, const Certificate& authority, Usage usage,
                           std::optional<WallTime> at) {
  using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
  using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
  StorePtr store(X509_STORE_new());
  StoreContext context(X509_STORE_CTX_new());
  DL_ASSERT(store && context, "out of memory");
  bool ok = X509_STORE_add_cert(store.get(), CertificateHandle::of(authority)) == 1;
  ok = ok && X509_STORE_CTX_init(context.get(), store.get(), CertificateHandle::of(leaf), nullptr) == 1;
  DL_ASSERT(ok, openssl_error());
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  unsigned long flags = X509_V_FLAG_X509_STRICT;
  if (at) {
    X509_VERIFY_PARAM_set_time(param, std::chrono::floor<std::chrono::seconds>(*at).time_since_epoch().count());
  } else {
    flags |= X509_V_FLAG_NO_CHECK_TIME;
  }
  X509_VERIFY_PARAM_set_flags(param, flags);
  X509_VERIFY_PARAM_set_purpose(param, usage == Usage::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) == 1) return {};
  int reason = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return error(Code::kUnauthenticated, std::string("the certificate was not issued by this authority for this use: ") +
                                           X509_verify_cert_error_string(reason));
}

}  // namespace dl::crypto

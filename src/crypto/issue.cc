#include <algorithm>
#include <cctype>
#include <chrono>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "crypto/certificate.h"
#include "crypto/x509.h"

// Making certificates. What is allocated and set here cannot fail for any input that was checked before, so failures
// are assertions.
namespace dl::crypto {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using BnPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

void must(int ok) { DL_ASSERT(ok == 1, openssl_error()); }

std::time_t seconds(WallTime t) { return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(); }

// 127 random bits: positive, and never over 20 octets (RFC 5280, 4.1.2.2).
void set_serial(X509* x509, Random& random) {
  Bytes serial = random.bytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);
  BnPtr number(BN_bin2bn(as_u8(serial), static_cast<int>(serial.size()), nullptr));
  DL_ASSERT(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)), openssl_error());
}

void set_subject(X509* x509, const std::string& common_name) {
  X509_NAME* name = X509_get_subject_name(x509);
  must(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, as_u8("Demilune"), -1, -1, 0));
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, as_u8(common_name), static_cast<int>(common_name.size()),
                                  -1, 0));
}

void add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  DL_ASSERT(extension != nullptr, openssl_error());
  must(X509_add_ext(x509, extension.get(), -1));
}

X509Ptr begin(const std::string& common_name, EVP_PKEY* key, Validity validity, Random& random) {
  X509Ptr x509(X509_new());
  DL_ASSERT(x509 != nullptr, "out of memory");
  must(X509_set_version(x509.get(), X509_VERSION_3));
  set_serial(x509.get(), random);
  DL_ASSERT(ASN1_TIME_set(X509_getm_notBefore(x509.get()), seconds(validity.from)), openssl_error());
  DL_ASSERT(ASN1_TIME_set(X509_getm_notAfter(x509.get()), seconds(validity.to)), openssl_error());
  set_subject(x509.get(), common_name);
  must(X509_set_pubkey(x509.get(), key));
  return x509;
}

Certificate finish(X509Ptr x509, X509* issuer, EVP_PKEY* signer) {
  must(X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer)));
  add_extension(x509.get(), issuer, NID_authority_key_identifier, "keyid:always");
  DL_ASSERT(X509_sign(x509.get(), signer, EVP_sha256()) > 0, openssl_error());
  return CertificateHandle::certificate(std::move(x509));
}

void add_leaf_extensions(X509* x509, const char* usage) {
  add_extension(x509, x509, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x509, x509, NID_key_usage, "critical,digitalSignature");
  add_extension(x509, x509, NID_ext_key_usage, usage);
  add_extension(x509, x509, NID_subject_key_identifier, "hash");
}

void push_name(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  DL_ASSERT(name && value, "out of memory");
  GENERAL_NAME_set0_value(name, type, value);
  DL_ASSERT(sk_GENERAL_NAME_push(names, name) > 0, "out of memory");
}

void push_text_name(GENERAL_NAMES* names, int type, const std::string& text) {
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  must(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())));
  push_name(names, type, value);
}

Result<void> check_common_name(const std::string& name) {
  if (name.empty() || name.size() > 64) return error(Code::kInvalid, "a common name has 1 to 64 bytes: '" + name + "'");
  return {};
}

bool is_host_name(const std::string& name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.back() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '*');
  });
}

bool is_link_part(const std::string& part) {
  if (part.empty() || part.size() > 63) return false;
  return std::all_of(part.begin(), part.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Validity Validity::days(WallTime now, int days) {
  return {now - std::chrono::hours(24), now + std::chrono::hours(24) * days};
}

Validity Validity::always() {
  using namespace std::chrono;
  return {sys_days(year(2000) / 1 / 1), sys_days(year(9999) / 12 / 31) + hours(24) - std::chrono::seconds(1)};
}

Result<Authority> make_authority(const std::string& common_name, Validity validity, Random& random) {
  DL_OK(check_common_name(common_name));
  PrivateKey key = PrivateKey::generate(random);
  X509Ptr x509 = begin(common_name, KeyHandle::of(key), validity, random);
  X509* self = x509.get();
  add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(self, self, NID_subject_key_identifier, "hash");
  return Authority{finish(std::move(x509), self, KeyHandle::of(key)), key};
}

Result<Certificate> issue_server(const Authority& authority, const PublicKey& key,
                                 const std::vector<std::string>& names, Validity validity, Random& random) {
  constexpr size_t kMaxNames = 100;
  if (names.empty() || names.size() > kMaxNames)
    return error(Code::kInvalid, "a server certificate has 1 to 100 names, not " + std::to_string(names.size()));
  NamesPtr list(GENERAL_NAMES_new());
  for (const std::string& name : names) {
    if (ASN1_OCTET_STRING* ip = a2i_IPADDRESS(name.c_str())) {
      push_name(list.get(), GEN_IPADD, ip);
      continue;
    }
    ERR_clear_error();
    if (!is_host_name(name)) return error(Code::kInvalid, "neither a host name nor an address: '" + name + "'");
    push_text_name(list.get(), GEN_DNS, name);
  }
  // A common name has at most 64 bytes; clients look at the alternative names only.
  std::string common_name = names[0].size() <= 64 ? names[0] : "demilune";
  X509Ptr x509 = begin(common_name, KeyHandle::of(key), validity, random);
  add_leaf_extensions(x509.get(), "serverAuth");
  must(X509_add1_ext_i2d(x509.get(), NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT));
  X509* issuer = CertificateHandle::of(authority.certificate);
  return finish(std::move(x509), issuer, KeyHandle::of(authority.key));
}

Result<void> check_link_name(const LinkName& name) {
  if (is_link_part(name.hub) && is_link_part(name.device)) return {};
  return error(Code::kInvalid, "the parts of a link name are [a-z0-9-], 1 to 63: '" + name.uri() + "'");
}

Result<Certificate> issue_link(const Authority& authority, const PublicKey& key, const LinkName& name,
                               Validity validity, Random& random) {
  DL_OK(check_link_name(name));
  NamesPtr list(GENERAL_NAMES_new());
  push_text_name(list.get(), GEN_URI, name.uri());
  X509Ptr x509 = begin(name.device, KeyHandle::of(key), validity, random);
  add_leaf_extensions(x509.get(), "clientAuth");
  must(X509_add1_ext_i2d(x509.get(), NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT));
  X509* issuer = CertificateHandle::of(authority.certificate);
  return finish(std::move(x509), issuer, KeyHandle::of(authority.key));
}

Result<Certificate> make_self_signed(const PrivateKey& key, const std::string& common_name, Validity validity,
                                     Random& random) {
  DL_OK(check_common_name(common_name));
  X509Ptr x509 = begin(common_name, KeyHandle::of(key), validity, random);
  X509* self = x509.get();
  add_leaf_extensions(self, "clientAuth");
  return finish(std::move(x509), self, KeyHandle::of(key));
}

}  // namespace dl::crypto

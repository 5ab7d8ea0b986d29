#include "net/testing/certificates.h"

#include <atomic>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"

namespace dl::net::testing {
namespace {

struct Freer {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer>;
using Certificate = std::unique_ptr<X509, Freer>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string pem_of(X509* certificate) {
  std::unique_ptr<BIO, Freer> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  std::unique_ptr<BIO, Freer> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  DL_ASSERT(extension, "an extension that OpenSSL understands: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make(const std::string& name, EVP_PKEY* key, long from, long to) {
  static std::atomic<long> serial = 1000;
  Certificate c(X509_new());
  X509_set_version(c.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(c.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(c.get()), to);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(c.get(), key);
  return c;
}

}  // namespace

struct TestCa::Impl {
  Key key;
  Certificate certificate;
};

TestCa::TestCa(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->key.reset(EVP_EC_gen("P-256"));
  impl_->certificate = make(name, impl_->key.get(), -3600, 86'400);
  X509* c = impl_->certificate.get();
  X509_set_issuer_name(c, X509_get_subject_name(c));
  extend(c, c, NID_basic_constraints, "critical,CA:TRUE");
  extend(c, c, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(c, c, NID_subject_key_identifier, "hash");
  X509_sign(c, impl_->key.get(), EVP_sha256());
  pem_ = pem_of(c);
}

TestCa::~TestCa() = default;

TlsIdentity TestCa::issue(const Wish& wish) const {
  Key key(EVP_EC_gen("P-256"));
  long from = wish.expired ? -7200 : -3600, to = wish.expired ? -3600 : 86'400;
  Certificate c = make(wish.common_name, key.get(), from, to);
  X509* ca = impl_->certificate.get();
  X509_set_issuer_name(c.get(), X509_get_subject_name(ca));
  extend(c.get(), ca, NID_basic_constraints, "critical,CA:FALSE");
  extend(c.get(), ca, NID_ext_key_usage, wish.client ? "clientAuth" : "serverAuth");
  if (!wish.names.empty()) extend(c.get(), ca, NID_subject_alt_name, wish.names);
  X509_sign(c.get(), impl_->key.get(), EVP_sha256());
  return {pem_of(c.get()), pem_of(key.get())};
}

}  // namespace dl::net::testing

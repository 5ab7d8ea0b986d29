#pragma once

#include <memory>

#include <openssl/x509.h>

#include "crypto/certificate.h"
#include "crypto/evp.h"

// Inside this room only.
namespace dl::crypto {

using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;

struct CertificateHandle {
  X509Ptr x509;
  // OpenSSL's functions take it without const though they only fill its caches, under its own lock.
  static X509* of(const Certificate& certificate) { return certificate.handle_->x509.get(); }
  static Certificate certificate(X509Ptr x509) {
    return Certificate(std::make_shared<const CertificateHandle>(std::move(x509)));
  }
};

Result<void> check_link_name(const LinkName& name);

}  // namespace dl::crypto

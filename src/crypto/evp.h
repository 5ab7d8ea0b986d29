#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "base/result.h"
#include "crypto/keys.h"

// Inside this room only: OpenSSL's objects with owners.
namespace dl::crypto {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};

using MdContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

struct KeyHandle {
  PkeyPtr pkey;
  static EVP_PKEY* of(const PublicKey& key) { return key.handle_->pkey.get(); }
  static EVP_PKEY* of(const PrivateKey& key) { return key.handle_->pkey.get(); }
  static PublicKey public_key(PkeyPtr pkey) { return PublicKey(std::make_shared<const KeyHandle>(std::move(pkey))); }
};

Bytes bio_bytes(BIO* bio);
// Reads from memory that outlives it.
BioPtr bio_over(BytesView bytes);
bool is_p256(EVP_PKEY* key);

// Takes the oldest entry of OpenSSL's error queue and empties it.
std::string openssl_error();

}  // namespace dl::crypto

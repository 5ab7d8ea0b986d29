#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>

#include "base/result.h"

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
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// Takes the oldest entry of OpenSSL's error queue and empties it.
std::string openssl_error();

}  // namespace dl::crypto

#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"

// Key pairs on the curve P-256 with ECDSA over SHA-256: of devices, certificate authorities and seals.
namespace dl::crypto {

struct KeyHandle;  // OpenSSL's object, inside this room

// Immutable, thread-safe; copies share one object.
class PublicKey {
 public:
  // DER of a SubjectPublicKeyInfo (RFC 5480). Errors: kInvalid (not DER, not P-256, not a point of the curve).
  static Result<PublicKey> from_spki(BytesView der);
  Bytes spki() const;
  // Whether `signature` (DER, Ecdsa-Sig-Value) is one over `message` by this key.
  bool verify(BytesView message, BytesView signature) const;
  bool operator==(const PublicKey& other) const { return spki() == other.spki(); }

 private:
  friend class PrivateKey;
  friend struct KeyHandle;
  explicit PublicKey(std::shared_ptr<const KeyHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const KeyHandle> handle_;  // shared: immutable, and copied into sessions and certificates
};

class PrivateKey {
 public:
  static PrivateKey generate(Random& random);
  // PKCS #8 (RFC 5958), not encrypted. Errors: kInvalid (no such key, not P-256, halves that do not belong together).
  static Result<PrivateKey> from_der(BytesView der);
  static Result<PrivateKey> from_pem(BytesView pem);
  Bytes der() const;  // secret
  Bytes pem() const;  // secret
  PublicKey public_key() const;
  // DER, about 70 bytes, another one each time.
  Bytes sign(BytesView message) const;

 private:
  friend struct KeyHandle;
  explicit PrivateKey(std::shared_ptr<const KeyHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const KeyHandle> handle_;
};

}  // namespace dl::crypto

#include "crypto/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/assert.h"
#include "crypto/cipher.h"
#include "crypto/evp.h"

namespace dl::crypto {
namespace {

using BnPtr = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, Freed<EC_POINT_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>;

constexpr size_t kMaxKeyBytes = 4096;

// The pair of a private scalar; nullptr when the scalar is not in [1, order).
PkeyPtr pair_of(const Bytes& scalar) {
  GroupPtr group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  BnPtr secret(BN_secure_new());
  DL_ASSERT(group && secret && BN_bin2bn(as_u8(scalar), static_cast<int>(scalar.size()), secret.get()),
            openssl_error());
  if (BN_is_zero(secret.get()) || BN_cmp(secret.get(), EC_GROUP_get0_order(group.get())) >= 0) return nullptr;
  PointPtr point(EC_POINT_new(group.get()));
  DL_ASSERT(point && EC_POINT_mul(group.get(), point.get(), secret.get(), nullptr, nullptr, nullptr) == 1,
            openssl_error());
  uint8_t encoded[65];
  size_t size =
      EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded, nullptr);
  DL_ASSERT(size == sizeof encoded, openssl_error());

  BuilderPtr builder(OSSL_PARAM_BLD_new());
  DL_ASSERT(builder != nullptr, "out of memory");
  bool ok = OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1;
  ok = ok && OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded, size) == 1;
  ok = ok && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1;
  DL_ASSERT(ok, openssl_error());
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  ok = params && context && EVP_PKEY_fromdata_init(context.get()) == 1;
  ok = ok && EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) == 1;
  DL_ASSERT(ok, openssl_error());
  return PkeyPtr(key);
}

Result<PkeyPtr> checked_private(PkeyPtr key) {
  if (!key) return error(Code::kInvalid, "no private key in these bytes: " + openssl_error());
  if (!is_p256(key.get())) return error(Code::kInvalid, "the private key is not on P-256");
  PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!context || EVP_PKEY_pairwise_check(context.get()) != 1)
    return error(Code::kInvalid, "the halves of the private key do not belong together: " + openssl_error());
  return key;
}

Bytes spki_of(EVP_PKEY* key) {
  uint8_t* out = nullptr;
  int size = i2d_PUBKEY(key, &out);
  DL_ASSERT(size > 0, openssl_error());
  Bytes der(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return der;
}

}  // namespace

Result<PublicKey> PublicKey::from_spki(BytesView der) {
  if (der.size() > kMaxKeyBytes) return error(Code::kInvalid, "a public key over 4 KiB");
  const uint8_t* at = as_u8(der);
  PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (!key || at != as_u8(der) + der.size()) {
    return error(Code::kInvalid, "no public key in these bytes: " + openssl_error());
  }
  if (!is_p256(key.get())) return error(Code::kInvalid, "the public key is not on P-256");
  PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1)
    return error(Code::kInvalid, "the public key is not a point of P-256: " + openssl_error());
  return KeyHandle::public_key(std::move(key));
}

Bytes PublicKey::spki() const { return spki_of(KeyHandle::of(*this)); }

bool PublicKey::verify(BytesView message, BytesView signature) const {
  MdContext context(EVP_MD_CTX_new());
  DL_ASSERT(context != nullptr, "out of memory");
  DL_ASSERT(
      EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, KeyHandle::of(*this), nullptr) == 1,
      openssl_error());
  int ok = EVP_DigestVerify(context.get(), as_u8(signature), signature.size(), as_u8(message), message.size());
  ERR_clear_error();
  return ok == 1;
}

PrivateKey PrivateKey::generate(Random& random) {
  for (;;) {
    Bytes scalar = random.bytes(32);
    PkeyPtr key = pair_of(scalar);
    wipe(scalar);
    if (key) return PrivateKey(std::make_shared<const KeyHandle>(std::move(key)));
  }
}

Result<PrivateKey> PrivateKey::from_der(BytesView der) {
  if (der.size() > kMaxKeyBytes) return error(Code::kInvalid, "a private key over 4 KiB");
  const uint8_t* at = as_u8(der);
  Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  if (!info || at != as_u8(der) + der.size())
    return error(Code::kInvalid, "no private key in these bytes: " + openssl_error());
  DL_TRY(PkeyPtr key, checked_private(PkeyPtr(EVP_PKCS82PKEY(info.get()))));
  return PrivateKey(std::make_shared<const KeyHandle>(std::move(key)));
}

Result<PrivateKey> PrivateKey::from_pem(BytesView pem) {
  if (pem.size() > 2 * kMaxKeyBytes) return error(Code::kInvalid, "a private key over 8 KiB");
  BioPtr bio = bio_over(pem);
  // A callback that gives no passphrase: never ask the terminal.
  auto none = [](char*, int, int, void*) { return -1; };
  DL_TRY(PkeyPtr key, checked_private(PkeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr))));
  return PrivateKey(std::make_shared<const KeyHandle>(std::move(key)));
}

Bytes PrivateKey::der() const {
  Pkcs8Ptr info(EVP_PKEY2PKCS8(KeyHandle::of(*this)));
  DL_ASSERT(info != nullptr, openssl_error());
  uint8_t* out = nullptr;
  int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &out);
  DL_ASSERT(size > 0, openssl_error());
  Bytes der(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  OPENSSL_clear_free(out, static_cast<size_t>(size));
  return der;
}

Bytes PrivateKey::pem() const {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  DL_ASSERT(
      bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), KeyHandle::of(*this), nullptr, nullptr, 0, nullptr, nullptr) == 1,
      openssl_error());
  return bio_bytes(bio.get());
}

PublicKey PrivateKey::public_key() const {
  // Through its encoding, so that the copy holds no private half.
  return PublicKey::from_spki(spki_of(KeyHandle::of(*this))).value();
}

Bytes PrivateKey::sign(BytesView message) const {
  MdContext context(EVP_MD_CTX_new());
  DL_ASSERT(context != nullptr, "out of memory");
  DL_ASSERT(
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, KeyHandle::of(*this), nullptr) == 1,
      openssl_error());
  uint8_t out[128];
  size_t size = sizeof out;
  DL_ASSERT(EVP_DigestSign(context.get(), out, &size, as_u8(message), message.size()) == 1, openssl_error());
  return Bytes(reinterpret_cast<char*>(out), size);
}

}  // namespace dl::crypto

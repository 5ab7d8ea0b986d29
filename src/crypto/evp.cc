#include "crypto/evp.h"

#include <openssl/err.h>

namespace dl::crypto {

std::string openssl_error() {
  unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

Bytes bio_bytes(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return Bytes(data, static_cast<size_t>(size));
}

BioPtr bio_over(BytesView bytes) {
  BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  DL_ASSERT(bio != nullptr, "out of memory");
  return bio;
}

bool is_p256(EVP_PKEY* key) {
  char group[64];
  size_t size = 0;
  if (EVP_PKEY_is_a(key, "EC") != 1) return false;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) return false;
  return std::string_view(group, size) == "prime256v1";
}

}  // namespace dl::crypto
